"""`scopeside recording` as its user sees it."""

import json

import h5py
import numpy as np
import pytest

from recorded import MONOTONIC_NS, WALL_NS, series_messages, write
from scopeside import cli
from scopeside.messages import Channel
from scopeside.recording.layout import RecordedMessage
from scopeside.wire.native import encode_frame


def frame(series: str, number: int, at_ns: int, **stamps) -> RecordedMessage:
    parts = encode_frame(
        series=series,
        number=number,
        t_ns=WALL_NS,
        channels=[Channel(name="image", values=np.zeros((8, 8), "<u2"))],
    )
    return RecordedMessage(
        parts=parts, monotonic_ns=MONOTONIC_NS + at_ns, wall_ns=WALL_NS + at_ns, **stamps
    )


@pytest.fixture
def gappy(tmp_path):
    """Frames 3, 4, 4 and 8 of one series, a second apart, and one of another."""
    second = 10**9
    messages = [
        frame("film", 3, 0),
        frame("film", 4, second),
        frame("film", 4, 2 * second),
        frame("film", 8, 5 * second, dropped_before=2),
        frame("other", 0, 6 * second),
        RecordedMessage(parts=[b"noise"], monotonic_ns=MONOTONIC_NS + 6 * second, wall_ns=WALL_NS),
    ]
    return write(tmp_path / "run.h5", messages, dropped_after=3, split_bytes=700)


def test_info_says_what_is_there_and_what_lacks(gappy, capsys):
    assert cli.main(["recording", "info", str(gappy), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["files"] > 1
    assert (found["messages"], found["frames"], found["dropped"]) == (6, 5, 5)
    assert (found["seconds"], found["longest_gap_s"]) == (6.0, 3.0)
    assert found["rate_hz"] == pytest.approx(4 / 6)
    assert found["complete"] is True
    assert found["series"] == [
        {
            "series": "film",
            "frames": 4,
            "least": 3,
            "greatest": 8,
            "missing": 3,
            "duplicates": 1,
        },
        {
            "series": "other",
            "frames": 1,
            "least": 0,
            "greatest": 0,
            "missing": 0,
            "duplicates": 0,
        },
    ]


def test_info_is_readable(gappy, capsys):
    assert cli.main(["recording", "info", str(gappy)]) == 0
    said = capsys.readouterr().out
    assert "6 messages, 5 of them frames; 5 more came and were not recorded" in said
    assert "began     2023-11-14 22:13:20 UTC, 6.000 s" in said
    assert "film: 4 frames, 3 to 8, 3 missing, 1 duplicate" in said


def test_a_recording_that_lacks_its_last_file_is_not_said_to_be_closed(gappy, capsys):
    last = sorted(gappy.parent.glob("run-*.h5"))[-1]
    last.unlink()
    assert cli.main(["recording", "info", str(gappy)]) == 0
    assert f"end       lacks {last.name} and what may follow it" in capsys.readouterr().out
    assert cli.main(["recording", "verify", str(gappy)]) == 1
    assert f"It lacks {last.name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["run.h5", "run-0002.h5"])
def test_a_recording_is_not_cut_onto_itself(gappy, capsys, name):
    out = gappy.with_name(name)
    before = out.read_bytes()
    assert cli.main(["recording", "cut", str(gappy), "-o", str(out)]) == 5
    assert "is what is to be cut" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_info_of_an_empty_recording(tmp_path, capsys):
    path = write(tmp_path / "run.h5", [])
    assert cli.main(["recording", "info", str(path)]) == 0
    assert "nothing yet" in capsys.readouterr().out


def test_verify_says_that_all_is_well(gappy, capsys):
    assert cli.main(["recording", "verify", str(gappy)]) == 0
    assert "all 6 messages" in capsys.readouterr().out


def test_verify_names_what_is_damaged(tmp_path, capsys):
    path = write(tmp_path / "run.h5", series_messages("film", 40))
    with h5py.File(path, "r+") as file:
        offsets = file["parts"][file["messages"]["first_part"]]["offset"]
        for at in range(2, 36):
            file["payload"][int(offsets[at])] ^= 1
    assert cli.main(["recording", "verify", str(path)]) == 1
    said = capsys.readouterr().out
    assert "34 of 42 messages are damaged (2, 3, 4," in said
    assert ", 21, ...)" in said
    assert cli.main(["recording", "verify", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["damaged_count"] == 34


@pytest.mark.parametrize("action", ["info", "verify"])
def test_what_is_no_recording_is_one_sentence(tmp_path, capsys, action):
    assert cli.main(["recording", action, str(tmp_path / "absent.h5")]) == 4
    assert capsys.readouterr().err.count("\n") == 1
