"""The native dialect: what is good comes back as it was, what is not has its reason."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hostile_wire import CASES, FRAME, HostileCase, channel, frame, frame_header
from scopeside.errors import DropError, DropReason
from scopeside.messages import Channel
from scopeside.settings import LimitSettings
from scopeside.wire.arrays import DTYPES
from scopeside.wire.incoming import EndMessage, FrameMessage, StartMessage
from scopeside.wire.native import decode_message, encode_end, encode_frame, encode_start

LIMITS = LimitSettings()

images = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: arrays.arrays(
        np.dtype(dtype),
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=arrays.from_dtype(np.dtype(dtype)),
    )
)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
users = st.recursive(
    plain | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def decoded(parts: Any, limits: LimitSettings = LIMITS) -> FrameMessage:
    message = decode_message(parts, limits)
    assert isinstance(message, FrameMessage)
    return message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_message_has_its_reason(case: HostileCase) -> None:
    if case.reason is None:
        decode_message(case.parts, LIMITS)
        return
    with pytest.raises(DropError) as caught:
        decode_message(case.parts, LIMITS)
    assert caught.value.reason is case.reason
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert len(sentence) < 400


def test_catalogue_is_large_and_its_names_differ() -> None:
    assert len(CASES) >= 45
    assert len({case.name for case in CASES}) == len(CASES)


@given(images, st.sampled_from(["none", "zstd", "lz4"]), users)
def test_frame_comes_back_as_it_was(image_YX: np.ndarray, codec: Any, user: Any) -> None:
    parts = encode_frame(
        series="s",
        number=7,
        t_ns=123,
        channels=[Channel(name="haadf", values=image_YX)],
        codec=codec,
        pixel_size_m=(1e-10, 2e-10),
        stage={"x_m": 1e-6, "alpha_rad": 0.1},
        pixel_to_stage=[[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]],
        dose_e_per_m2=5.0,
        clock_offset_ns=-4,
        clock_uncertainty_ns=9,
        user=user,
    )
    message = decoded(parts)
    assert (message.series, message.number, message.t_ns) == ("s", 7, 123)
    assert message.channels[0].values.dtype == image_YX.dtype
    assert message.channels[0].values.tobytes() == image_YX.tobytes()
    assert message.pixel_size_m == (1e-10, 2e-10)
    assert message.stage == {"x_m": 1e-6, "alpha_rad": 0.1}
    assert message.pixel_to_stage == ((1.0, 0.0, 2.0), (0.0, 1.0, 3.0))
    assert message.dose_e_per_m2 == 5.0
    assert (message.clock_offset_ns, message.clock_uncertainty_ns) == (-4, 9)
    assert message.user == user


def test_frame_without_options_leaves_them_out() -> None:
    parts = encode_frame(
        series="s", number=0, t_ns=1, channels=[Channel(name="a", values=np.zeros((2, 3), "<u2"))]
    )
    assert set(msgpack.unpackb(parts[1])) == {"v", "series", "t_ns", "frame", "channels"}
    message = decoded(parts)
    assert message.stage is None
    assert message.user is None
    assert message.clock_offset_ns is None


def test_start_and_end_come_back_as_they_were() -> None:
    start = decode_message(encode_start(series="s", t_ns=1, pixel_size_m=(1.0, 2.0)), LIMITS)
    end = decode_message(encode_end(series="s", t_ns=2, frames=40, user={"a": 1}), LIMITS)
    assert start == StartMessage(series="s", t_ns=1, pixel_size_m=(1.0, 2.0))
    assert end == EndMessage(series="s", t_ns=2, frames=40, user={"a": 1})


def test_numbers_of_numpy_in_a_header_arrive_as_numbers() -> None:
    message = decoded(
        encode_frame(
            series="s",
            number=np.int64(3),
            t_ns=np.int64(2**62),
            channels=[Channel(name="a", values=np.zeros((2, 3), "<u2"))],
            pixel_size_m=np.array([1e-10, 2e-10]),
            stage={"x_m": np.float32(0.5)},
            pixel_to_stage=np.eye(3)[:2],
            dose_e_per_m2=10**22,
            clock_offset_ns=np.float64(2.5),
            user={"gain": np.float32(0.25), "shape": np.arange(2)},
        )
    )
    assert (message.number, message.t_ns, message.dose_e_per_m2) == (3, 2**62, 1e22)
    assert message.pixel_size_m == (1e-10, 2e-10)
    assert message.pixel_to_stage == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert (message.stage, message.clock_offset_ns) == ({"x_m": 0.5}, 2)
    assert message.user == {"gain": 0.25, "shape": [0, 1]}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_user_alone_may_hold_what_is_no_number(number: float) -> None:
    message = decode_message(encode_start(series="s", t_ns=1, user=[number]), LIMITS)
    assert repr(message.user) == repr([number])
    with pytest.raises(DropError, match="finite"):
        encode_start(series="s", t_ns=1, pixel_size_m=(number, 1.0))


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "user",
    [{1: 2}, {1, 2}, 2**64, "\udc80", 1j, np.datetime64("2024-01-01"), np.longdouble(1), CIRCLE],
    ids=repr,
)
def test_user_that_msgpack_cannot_say_is_refused_as_a_bad_header(user: Any) -> None:
    with pytest.raises(DropError) as refusal:
        encode_start(series="s", t_ns=1, user=user)
    assert refusal.value.reason is DropReason.BAD_HEADER
    assert len(str(refusal.value)) < 200


def test_plain_payload_is_a_read_only_view_of_the_message() -> None:
    parts = [bytearray(part) for part in frame()]
    message = decoded([memoryview(part) for part in parts])
    values = message.channels[0].values
    assert not values.flags.writeable
    parts[2][:2] = b"\xff\xff"
    assert values[0, 0] == 0xFFFF


def test_noncontiguous_image_is_sent_in_c_order() -> None:
    image_YX = np.arange(24, dtype="<i4").reshape(4, 6)[::-1, ::2]
    parts = encode_frame(
        series="s", number=0, t_ns=1, channels=[Channel(name="a", values=image_YX)]
    )
    np.testing.assert_array_equal(decoded(parts).channels[0].values, image_YX)


def test_second_channel_is_kept_when_plain_and_left_out_when_compressed() -> None:
    image_YX = np.ones((4, 5), "<u2")
    spectrum_YXE = np.ones((4, 5, 7), ">u4")
    pair = [Channel(name="haadf", values=image_YX), Channel(name="eds", values=spectrum_YXE)]
    both = decoded(encode_frame(series="s", number=0, t_ns=1, channels=pair))
    assert [one.name for one in both.channels] == ["haadf", "eds"]
    assert both.channels[1].values.shape == (4, 5, 7)
    one = decoded(encode_frame(series="s", number=0, t_ns=1, channels=pair, codec="zstd"))
    assert [one.name for one in one.channels] == ["haadf"]


def test_float_offset_of_the_clock_is_rounded() -> None:
    message = decoded(frame(clock={"offset_ns": -1234.5, "uncertainty_ns": 10.2}))
    assert (message.clock_offset_ns, message.clock_uncertainty_ns) == (-1234, 10)


def test_broken_message_says_whose_it_was_where_it_can() -> None:
    with pytest.raises(DropError) as caught:
        decode_message(frame(b"short", frame=12), LIMITS)
    assert (caught.value.series, caught.value.frame) == ("hostile", 12)
    with pytest.raises(DropError) as caught:
        decode_message(frame(frame=-1), LIMITS)
    assert (caught.value.series, caught.value.frame) == ("hostile", None)
    with pytest.raises(DropError) as caught:
        decode_message((FRAME, b"\xc1"), LIMITS)
    assert (caught.value.series, caught.value.frame) == (None, None)


def test_limits_are_settings() -> None:
    def reason(message: Any, /, **limits: int) -> DropReason:
        with pytest.raises(DropError) as caught:
            decode_message(message, LimitSettings(**limits))
        return caught.value.reason

    two = frame(*[frame()[2]] * 2, channels=[channel()] * 2)
    assert reason(frame(), frame_pixels=383) is DropReason.TOO_LARGE
    assert reason(frame(user="x" * 20), user_bytes=10) is DropReason.TOO_LARGE
    assert reason(two, channels=1) is DropReason.TOO_LARGE
    assert reason(two, parts=3) is DropReason.TOO_LARGE
    assert reason(frame(bytes(1025)), message_bytes=1024) is DropReason.TOO_LARGE
    assert reason(frame(filler="x" * 256), header_bytes=256) is DropReason.TOO_LARGE


def test_frame_of_exactly_the_limit_is_taken() -> None:
    parts = frame()
    limits = LimitSettings(
        frame_pixels=384, channels=1, parts=3, message_bytes=max(1024, sum(map(len, parts)))
    )
    assert decoded(parts, limits).number == 0


def test_encoder_refuses_what_the_service_would_drop() -> None:
    good = Channel(name="a", values=np.zeros((2, 2), "<u2"))
    for reason, changes in (
        (DropReason.BAD_DTYPE, {"channels": [Channel(name="a", values=np.zeros((2, 2), "<c8"))]}),
        (DropReason.BAD_SHAPE, {"channels": [Channel(name="a", values=np.zeros(4, "<u2"))]}),
        (
            DropReason.BAD_SHAPE,
            {"channels": [Channel(name="a", values=np.zeros((1, 2, 2), "<u2"))]},
        ),
        (DropReason.BAD_HEADER, {"number": -1}),
        (DropReason.BAD_HEADER, {"series": ""}),
        (DropReason.BAD_HEADER, {"pixel_size_m": (0.0, 0.0)}),
        (DropReason.TOO_LARGE, {"channels": [good] * 17}),
        (DropReason.TOO_LARGE, {"user": b"x" * 2**16}),
    ):
        arguments: dict[str, Any] = {"series": "s", "number": 0, "t_ns": 1, "channels": [good]}
        with pytest.raises(DropError) as caught:
            encode_frame(**(arguments | changes))
        assert caught.value.reason is reason, changes


@given(st.lists(st.binary(max_size=64), max_size=5))
def test_random_parts_raise_nothing_but_drop_errors(parts: list[bytes]) -> None:
    _feed(parts)
    _feed([FRAME, *parts])


@given(st.data())
def test_mutated_header_raises_nothing_but_drop_errors(data: st.DataObject) -> None:
    packed = bytearray(msgpack.packb(frame_header(user={"a": [1, "b"]}, stage={"x_m": 1.0})))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(packed) - 1))
        packed[at] = data.draw(st.integers(0, 255))
    _feed([FRAME, bytes(packed), frame()[2]])


@given(
    st.dictionaries(
        st.sampled_from([*frame_header(), "stage", "clock", "user", "dose_e_per_m2"]), users
    ),
    st.dictionaries(st.sampled_from([*channel(), "extra"]), users),
)
def test_any_values_in_the_fields_raise_nothing_but_drop_errors(
    fields: dict[str, Any], inner: dict[str, Any]
) -> None:
    header = frame_header(channels=[channel() | inner]) | fields
    _feed([FRAME, msgpack.packb(header), frame()[2]])


def _feed(parts: list[bytes]) -> None:
    try:
        message = decode_message(parts, LIMITS)
    except DropError as error:
        dropped = str(error)
        assert dropped.endswith(".")
    else:
        assert message.series
