"""What /healthz and /readyz make of the service's figures."""

from scopeside.web.health import alive, ready
from scopeside.web.link import Answer


def answer(state="ready", **ages_s):
    ages = {"main": 0.3, "compute": 0.1} | ages_s
    threads = {name: {"turns": 5, "age_s": age_s} for name, age_s in ages.items()}
    return Answer(figures={"state": state, "threads": threads, "ingest": "tcp://127.0.0.1:5555"})


def test_a_service_whose_loops_turn_is_alive():
    verdict = alive(answer(), stuck_s=60)
    assert verdict.ok
    assert "main, 0.3 s ago" in verdict.why


def test_a_thread_that_hangs_is_named_though_the_service_answers():
    verdict = alive(answer(compute=75.2), stuck_s=60)
    assert not verdict.ok
    assert "compute for 75 s" in verdict.why
    assert "main" not in verdict.why
    assert alive(answer(compute=75.2), stuck_s=90).ok


def test_a_service_that_does_not_answer_is_neither_alive_nor_ready():
    nobody = Answer(figures=None, problem="No reply within 2 s.")
    for verdict in (alive(nobody, stuck_s=60), ready(nobody)):
        assert not verdict.ok
        assert "No reply within 2 s." in verdict.why


def test_ready_is_warm_also_while_paused():
    assert ready(answer("ready")).ok
    assert ready(answer("paused")).ok
    for state in ("starting", "warming", "draining", "stopped"):
        assert not ready(answer(state)).ok
        assert alive(answer(state), stuck_s=60).ok
