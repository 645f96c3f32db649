"""Batches drawn ahead: in order, the same as drawn here, and no process left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from itertools import islice

import numpy as np
import psutil
import pytest

from scopeside.errors import ServiceError
from scopeside.pretraining.archive import Archive
from scopeside.pretraining.batches import Plan, drawn_batch
from scopeside.pretraining.stream import BatchStream
from small_training import PLAN, write_micrographs

LIMIT_S = 60.0


def the_drawing_process():
    (process,) = multiprocessing.active_children()
    return process


def until(condition):
    limit_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit_s
        time.sleep(0.05)


def test_batches_come_in_order_and_as_they_are_drawn_here(tmp_path):
    write_micrographs(tmp_path / "a.tif")
    archive = Archive([tmp_path], frame_px=PLAN.frame_px)
    with BatchStream(PLAN, seed=3, first=5, archive=archive) as stream:
        process = the_drawing_process()
        # What terminals and schedulers send to all processes ends none of the batches.
        for request in (signal.SIGINT, signal.SIGTERM):
            os.kill(process.pid, request)
        for number, batch in enumerate(islice(stream, 4), start=5):
            expected = drawn_batch(PLAN, seed=3, number=number, archive=archive)
            assert batch.mode == expected.mode
            assert np.array_equal(batch.inputs_BHW, expected.inputs_BHW)
            assert np.array_equal(batch.cosine_SPP, expected.cosine_SPP)
            assert np.array_equal(batch.weight_SPP, expected.weight_SPP)
            assert np.array_equal(batch.common_S, expected.common_S)
        assert process.is_alive()
    assert not process.is_alive()


def test_a_drawing_process_that_died_is_said_once_its_batches_are_used_up():
    with BatchStream(PLAN, seed=3, first=0, archive=None) as stream:
        os.kill(the_drawing_process().pid, signal.SIGKILL)
        with pytest.raises(ServiceError, match=r"ended with exit code -9"):
            list(stream)


def test_a_drawing_process_that_dies_in_the_middle_of_a_batch_is_said_as_well():
    with BatchStream(Plan(), seed=3, first=0, archive=None) as stream:
        batches = iter(stream)
        next(batches)
        # The next batch, larger than the pipe, is under way once its first bytes are there.
        until(lambda: stream._reader.poll())
        os.kill(the_drawing_process().pid, signal.SIGKILL)
        with pytest.raises(ServiceError, match=r"ended with exit code -9"):
            list(batches)


INTERRUPTED = """
import os, signal, time
from scopeside.pretraining.batches import Plan
from scopeside.pretraining.stream import BatchStream

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    plan = Plan(frame_px=96, chips_specimens=1, chips_each=4, shared_specimens=1)
    try:
        with BatchStream(plan, seed=3, first=0, archive=None):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_still_reaches_the_process_that_trains(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


KILLED = """
import sys, time
from scopeside.pretraining.batches import Plan
from scopeside.pretraining.stream import BatchStream

if __name__ == "__main__":
    plan = Plan(frame_px=96, chips_specimens=1, chips_each=4, shared_specimens=1)
    with BatchStream(plan, seed=0, first=0, archive=None) as stream:
        next(iter(stream))
        print("drawn", flush=True)
        time.sleep(600)
"""


def test_a_training_that_is_killed_leaves_no_drawing_process_behind(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    training = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    try:
        assert training.stdout.readline() == "drawn\n"
        children = psutil.Process(training.pid).children(recursive=True)
        assert children
    finally:
        training.kill()
        training.wait(LIMIT_S)
        training.stdout.close()
    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in children))
