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
