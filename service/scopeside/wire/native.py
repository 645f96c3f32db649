"""The native dialect: `[topic, header, payload, ...]` to messages and back, without sockets.

Decoding checks in an order that keeps hostile input cheap: number of parts, bytes, topic, header
size, msgpack, version, header fields, limits, payload count, payload sizes; only then is anything
decompressed. Whatever is wrong ends in a DropError that says what, and whose message it was where
the header still told. Encoding validates with the same models, so a publisher cannot send
what the service would drop.

Of a frame's channels the first (the image) is always decoded. Others are handed on as views when
their codec is `none`; compressed ones are left out, since nothing downstream reads them yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from scopeside.errors import DropError, DropReason
from scopeside.messages import Array, Channel
from scopeside.settings import LimitSettings
from scopeside.wire.arrays import (
    Buffer,
    Codec,
    checked_bytes,
    decode_payload,
    encode_payload,
    short,
    wire_dtype,
)
from scopeside.wire.headers import ChannelHeader, EndHeader, FrameHeader, StartHeader
from scopeside.wire.incoming import EndMessage, FrameMessage, Message, StartMessage
from scopeside.wire.parsing import (
    VERSION,
    check_user,
    readable_number,
    readable_series,
    unpack_header,
    validate_header,
)
from scopeside.wire.plain import plain

TOPIC_START = b"scopeside.start"
TOPIC_FRAME = b"scopeside.frame"
TOPIC_END = b"scopeside.end"

_MODELS: Mapping[bytes, type[StartHeader] | type[FrameHeader] | type[EndHeader]] = {
    TOPIC_START: StartHeader,
    TOPIC_FRAME: FrameHeader,
    TOPIC_END: EndHeader,
}


def decode_message(parts: Sequence[Buffer], limits: LimitSettings) -> Message:
    """Return what the parts of one message say; its arrays are read-only views where possible.

    Raises DropError with the contract's reason, and `series` and `frame` where they were readable.
    """
    topic = _checked_topic(parts, limits)
    fields = unpack_header(parts[1])
    try:
        header = validate_header(_MODELS[topic], fields)
        check_user(header.user, len(parts[1]), limits)
        if isinstance(header, FrameHeader):
            return _frame(header, parts[2:], limits)
        _check_payloads(0, len(parts) - 2)
    except DropError as error:
        error.series = readable_series(fields)
        error.frame = readable_number(fields) if topic == TOPIC_FRAME else None
        raise
    if isinstance(header, StartHeader):
        return StartMessage(
            series=header.series,
            t_ns=header.t_ns,
            pixel_size_m=header.pixel_size_m,
            user=header.user,
        )
    return EndMessage(
        series=header.series, t_ns=header.t_ns, frames=header.frames, user=header.user
    )


def encode_start(
    *,
    series: str,
    t_ns: int,
    pixel_size_m: tuple[float, float] | None = None,
    user: Any = None,
) -> list[Buffer]:
    """Return the parts of a `start`; DropError for what the service would drop."""
    return _encode(TOPIC_START, series=series, t_ns=t_ns, pixel_size_m=pixel_size_m, user=user)


def encode_frame(
    *,
    series: str,
    number: int,
    t_ns: int,
    channels: Sequence[Channel],
    codec: Codec = "none",
    pixel_size_m: tuple[float, float] | None = None,
    stage: Mapping[str, float] | None = None,
    pixel_to_stage: Sequence[Sequence[float]] | None = None,
    dose_e_per_m2: float | None = None,
    clock_offset_ns: int | None = None,
    clock_uncertainty_ns: int | None = None,
    user: Any = None,
) -> list[Buffer]:
    """Return the parts of a `frame`; with codec `none` the payloads share the arrays' memory.

    `stage` may hold `x_m y_m z_m alpha_rad beta_rad`; the clock's two values come from the
    control command `clock`. Raises DropError for what the service would drop, and
    MissingExtraError where the codec's package is absent.
    """
    described = [
        {
            "name": channel.name,
            "shape": list(channel.values.shape),
            "dtype": wire_dtype(channel.values),
            "codec": codec,
        }
        for channel in channels
    ]
    clock = {"offset_ns": clock_offset_ns, "uncertainty_ns": clock_uncertainty_ns}
    head = _encode(
        TOPIC_FRAME,
        series=series,
        t_ns=t_ns,
        frame=number,
        channels=described,
        pixel_size_m=pixel_size_m,
        stage=stage,
        pixel_to_stage=pixel_to_stage,
        dose_e_per_m2=dose_e_per_m2,
        clock=None if clock_offset_ns is None else clock,
        user=user,
    )
    return head + [encode_payload(channel.values, codec) for channel in channels]


def encode_end(
    *, series: str, t_ns: int, frames: int | None = None, user: Any = None
) -> list[Buffer]:
    """Return the parts of an `end`; DropError for what the service would drop."""
    return _encode(TOPIC_END, series=series, t_ns=t_ns, frames=frames, user=user)


def _encode(topic: bytes, **fields: Any) -> list[Buffer]:
    given = {key: value for key, value in fields.items() if value is not None}
    try:
        header = validate_header(_MODELS[topic], {"v": VERSION} | plain(given))
        # What was validated is sent, not what was given: an int where a float belongs is a float.
        checked = header.model_dump(exclude={"user"}, exclude_none=True)
        user = {} if header.user is None else {"user": header.user}
        packed: bytes = msgpack.packb(checked | user)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DropError(
            DropReason.BAD_HEADER, f"A header cannot be packed: {short(str(error))}."
        ) from error
    limits = LimitSettings()
    check_user(header.user, len(packed), limits)
    if isinstance(header, FrameHeader):
        _check_channels(header.channels, limits)
    return [topic, packed]


def _checked_topic(parts: Sequence[Buffer], limits: LimitSettings) -> bytes:
    if len(parts) > limits.parts:
        raise DropError(
            DropReason.TOO_LARGE, f"A message has more than limits.parts ({limits.parts}) parts."
        )
    message_bytes = sum(map(len, parts))
    if message_bytes > limits.message_bytes:
        raise DropError(
            DropReason.TOO_LARGE,
            f"A message of {message_bytes} bytes is more than limits.message_bytes"
            f" ({limits.message_bytes}).",
        )
    topic = bytes(parts[0][:64]) if parts else b""
    if topic not in _MODELS:
        raise DropError(
            DropReason.BAD_TOPIC,
            f"Topic {short(topic)} is not one of {', '.join(known.decode() for known in _MODELS)}.",
        )
    if len(parts) < 2:
        raise DropError(DropReason.BAD_HEADER, "A message has a topic but no header.")
    if len(parts[1]) > limits.header_bytes:
        raise DropError(
            DropReason.TOO_LARGE,
            f"A header of {len(parts[1])} bytes is more than limits.header_bytes"
            f" ({limits.header_bytes}).",
        )
    return topic


def _frame(header: FrameHeader, payloads: Sequence[Buffer], limits: LimitSettings) -> FrameMessage:
    sizes_bytes = _check_channels(header.channels, limits)
    _check_payloads(len(header.channels), len(payloads))
    channels = _decode_channels(header.channels, payloads, sizes_bytes)
    clock = header.clock
    return FrameMessage(
        series=header.series,
        number=header.frame,
        t_ns=header.t_ns,
        channels=channels,
        pixel_size_m=header.pixel_size_m,
        stage=header.stage.model_dump(exclude_none=True) if header.stage else None,
        pixel_to_stage=header.pixel_to_stage,
        dose_e_per_m2=header.dose_e_per_m2,
        clock_offset_ns=clock.offset_ns if clock else None,
        clock_uncertainty_ns=clock.uncertainty_ns if clock else None,
        user=header.user,
    )


def _decode_channels(
    headers: Sequence[ChannelHeader], payloads: Sequence[Buffer], sizes_bytes: Sequence[int]
) -> tuple[Channel, ...]:
    wanted = [at for at, header in enumerate(headers) if at == 0 or header.codec == "none"]
    values: dict[int, Array] = {}
    # Plain payloads first: their sizes are checked before the image may be decompressed.
    for at in sorted(wanted, key=lambda at: headers[at].codec != "none"):
        header = headers[at]
        values[at] = decode_payload(
            payloads[at],
            shape=tuple(header.shape),
            dtype=header.dtype,
            codec=header.codec,
            size_bytes=sizes_bytes[at],
        )
    return tuple(Channel(name=headers[at].name, values=values[at]) for at in wanted)


def _check_channels(channels: Sequence[ChannelHeader], limits: LimitSettings) -> list[int]:
    """Return the bytes that each channel takes, which are within the limits."""
    if len(channels) > limits.channels:
        raise DropError(
            DropReason.TOO_LARGE,
            f"A frame has {len(channels)} channels, more than limits.channels ({limits.channels}).",
        )
    if len(channels[0].shape) != 2:
        raise DropError(
            DropReason.BAD_SHAPE,
            f"The first channel is the image and must be [ny, nx], not {channels[0].shape}.",
        )
    sizes_bytes = []
    for channel in channels:
        ny, nx = channel.shape[:2]
        if ny * nx > limits.frame_pixels:
            raise DropError(
                DropReason.TOO_LARGE,
                f"Shape {channel.shape} is more than limits.frame_pixels ({limits.frame_pixels}).",
            )
        sizes_bytes.append(
            checked_bytes(
                shape=tuple(channel.shape), dtype=channel.dtype, codec=channel.codec, limits=limits
            )
        )
    return sizes_bytes


def _check_payloads(expected: int, found: int) -> None:
    if found != expected:
        raise DropError(
            DropReason.BAD_PAYLOAD,
            f"A message has {found} payloads, but its header describes {expected}.",
        )


__all__ = [
    "EndMessage",
    "FrameMessage",
    "Message",
    "StartMessage",
    "decode_message",
    "encode_end",
    "encode_frame",
    "encode_start",
]
