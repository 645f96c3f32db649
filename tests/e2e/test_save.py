"""`scopeside save` and `serve --save` as processes, over real sockets, also when killed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import psutil
import pytest

from live import (
    SMALL,
    balances,
    ipc_endpoints,
    listening,
    serving,
    status_of,
    two_phases,
    wait_for_text,
)
from scopeside.client.publisher import FramePublisher
from scopeside.saving.reader import open_run

pytestmark = pytest.mark.e2e

SOON_S = 30.0
PIXEL_M = (1e-9, 2e-9)


@contextmanager
def saving_process(*words: str, log):
    """`scopeside save` in a process group of its own, which is killed in the end."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "scopeside", "save", *words],
            start_new_session=True,
            stdout=sink,
            stderr=sink,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SOON_S)


def publish(publisher, series, frames):
    publisher.start(series, pixel_size_m=PIXEL_M)
    for n in range(frames):
        publisher.frame(two_phases(seed=n), dose_e_per_m2=float(n))
        time.sleep(0.02)
    publisher.end()


def saved_frames(run, series):
    return max(
        (len(list(one.rows())) for one in open_run(run).images if one.series == series), default=0
    )


def test_results_and_frames_of_a_running_service_are_saved_together(tmp_path):
    endpoints, run = ipc_endpoints(tmp_path), tmp_path / "run.zarr"
    words = [f"--from={endpoints.results}", f"--frames={endpoints.frames}", f"--out={run}"]
    with (
        serving(endpoints, sets=SMALL, log=tmp_path / "serve.log"),
        saving_process(
            *words, f"--report={tmp_path}/report.json", log=tmp_path / "save.log"
        ) as process,
        listening(endpoints) as listener,
    ):
        wait_for_text(tmp_path / "save.log", "Ctrl-C ends it")
        listener.join("pub")
        with FramePublisher(endpoints.frames) as publisher:
            # The service and `save`.
            assert publisher.wait_for_subscriber(SOON_S, count=2)
            publish(publisher, "film", 10)
            results, _ = listener.to_the_end("film")
            # `save` is another subscriber, which may not have heard yet what this one has.
            until_s = time.monotonic() + SOON_S
            while saved_frames(run, "film") < len(results):
                assert time.monotonic() < until_s, (tmp_path / "save.log").read_text()
                time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON_S) == 0, (tmp_path / "save.log").read_text()

    saved = open_run(run)
    assert saved.closed
    image = saved.images[-1]
    rows = list(image.rows())
    assert [row["frame"] for row in rows] == [result.frame for result in results]
    for index, result in enumerate(results):
        np.testing.assert_array_equal(image.labels[index], result.labels_YX)
        np.testing.assert_array_equal(image.confidence[index], result.confidence_YX)
        np.testing.assert_array_equal(image.image_YX(index), two_phases(seed=result.frame))
        assert rows[index]["dose_e_per_m2"] == float(result.frame)
        assert rows[index]["pixel_size_m"] == list(PIXEL_M)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["recorded"] == report["offered"] == report["results"]
    assert (report["dropped"], report["malformed"], report["error"]) == (0, 0, None)


def test_a_killed_save_leaves_whole_frames(tmp_path):
    endpoints, run = ipc_endpoints(tmp_path), tmp_path / "run.zarr"
    with (
        serving(endpoints, sets=SMALL, log=tmp_path / "serve.log"),
        saving_process(
            f"--from={endpoints.results}", f"--out={run}", log=tmp_path / "save.log"
        ) as process,
        listening(endpoints) as listener,
    ):
        wait_for_text(tmp_path / "save.log", "Ctrl-C ends it")
        listener.join("pub")
        (writer,) = psutil.Process(process.pid).children()
        with FramePublisher(endpoints.frames) as publisher:
            assert publisher.wait_for_subscriber(SOON_S)
            publisher.start("film")
            until_s = time.monotonic() + SOON_S
            while not run.exists() or not open_run(run).images:
                assert time.monotonic() < until_s
                publisher.frame(two_phases())
                time.sleep(0.01)
            writer.kill()
            results = {}
            while (result := listener.results.receive(0.5)) is not None:
                results[result.series, result.frame] = result
        assert process.wait(SOON_S) == 5
    assert "ended, because its process did" in (tmp_path / "save.log").read_text()
    saved = open_run(run)
    assert not saved.closed
    for image in saved.images:
        rows = list(image.rows())
        assert len(rows) == image.length > 0
        for index, row in enumerate(rows):
            result = results.get((row["series"], row["frame"]))
            if result is not None:
                np.testing.assert_array_equal(image.labels[index], result.labels_YX)
            assert (image.confidence[index] > 0).all()


def test_a_service_that_saves_goes_on_when_its_saving_process_is_killed(tmp_path):
    endpoints, folder = ipc_endpoints(tmp_path), tmp_path / "runs"
    sets = [*SMALL, f"save.folder={folder}", "save.frames=true", "ingest.socket=pull"]
    with (
        serving(endpoints, sets=sets, log=tmp_path / "serve.log") as process,
        listening(endpoints) as listener,
        FramePublisher(endpoints.frames, socket="push") as publisher,
    ):
        publish(publisher, "film", 10)
        until_s = time.monotonic() + SOON_S
        while status_of(endpoints)["saving"]["saved"] < 10:
            assert time.monotonic() < until_s, (tmp_path / "serve.log").read_text()
            time.sleep(0.05)
        (writer,) = psutil.Process(process.pid).children()
        writer.kill()
        writer.wait(SOON_S)
        publish(publisher, "after", 5)
        until_s = time.monotonic() + SOON_S
        while status_of(endpoints)["totals"]["segmented"] < 15:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        status = status_of(endpoints)
        assert listener.wait_for_event("error", code="save_failed")
    assert process.returncode == 0
    assert balances(status["totals"])
    assert "ended, because its process did" in status["saving"]["error"]
    assert (status["saving"]["saved"], status["saving"]["dropped"]) == (10, 5)
    (run,) = folder.iterdir()
    (image,) = open_run(run).images
    assert [row["frame"] for row in image.rows()] == list(range(10))
    for n in range(10):
        np.testing.assert_array_equal(image.image_YX(n), two_phases(seed=n))
