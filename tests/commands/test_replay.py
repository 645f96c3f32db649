"""`scopeside replay` as a receiver sees it."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zmq

from receiving import interrupt, run_and_receive
from scopeside import cli
from scopeside.io import open_frames

DATA = Path(
    os.environ.get("SCOPESIDE_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")
).resolve()
STACK = np.random.default_rng(4).integers(0, 4000, (5, 24, 32), dtype=np.uint16)


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/frames"


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, imagej=True, resolution=(1e3, 1e3), metadata={"unit": "micron"})
    return path


@pytest.mark.parametrize("kind", [zmq.SUB, zmq.PULL])
def test_a_file_arrives_frame_by_frame(endpoint, stack, kind):
    arrived = run_and_receive("replay", str(stack), "--rate", "0", endpoint=endpoint, kind=kind)
    assert arrived.code == 0
    assert arrived.messages[0].pixel_size_m == pytest.approx((1e-9, 1e-9))
    assert arrived.messages[-1].frames == 5
    assert [frame.number for frame in arrived.frames] == [0, 1, 2, 3, 4]
    for frame, expected in zip(arrived.frames, STACK, strict=True):
        assert np.array_equal(frame.channels[0].values, expected)
        assert frame.pixel_size_m == pytest.approx((1e-9, 1e-9))
        assert frame.user == {"source": {"file": "stack.tif", "index": frame.number}}


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        (["--loop", "2"], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]),
        (["--loop", "0", "--frames", "7"], [0, 1, 2, 3, 4, 0, 1]),
        (["--frames", "3"], [0, 1, 2]),
        (["--frames", "99"], [0, 1, 2, 3, 4]),
    ],
)
def test_loops_and_limits_count_frames_on(endpoint, stack, options, indices):
    arrived = run_and_receive("replay", str(stack), "--rate", "0", *options, endpoint=endpoint)
    assert [frame.user["source"]["index"] for frame in arrived.frames] == indices
    assert [frame.number for frame in arrived.frames] == list(range(len(indices)))


@pytest.mark.parametrize(
    "name",
    [
        "streams/swnt_growth_etem/stack.tif",
        "streams/lptem_nanorods/frames",
        "formats/dm3/haadf_512_with_extra_plot.dm3",
        "formats/mrc/stack_3x128x128_float32.mrc",
    ],
)
def test_real_recordings_arrive_unchanged(endpoint, tmp_path, name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real data at {path}: set SCOPESIDE_DATA")
    report_path = tmp_path / "report.json"
    arrived = run_and_receive(
        *("replay", str(path), "--rate", "0", "--frames", "12", "--report", str(report_path)),
        endpoint=endpoint,
        kind=zmq.PULL,
    )
    recording = open_frames(path)
    assert len(arrived.frames) == min(12, len(recording))
    for frame in arrived.frames:
        assert np.array_equal(frame.channels[0].values, recording.frame(frame.number))
    report = json.loads(report_path.read_text())
    assert report["frames"] == len(arrived.frames)
    assert report["file"] == str(path)


def test_what_will_be_sent_is_said(stack, endpoint, capsys):
    assert cli.main(["replay", str(stack), "--rate", "0", "--wait", "0", "--to", endpoint]) == 0
    said = capsys.readouterr().out
    assert "holds 5 frames of 24x32 uint16" in said
    assert "sent 5 frames of 'stack-" in said


@pytest.mark.parametrize(
    ("options", "code"), [(["--loop", "-1"], 2), (["--frames", "0"], 2), (["--to", "nonsense"], 3)]
)
def test_arguments_that_make_no_sense_are_one_sentence(stack, endpoint, capsys, options, code):
    assert cli.main(["replay", str(stack), "--wait", "0", "--to", endpoint, *options]) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_is_missing_is_one_sentence(tmp_path, endpoint, capsys):
    assert cli.main(["replay", str(tmp_path / "absent.tif"), "--to", endpoint]) == 4
    assert "absent.tif" in capsys.readouterr().err


@pytest.mark.e2e
def test_a_signal_ends_an_endless_replay(stack, endpoint):
    arrived = interrupt(
        *("replay", str(stack), "--loop", "0", "--rate", "50"),
        endpoint=endpoint,
        with_signal=signal.SIGINT,
    )
    assert arrived.code == 130
    assert arrived.messages[-1].frames == len(arrived.frames) >= 3
