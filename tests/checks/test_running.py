from contextlib import contextmanager

import pytest

from fake_control import FakeService
from scopeside.checks.running import WELL, running
from scopeside.client.connection import ClientKeys
from scopeside.errors import ConfigError
from scopeside.runtime.lifecycle import State


@contextmanager
def answering(endpoint, reply):
    service = FakeService(endpoint, lambda request: {"id": request["id"], **reply})
    service.start()
    try:
        yield
    finally:
        service.stop()


@pytest.mark.parametrize("state", list(State))
def test_a_service_is_well_when_it_computes_or_was_asked_to_pause(tmp_path, state):
    endpoint = f"ipc://{tmp_path}/c"
    with answering(endpoint, {"ok": True, "state": state.value}):
        finding = running(endpoint)
    assert finding.ok is (state in (State.READY, State.PAUSED))
    assert finding.value == f'state "{state}"'
    assert (finding.fix is None) is finding.ok


def test_the_states_that_are_well_are_states_of_the_service():
    assert set(WELL) <= {state.value for state in State}


def test_a_refusal_is_not_well(tmp_path):
    endpoint = f"ipc://{tmp_path}/c"
    with answering(endpoint, {"ok": False, "error": {"code": "internal", "message": "no"}}):
        finding = running(endpoint)
    assert finding.ok is False
    assert "no" in finding.value


def test_silence_is_not_well_and_the_fix_says_what_to_check(tmp_path):
    finding = running(f"ipc://{tmp_path}/silent")
    assert finding.ok is False
    assert "control.endpoint" in finding.fix


def test_keys_that_cannot_be_read_are_said_as_such(tmp_path):
    keys = ClientKeys(server=tmp_path / "absent.key", client=tmp_path / "absent.key_secret")
    with pytest.raises(ConfigError, match="absent"):
        running(f"ipc://{tmp_path}/c", keys=keys)
