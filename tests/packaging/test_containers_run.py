"""The image's own words, run as processes of this machine: its check, and the compose pair."""

import os
import subprocess
import sys
import time

import pytest

from containers import SERVICES, health_check, service_settings
from live import READY_S, free_port, serving, started, tcp_endpoints
from scopeside.checks.running import ANSWER_S
from scopeside.client.control import ControlClient
from scopeside.client.subscriber import ResultSubscriber

pytestmark = pytest.mark.e2e

WITHOUT_ENCODER = ["embed.backend=null", "service.frame_shape=[96,64]"]


def checked(control_endpoint):
    """Run the health check as the image does, with the endpoint in the environment."""
    program, *words = health_check()
    return subprocess.run(
        [sys.executable, "-m", program, *words],
        env=os.environ | {"SCOPESIDE_CONTROL__ENDPOINT": control_endpoint},
        capture_output=True,
        text=True,
        timeout=READY_S,
        check=False,
    )


def everywhere(endpoint):
    """The endpoint as the image writes it: every interface."""
    return endpoint.replace("127.0.0.1", "0.0.0.0")


def test_the_health_check_is_content_with_a_service_that_runs_or_was_paused(tmp_path):
    endpoints, log = tcp_endpoints(), tmp_path / "serve.log"
    with serving(endpoints, sets=WITHOUT_ENCODER, log=log) as process:
        ready = checked(everywhere(endpoints.control))
        with ControlClient(endpoints.control) as control:
            control.call("pause")
        paused = checked(everywhere(endpoints.control))
        process.terminate()
        process.wait(READY_S)
        gone = checked(everywhere(endpoints.control))

    assert (ready.returncode, paused.returncode, gone.returncode) == (0, 0, 1)
    assert '"ready"' in ready.stdout
    assert '"paused"' in paused.stdout
    assert "No reply" in gone.stdout


def test_the_health_check_gives_up_in_time_where_nothing_answers():
    began_s = time.monotonic()
    result = checked(f"tcp://0.0.0.0:{free_port()}")

    assert result.returncode == 1
    # The engine would kill it after the check's timeout; the rest is Python's start on a machine
    # that is busy with other tests.
    assert time.monotonic() - began_s < ANSWER_S + 10


@pytest.mark.parametrize("pair", [("service", "microscope")], ids=["cpu"])
def test_the_compose_pair_segments_frames_with_its_own_settings_and_commands(
    tmp_path, monkeypatch, pair
):
    service, microscope = pair
    endpoints = tcp_endpoints()
    places = dict(
        zip(
            ("INGEST__ENDPOINT", "PUBLISH__RESULTS", "PUBLISH__EVENTS", "CONTROL__ENDPOINT"),
            (endpoints.frames, endpoints.results, endpoints.events, endpoints.control),
            strict=True,
        )
    )
    # Ports that are free here, and a cache of this test's own; all else is the image's.
    variables = service_settings(service)
    variables |= {f"SCOPESIDE_{name}": everywhere(place) for name, place in places.items()}
    variables["SCOPESIDE_HTTP__ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
    variables["SCOPESIDE_SERVICE__CACHE"] = str(tmp_path / "models")
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    words = SERVICES[service]["command"] + [f"--set={one}" for one in WITHOUT_ENCODER]
    sending = list(SERVICES[microscope]["command"])
    sending[sending.index("--to") + 1] = endpoints.frames

    with started(*words, log=tmp_path / "serve.log"):
        with ControlClient(endpoints.control) as control:
            control.wait_until("ready", READY_S)
        assert checked(variables["SCOPESIDE_CONTROL__ENDPOINT"]).returncode == 0
        with (
            ResultSubscriber(endpoints.results) as results,
            started(*sending, log=tmp_path / "simulate.log"),
        ):
            result = results.receive(READY_S)

    assert result is not None, (tmp_path / "simulate.log").read_text()
    assert result.series.startswith("simulated")
