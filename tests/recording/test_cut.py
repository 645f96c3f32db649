"""A part of a recording is a recording: the same bytes, the same times."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded import WALL_NS, plain, series_messages, write
from scopeside.errors import InputFileError
from scopeside.recording.cut import Cut, cut, kept_messages
from scopeside.recording.layout import RecordedMessage
from scopeside.recording.reader import Recording
from scopeside.recording.splitting import SplitRecording
from scopeside.recording.verify import verify


def later(messages, seconds: float):
    return [
        RecordedMessage(
            parts=one.parts,
            monotonic_ns=one.monotonic_ns + round(seconds * 1e9),
            wall_ns=one.wall_ns,
        )
        for one in messages
    ]


@pytest.fixture
def path(tmp_path):
    """A stranger, film (five frames), a stranger, other (three frames, from 1 s), a stranger."""
    strangers = [
        RecordedMessage(parts=[b"stranger", b"%d" % at], monotonic_ns=at_ns, wall_ns=WALL_NS)
        for at, at_ns in enumerate((5_000_000_000, 5_500_000_000, 7_000_000_000))
    ]
    film, other = series_messages("film", 5), later(series_messages("other", 3), 1.0)
    messages = [strangers[0], *film, strangers[1], *other, strangers[2]]
    return write(tmp_path / "run.h5", messages, split_bytes=4000, dropped_after=2)


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        (Cut(), "OSFFFFFEOSFFFEO"),
        (Cut(first=1, last=3), "SFFF"),
        (Cut(first=4, last=5), "SFEOSF"),
        (Cut(series="other"), "SFFFE"),
        (Cut(series="film", last=1), "SFF"),
        (Cut(from_s=1.0), "SFFFEO"),
        (Cut(to_s=0.05), "OSFFF"),
        (Cut(first=7), "SFEO"),
    ],
)
def test_what_is_chosen_is_kept_and_what_belongs_to_it(path, tmp_path, what, kinds):
    with Recording(path) as recording:
        kept = cut(recording, what, SplitRecording(tmp_path / "cut.h5", source="x"))
        all_messages = [plain(one.message) for one in recording.messages()]
    with Recording(tmp_path / "cut.h5") as found:
        messages = list(found.messages())
        assert verify(found).sound
        assert found.complete
        assert found.dropped_after == (2 if kinds.endswith("O") else 0)
    assert "".join("OSFE"[one.kind] for one in messages) == kinds
    assert kept.messages == len(messages)
    assert kept.frames == kinds.count("F")
    copied = [plain(one.message) for one in messages]
    assert copied == [one for one in all_messages if one in copied]


@settings(max_examples=30, deadline=None)
@given(
    kinds=st.text(alphabet="SFEO", min_size=1, max_size=20),
    first=st.integers(0, 6),
    last=st.integers(0, 6) | st.none(),
)
def test_frames_kept_are_those_chosen_and_order_stays(tmp_path_factory, kinds, first, last):
    by_kind = dict(zip("SFE", series_messages("film", 1), strict=True))
    stranger = RecordedMessage(parts=[b"stranger"], monotonic_ns=0, wall_ns=0)
    path = tmp_path_factory.mktemp("any") / "run.h5"
    write(path, [by_kind.get(kind, stranger) for kind in kinds])
    frames = [at for at, kind in enumerate(kinds) if kind == "F"]
    chosen = frames[first : None if last is None else last + 1]
    with Recording(path) as recording:
        if frames and not chosen:
            with pytest.raises(InputFileError, match="nothing within"):
                kept_messages(recording, Cut(first=first, last=last))
            return
        keep_N = kept_messages(recording, Cut(first=first, last=last))
    assert [at for at in np.flatnonzero(keep_N) if kinds[at] == "F"] == chosen


def test_damaged_messages_are_left_out_and_counted(path, tmp_path):
    with h5py.File(path, "r+") as file:
        file["payload"][2] ^= 1
    with Recording(path) as recording:
        kept = cut(recording, Cut(), SplitRecording(tmp_path / "cut.h5", source="x"))
    assert (kept.messages, kept.damaged) == (14, 1)


def test_a_series_that_is_not_there_is_said_with_those_that_are(path):
    with (
        Recording(path) as recording,
        pytest.raises(InputFileError, match="no series 'x'; it has 'film', 'other'"),
    ):
        kept_messages(recording, Cut(series="x"))


def test_a_recording_of_something_else_is_cut_by_time(tmp_path):
    messages = [
        RecordedMessage(parts=[b"event"], monotonic_ns=at * 10**9, wall_ns=0) for at in range(5)
    ]
    with Recording(write(tmp_path / "run.h5", messages)) as recording:
        assert np.flatnonzero(kept_messages(recording, Cut(from_s=1.0, to_s=3.0))).tolist() == [
            1,
            2,
            3,
        ]


def test_an_empty_recording_has_nothing_to_keep(tmp_path):
    with (
        Recording(write(tmp_path / "run.h5", [])) as recording,
        pytest.raises(InputFileError, match="nothing to keep"),
    ):
        kept_messages(recording, Cut())
