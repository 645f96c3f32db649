import sys
from itertools import count
from threading import Thread, Timer

import pytest

from scopeside.errors import ServiceError
from scopeside.runtime.lifecycle import Lifecycle, State


def test_a_service_passes_through_its_states_in_order():
    life = Lifecycle()
    for state in (State.WARMING, State.READY, State.PAUSED, State.READY, State.DRAINING):
        life.enter(state)
        assert life.state is state
    life.enter(State.STOPPED)
    assert life.state is State.STOPPED


def test_entering_the_present_state_again_is_harmless():
    life = Lifecycle()
    life.enter(State.STARTING)
    assert life.state is State.STARTING


@pytest.mark.parametrize("state", [s for s in State if s is not State.STOPPED])
def test_nothing_leaves_stopped(state):
    life = Lifecycle()
    life.enter(State.STOPPED)
    with pytest.raises(ServiceError, match=f"stopped and cannot become {state}"):
        life.enter(state)


def test_a_service_that_warms_cannot_be_paused():
    life = Lifecycle()
    life.enter(State.WARMING)
    with pytest.raises(ServiceError, match="warming and cannot become paused"):
        life.enter(State.PAUSED)
    assert life.state is State.WARMING


def test_a_stop_requested_earlier_is_not_waited_for():
    life = Lifecycle()
    assert not life.stop_requested.wait(0.0)
    life.request_stop()
    life.request_stop()
    assert life.stop_requested.is_set()
    assert life.stop_requested.wait(1e6)
    assert life.stop_requested.wait(1e6)


def test_a_stop_wakes_who_waits_for_it():
    life = Lifecycle()
    Timer(0.05, life.request_stop).start()
    assert life.stop_requested.wait(60.0)


def wait_struck_at(line_number):
    """Let a handler ask for the stop before the given line of a wait; None where it has fewer."""
    life = Lifecycle()
    lines = []
    answers = []

    def trace(frame, event, _argument):
        if event == "line":
            if len(lines) == line_number:
                life.request_stop()
            lines.append(frame.f_lineno)
        return trace

    def wait():
        sys.settrace(trace)
        try:
            answers.append(life.stop_requested.wait(0.01))
        finally:
            sys.settrace(None)

    waiting = Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(30.0)
    assert answers, "the wait and the signal handler wait for each other"
    return answers[0] if len(lines) > line_number else None


def test_a_signal_may_strike_anywhere_in_the_wait():
    """A handler runs in the waiting thread, between any two lines of what it does there."""
    answers = list(iter(map(wait_struck_at, count()).__next__, None))
    assert answers == [True] * len(answers)
    assert len(answers) > 2
