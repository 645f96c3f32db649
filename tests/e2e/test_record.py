"""`scopeside record` as a process, over real sockets, also when it is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import h5py
import psutil
import pytest

from live import (
    SMALL,
    balances,
    finished,
    ipc_endpoints,
    listening,
    serving,
    status_of,
    two_phases,
)
from recorded import image, plain, series_messages
from scopeside.client.publisher import FramePublisher
from scopeside.recording.reader import Recording
from scopeside.recording.verify import verify

pytestmark = pytest.mark.e2e

SOON_S = 30.0
KILL_MAY_LOSE_S = 1.0


@contextmanager
def recording_process(*words: str):
    """`scopeside record` in a process group of its own, which is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scopeside", "record", *words],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("kind", ["pub", "push"])
def test_every_byte_of_a_stream_is_recorded(tmp_path, kind):
    endpoint, path = f"ipc://{tmp_path}/frames", tmp_path / "run.h5"
    messages = series_messages("film", 60)
    socket = "sub" if kind == "pub" else "pull"
    words = [f"--from={endpoint}", f"--out={path}", f"--socket={socket}", "--until-end"]
    words += ["--split=30kB", "--compression=zstd", f"--report={tmp_path}/report.json"]
    before_ns = time.time_ns()
    with (
        FramePublisher(endpoint, socket=kind) as publisher,
        recording_process(*words) as process,
    ):
        assert publisher.wait_for_subscriber(SOON_S)
        for message in messages:
            publisher.send(message.parts)
        out, _ = process.communicate(timeout=SOON_S)
    assert process.returncode == 0, out
    with Recording(path) as recording:
        assert recording.complete
        assert len(recording.files) > 2
        stored = [one.message for one in recording.messages()]
    assert [plain(one)[0] for one in stored] == [plain(one)[0] for one in messages]
    times = [one.monotonic_ns for one in stored]
    assert times == sorted(times)
    assert all(before_ns <= one.wall_ns <= time.time_ns() for one in stored)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["offered"], report["recorded"], report["dropped"]) == (62, 62, 0)


def test_a_killed_recording_has_all_but_the_last_second(tmp_path):
    endpoint, path = f"ipc://{tmp_path}/frames", tmp_path / "run.h5"
    sent_s: list[float] = []
    stop = threading.Event()

    def publish(publisher: FramePublisher) -> None:
        publisher.start("film")
        while not stop.is_set():
            publisher.frame(image(1), number=len(sent_s))
            sent_s.append(time.monotonic())
            time.sleep(0.003)

    words = [f"--from={endpoint}", f"--out={path}"]
    with FramePublisher(endpoint) as publisher, recording_process(*words) as process:
        assert publisher.wait_for_subscriber(SOON_S)
        thread = threading.Thread(target=publish, args=(publisher,))
        thread.start()
        try:
            wait_for_messages(path, 200)
            killed_s = time.monotonic()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(SOON_S)
        finally:
            stop.set()
            thread.join()
    with Recording(path) as recording:
        verdict = verify(recording)
        assert verdict.sound
        assert not verdict.complete
        numbers = [one.frame for one in recording.messages() if one.frame is not None]
    assert numbers == list(range(len(numbers)))
    assert sent_s[len(numbers)] > killed_s - KILL_MAY_LOSE_S
    shown = finished("recording", "info", str(path))
    assert shown.returncode == 0
    assert "its writer was killed" in shown.stdout


def wait_for_messages(path, count: int) -> None:
    until_s = time.monotonic() + SOON_S
    while True:
        with Recording(path) as recording:
            if len(recording) >= count:
                return
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_a_signal_ends_a_recording_well(tmp_path):
    endpoint, path = f"ipc://{tmp_path}/frames", tmp_path / "run.h5"
    with (
        FramePublisher(endpoint) as publisher,
        recording_process(f"--from={endpoint}", f"--out={path}") as process,
    ):
        assert publisher.wait_for_subscriber(SOON_S)
        publisher.send([b"anything", b"at all"])
        wait_for_messages(path, 1)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=SOON_S)
    assert process.returncode == 0, out
    assert "recorded 1 of 1 messages in 1 file" in out
    with Recording(path) as recording:
        assert recording.complete
        assert [plain(one.message)[0] for one in recording.messages()] == [(b"anything", b"at all")]


def test_a_recording_process_outlives_nobody(tmp_path):
    """Killing the listener alone ends the recording process, which writes what it was handed.

    What came meanwhile nobody knows, so that the recording is not marked as whole.
    """
    endpoint, path = f"ipc://{tmp_path}/frames", tmp_path / "run.h5"
    with (
        FramePublisher(endpoint) as publisher,
        recording_process(f"--from={endpoint}", f"--out={path}") as process,
    ):
        assert publisher.wait_for_subscriber(SOON_S)
        for message in series_messages("film", 5):
            publisher.send(message.parts)
        wait_for_messages(path, 7)
        (recorder,) = psutil.Process(process.pid).children()
        process.kill()
        recorder.wait(SOON_S)
    with Recording(path) as recording:
        assert (len(recording), recording.complete, recording.lacks) == (7, False, None)
    h5py.File(path, "r").close()  # it was closed: no longer open for writing


def test_a_service_outlives_its_recording_process(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    sets = [*SMALL, "ingest.socket=pull", f"record.file={tmp_path}/run.h5"]
    log = tmp_path / "log"
    with (
        serving(endpoints, sets=sets, log=log) as process,
        listening(endpoints) as listener,
        FramePublisher(endpoints.frames, socket="push") as publisher,
    ):
        (recorder,) = psutil.Process(process.pid).children()
        publisher.start("before")
        publisher.frame(two_phases())
        wait_for_messages(tmp_path / "run.h5", 2)
        recorder.kill()
        until_s = time.monotonic() + SOON_S
        while not (error := status_of(endpoints)["recording"]["error"]):
            assert time.monotonic() < until_s
            time.sleep(0.02)
        assert "exit code -9" in error
        publisher.start("after")
        publisher.frame(two_phases())
        publisher.end()
        listener.wait_for_event("series", event="ended", series="after")
        status = status_of(endpoints)
        assert balances(status["totals"])
        assert status["totals"]["segmented"] == 2
        assert status["recording"]["dropped"] > 0
    assert process.returncode == 0
    assert "ended, because its process did" in log.read_text()
