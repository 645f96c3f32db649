import subprocess
import sys
import time

import psutil
import pytest

from scopeside.demo.processes import Child, children, free_endpoints
from scopeside.errors import OutputError, ServiceError


def ended(child):
    until_s = time.monotonic() + 60
    while child.exit_code is None:
        assert time.monotonic() < until_s, "the child did not end"
        time.sleep(0.02)


def test_a_child_that_did_its_work_is_healthy_and_its_words_are_kept(tmp_path):
    child = Child(["config", "--check"], log=tmp_path / "log")
    ended(child)
    child.require_healthy()
    with pytest.raises(ServiceError, match="ended too early"):
        child.require_running()
    child.stop()
    child.stop()
    assert "valid" in (tmp_path / "log").read_text()


def test_a_child_that_failed_is_quoted(tmp_path):
    child = Child(["config", "--set", "graph.resolutoin=1"], log=tmp_path / "log")
    ended(child)
    with pytest.raises(ServiceError, match=r"(?s)exit code 2.*graph\.resolution"):
        child.require_healthy()
    child.stop()


def test_a_child_that_would_run_for_ever_is_ended(tmp_path):
    with children() as stack:
        child = Child(["watch", "--results", f"ipc://{tmp_path}/nobody"], log=tmp_path / "log")
        stack.callback(child.stop)
        child.require_running()
    assert child.exit_code is not None


TOLD = """
import os, signal, sys, threading, time
from pathlib import Path
from scopeside.demo.processes import Child, children

folder = Path(sys.argv[1])
before = signal.getsignal(signal.SIGTERM)
kept = []
try:
    with children() as stack:
        words = ["watch", "--results", f"ipc://{folder / 'x'}"]
        kept.append(Child(words, log=folder / "log"))
        stack.callback(kept[0].stop)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(60)
except KeyboardInterrupt:
    assert kept[0].exit_code is not None
    assert signal.getsignal(signal.SIGTERM) == before
    print("ended")
"""


def test_children_end_when_their_parent_is_told_to(tmp_path):
    # A process of its own is told: a signal to this one would be for whatever runs the tests.
    words = [sys.executable, "-c", TOLD, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


KILLED = """
import sys, time
from pathlib import Path
from scopeside.demo.processes import Child

folder = Path(sys.argv[1])
child = Child(["watch", "--results", f"ipc://{folder / 'x'}"], log=folder / "log")
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    until_s = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until_s, "the child outlived its parent"
        time.sleep(0.02)


def test_a_command_that_does_not_stop_when_it_is_told_is_ended(tmp_path):
    deaf = (
        "import os, signal, sys, threading, time\n"
        "from scopeside.tethered import tether\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "threading.Thread(target=tether, args=(0,), kwargs={'grace_s': 0.2}, daemon=True).start()\n"
        "time.sleep(60)\n"
    )
    words = [sys.executable, "-c", deaf]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        process.stdin.close()
        assert process.wait(50) == 130


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match="absent"):
        Child(["config"], log=tmp_path / "absent" / "log")


def test_free_endpoints_are_all_different():
    endpoints = free_endpoints(4)
    assert len(set(endpoints)) == 4
    assert all(endpoint.startswith("tcp://127.0.0.1:") for endpoint in endpoints)
