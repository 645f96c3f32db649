"""`scopeside replay` as a receiver sees it."""

import json
import os
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zmq

from live import real
from receiving import Arrived, interrupt, receiver, run_and_receive
from recorded import image, plain, series_messages, write
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
    ("options", "code"),
    [
        (["--loop", "-1"], 2),
        (["--frames", "0"], 2),
        (["--first", "-1"], 2),
        (["--first", "5"], 2),
        (["--first", "3", "--last", "2"], 2),
        (["--speed", "1"], 2),
        (["--speed", "0"], 2),
        (["--jitter", "-1"], 2),
        (["--burst", "0"], 2),
        (["--fast", "--burst", "2"], 2),
        (["--verbatim"], 2),
    ],
)
def test_arguments_that_make_no_sense_are_one_sentence(stack, endpoint, capsys, options, code):
    assert cli.main(["replay", str(stack), "--wait", "0", "--to", endpoint, *options]) == code
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("endpoint", ["nonsense", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:55x"])
@pytest.mark.parametrize("attach", ["bind", "connect"])
def test_an_endpoint_that_cannot_be_is_one_sentence(stack, capsys, endpoint, attach):
    words = ["replay", str(stack), "--wait", "0", "--attach", attach, "--to", endpoint]
    assert cli.main(words) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "up to 65535" in error


def test_at_once_to_subscribers_is_said_to_wait_for_none(endpoint, stack, capsys):
    words = ["replay", str(stack), "--wait", "0", "--to", endpoint]
    assert cli.main([*words, "--fast"]) == 0
    assert "pub waits for nobody" in capsys.readouterr().out
    assert cli.main([*words, "--rate", "0", "--hwm", "7"]) == 0
    assert "more than 7 messages behind" in capsys.readouterr().out
    assert cli.main([*words, "--rate", "500"]) == 0
    assert "pub waits for nobody" not in capsys.readouterr().out


def test_a_file_that_is_missing_is_one_sentence(tmp_path, endpoint, capsys):
    assert cli.main(["replay", str(tmp_path / "absent.tif"), "--to", endpoint]) == 4
    assert "absent.tif" in capsys.readouterr().err


def test_first_and_last_choose_frames_and_number_them_from_zero(endpoint, stack):
    options = ["--rate", "0", "--first", "1", "--last", "3", "--loop", "2"]
    arrived = run_and_receive("replay", str(stack), *options, endpoint=endpoint)
    assert [frame.user["source"]["index"] for frame in arrived.frames] == [1, 2, 3, 1, 2, 3]
    assert [frame.number for frame in arrived.frames] == [0, 1, 2, 3, 4, 5]
    assert arrived.messages[-1].frames == 6


def test_calibration_stage_and_time_go_along(endpoint):
    path = real("formats/emd/velox_tem_stack_2x3x3.emd")
    options = ["--times", "recorded", "--speed", "1000"]
    arrived = run_and_receive("replay", str(path), *options, endpoint=endpoint)
    first, second = arrived.frames
    assert first.pixel_size_m == pytest.approx((8.1729e-12, 8.1729e-12), rel=1e-4)
    assert first.stage["x_m"] == pytest.approx(12.24e-6, rel=1e-3)
    assert set(first.stage) == {"x_m", "y_m", "z_m", "alpha_rad", "beta_rad"}
    assert first.user["source"]["taken"] == "2019-12-05T10:03:44+00:00"
    assert first.t_ns == 1_575_540_224 * 10**9
    assert second.t_ns - first.t_ns == 800_000_000


def test_a_recording_is_sent_again_as_a_new_series(endpoint, tmp_path):
    path = write(tmp_path / "run.h5", series_messages("film", 6, dose_e_per_m2=3.0))
    arrived = run_and_receive("replay", str(path), "--fast", endpoint=endpoint)
    assert {message.series for message in arrived.messages} == {"run"}
    assert [frame.number for frame in arrived.frames] == list(range(6))
    assert [frame.dose_e_per_m2 for frame in arrived.frames] == [3.0] * 6
    for frame in arrived.frames:
        assert np.array_equal(frame.channels[0].values, image(frame.number))
        assert abs(frame.t_ns - time.time_ns()) < 60 * 10**9


def test_a_recording_is_replayed_byte_for_byte(endpoint, tmp_path):
    messages = series_messages("film", 4)
    path = write(tmp_path / "run.h5", messages, compression="zstd")
    words = ["replay", str(path), "--verbatim", "--speed", "10", "--to", endpoint, "--quiet"]
    thread = threading.Thread(target=cli.main, args=(words,))
    with receiver(zmq.SUB, endpoint) as socket:
        thread.start()
        arrived = []
        while len(arrived) < 6 and socket.poll(20_000):
            arrived.append(tuple(socket.recv_multipart()))
        thread.join(20)
    assert arrived == [plain(message)[0] for message in messages]


def test_several_streams_go_at_once_to_their_own_endpoints(stack, tmp_path, capsys):
    endpoints = [f"ipc://{tmp_path}/{number}" for number in range(3)]
    recording = write(tmp_path / "run.h5", series_messages("film", 4))
    words = ["replay", str(stack), str(recording), str(stack), "--fast"]
    words += [word for endpoint in endpoints for word in ("--to", endpoint)]
    words += ["--socket", "push", "--series", "both", "--report", str(tmp_path / "report.json")]
    thread = threading.Thread(target=cli.main, args=(words,))
    with ExitStack() as stack_of:
        sockets = [stack_of.enter_context(receiver(zmq.PULL, one)) for one in endpoints]
        thread.start()
        names = []
        for socket, count in zip(sockets, (7, 6, 7), strict=True):
            arrived = Arrived()
            while len(arrived.messages) < count and socket.poll(20_000):
                arrived.add(socket.recv_multipart())
            assert arrived.messages[-1].frames == count - 2
            names.append({message.series for message in arrived.messages})
        thread.join(20)
    assert names == [{"both-1"}, {"both-2"}, {"both-3"}]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [one["frames"] for one in report["streams"]] == [5, 4, 5]
    assert capsys.readouterr().out.count("sent ") == 3


@pytest.mark.parametrize(
    "ends", [["--to", "ipc://a", "--to", "ipc://b", "--to", "ipc://c"], ["--to", "ipc://a"]]
)
def test_inputs_and_endpoints_that_do_not_match_are_one_sentence(stack, ends, capsys):
    assert cli.main(["replay", str(stack), str(stack), *ends]) == 2
    assert "--to" in capsys.readouterr().err


def test_how_late_sends_were_is_reported(endpoint, stack, tmp_path):
    report_path = tmp_path / "report.json"
    options = ["--rate", "200", "--loop", "4", "--jitter", "0.001", "--burst", "2"]
    arrived = run_and_receive(
        "replay", str(stack), *options, "--report", str(report_path), endpoint=endpoint
    )
    assert len(arrived.frames) == 20
    lateness = json.loads(report_path.read_text())["lateness"]
    assert lateness["scheduled"] == 20
    assert 0 <= lateness["p50_s"] <= lateness["p99_s"]
    assert lateness["bunched"] <= lateness["late"] <= 20


def test_what_is_pushed_to_a_receiver_that_lags_is_waited_for(endpoint, tmp_path):
    """The last frames are still on their way when all are sent: more than sockets hold."""
    path = tmp_path / "large.npy"
    np.save(path, np.zeros((12, 1024, 1024), "<u2"))
    words = ["replay", str(path), "--fast", "--socket", "push", "--to", endpoint, "--quiet"]
    thread = threading.Thread(target=cli.main, args=(words,))
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.connect(endpoint)
    thread.start()
    time.sleep(2.5)  # longer than a publisher lingers by itself
    frames = 0
    while socket.poll(20_000):
        topic = socket.recv_multipart()[0]
        frames += topic == b"scopeside.frame"
        if topic == b"scopeside.end":
            break
    thread.join(20)
    socket.close(linger=0)
    context.term()
    assert frames == 12


@pytest.mark.e2e
def test_a_signal_ends_an_endless_replay(stack, endpoint):
    arrived = interrupt(
        *("replay", str(stack), "--loop", "0", "--rate", "50"),
        endpoint=endpoint,
        with_signal=signal.SIGINT,
    )
    assert arrived.code == 130
    assert arrived.messages[-1].frames == len(arrived.frames) >= 3


@pytest.mark.parametrize("command", ["replay", "simulate", "twin"])
def test_an_endpoint_that_no_other_process_reaches_is_refused(stack, capsys, command):
    words = [str(stack)] if command == "replay" else []
    assert cli.main([command, *words, "--to", "inproc://frames"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--to inproc://frames" in said
