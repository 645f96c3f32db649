"""A signal sets a flag, and the handlers before it come back."""

import signal
import subprocess
import sys
import threading

import pytest

from scopeside.commands.stopping import stopping

TOLD = """
import os, signal, sys
from scopeside.commands.stopping import stopping

with stopping() as stopped:
    assert not stopped()
    os.kill(os.getpid(), int(sys.argv[1]))
    assert stopped()
print("went on")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_flag_and_nothing_else(number):
    # In a process of its own: what runs the tests has its own idea of signals.
    words = [sys.executable, "-c", TOLD, str(int(number))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_the_handlers_before_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stopping():
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_the_flag_stays_unset():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run() -> None:
        with stopping() as stopped:
            seen.extend([stopped(), signal.getsignal(signal.SIGINT) is before])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False, True]
