"""A recording as a stream: what is sent, when, and what is made new."""

import h5py
import msgpack
import pytest

from recorded import PERIOD_NS, WALL_NS, image, plain, series_messages, write
from scopeside.errors import ConfigError
from scopeside.recording.layout import Kind, RecordedMessage
from scopeside.recording.reader import Recording
from scopeside.replaying.recordings import RecordingSource
from scopeside.replaying.selection import Selection
from scopeside.settings import LimitSettings
from scopeside.wire.incoming import FrameMessage
from scopeside.wire.native import decode_message

DUE_NS = 2_000_000_000_000_000_000


@pytest.fixture
def recording(tmp_path):
    """Two series of five frames, the second a second after the first, and a stranger between."""
    second = [
        RecordedMessage(
            parts=one.parts,
            monotonic_ns=one.monotonic_ns + 10**9,
            wall_ns=one.wall_ns + 10**9,
        )
        for one in series_messages("other", 5)
    ]
    stranger = RecordedMessage(
        parts=[b"stranger"], monotonic_ns=second[0].monotonic_ns - 1, wall_ns=WALL_NS
    )
    path = write(
        tmp_path / "run.h5", [*series_messages("film", 5), stranger, *second], split_bytes=4000
    )
    with Recording(path) as opened:
        yield opened


def source(recording, *, selection=None, **options) -> RecordingSource:
    return RecordingSource(
        recording,
        rename=lambda series, loop: f"{series}+{loop}",
        selection=selection or Selection(),
        **options,
    )


def sent(found) -> list:
    return [
        decode_message(one.encode(DUE_NS), LimitSettings())
        for one in found.items()
        if one.kind is not Kind.OTHER
    ]


def test_verbatim_is_byte_for_byte(recording):
    messages = [plain(one.message)[0] for one in recording.messages()]
    verbatim = source(recording, verbatim=True)
    found = [tuple(bytes(part) for part in one.encode(DUE_NS)) for one in verbatim.items()]
    assert found == messages
    assert not verbatim.ends_series


def test_names_and_times_are_made_new_and_nothing_else(recording):
    before = [one.message.parts for one in recording.messages()]
    for item, parts in zip(source(recording).items(), before, strict=True):
        made = item.encode(DUE_NS)
        assert made[0] == parts[0]
        assert [bytes(one) for one in made[2:]] == [bytes(one) for one in parts[2:]]
        if item.kind is not Kind.OTHER:
            old, new = msgpack.unpackb(parts[1]), msgpack.unpackb(made[1])
            assert new.pop("series") == old.pop("series") + "+0"
            assert set(new) == set(old)
            del new["t_ns"], old["t_ns"]
            assert new == old


def test_a_frame_stays_as_old_as_it_was_when_it_came(recording):
    frame = sent(source(recording))[3]
    assert frame.t_ns == DUE_NS - 3_000_000
    recorded = sent(source(recording, recorded_times=True))[3]
    assert recorded.t_ns == WALL_NS + 2 * PERIOD_NS - 3_000_000


def test_times_are_those_of_arrival(recording):
    at_s = [item.at_s for item in source(recording).items()]
    assert at_s[:7] == pytest.approx([0.0, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1])
    assert at_s[8:] == pytest.approx([1.0, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1])


def test_loops_follow_one_another_under_new_names(recording):
    looped = source(recording, selection=Selection(loops=2))
    items = list(looped.items())
    assert looped.frames == 20
    assert {item.series for item in items} == {"film+0", "other+0", "film+1", "other+1", None}
    at_s = [item.at_s for item in items]
    assert at_s == sorted(at_s)
    # Between the two lies a mean period of what was chosen.
    assert at_s[15] - at_s[14] == pytest.approx(looped.period_s)


@pytest.mark.parametrize(
    ("first", "last", "kinds", "images"),
    [
        (0, None, "SFFFFFEOSFFFFFE", [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]),
        (0, 2, "SFFF", [0, 1, 2]),
        (3, 3, "SF", [3]),
        (4, 6, "SFEOSFF", [4, 0, 1]),
        (8, None, "SFFE", [3, 4]),
    ],
)
def test_frames_are_chosen_and_what_belongs_to_them_comes_along(
    recording, first, last, kinds, images
):
    chosen = source(recording, selection=Selection(first=first, last=last))
    items = list(chosen.items())
    assert "".join("OSFE"[item.kind] for item in items) == kinds
    frames = [
        decode_message(item.encode(DUE_NS), LimitSettings()) for item in items if item.is_frame
    ]
    assert len(frames) == chosen.frames
    for frame, number in zip(frames, images, strict=True):
        assert (frame.channels[0].values == image(number)).all()
    assert items[0].at_s == 0.0


def test_a_limit_in_frames_cuts_the_last_loop_short(recording):
    items = list(source(recording, selection=Selection(loops=0, frames=12)).items())
    assert sum(item.is_frame for item in items) == 12


def test_damaged_messages_are_passed_over_and_counted(recording):
    file = recording.files[0].path
    recording.close()
    with h5py.File(file, "r+") as opened:
        opened["payload"][40] ^= 1
    with Recording(file) as damaged:
        found = source(damaged)
        assert len(list(found.items())) == len(damaged) - 1
        assert found.damaged == 1


def test_broken_headers_go_as_they_came(tmp_path):
    broken = [b"scopeside.frame", b"\xc1 no header", b"payload"]
    path = write(tmp_path / "run.h5", [RecordedMessage(parts=broken, monotonic_ns=0, wall_ns=0)])
    with Recording(path) as recording:
        (item,) = source(recording).items()
        assert [bytes(part) for part in item.encode(DUE_NS)] == broken


def test_an_empty_recording_has_nothing_to_send(tmp_path):
    with (
        Recording(write(tmp_path / "run.h5", [])) as recording,
        pytest.raises(ConfigError, match="nothing to send"),
    ):
        source(recording)


def test_a_first_frame_beyond_the_recording_is_said(recording):
    with pytest.raises(ConfigError, match="has 10 frames"):
        source(recording, selection=Selection(first=10))


def test_what_is_sent_is_what_a_service_reads(recording):
    frames = [one for one in sent(source(recording)) if isinstance(one, FrameMessage)]
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4] * 2
