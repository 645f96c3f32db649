"""Metrics and health of a real service, asked over HTTP as Prometheus and a supervisor ask."""

import dataclasses
import http.client
import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from threading import Event, Thread

import psutil
import pytest
import yaml
from zmq.auth import create_certificates

from doc_snippets import ROOT, read
from exported_metrics import samples, value
from live import READY_S, SMALL, Endpoints, free_port, ipc_endpoints, running, two_phases
from scopeside.client.connection import ClientKeys
from scopeside.client.control import ControlClient
from scopeside.configuration import load_settings
from scopeside.runtime.service import Service
from scopeside.stages.embed.null import NullEmbedder

pytestmark = pytest.mark.e2e


@pytest.fixture
def endpoints(tmp_path):
    return with_page(tmp_path)


def with_page(folder) -> Endpoints:
    plain = ipc_endpoints(folder)
    return Endpoints(
        *(plain.frames, plain.results, plain.events, plain.control),
        http=f"http://127.0.0.1:{free_port()}",
    )


def get(endpoints, path, *, trusted=None, **headers):
    """Status and text; waits for the web process to start."""
    request = urllib.request.Request(endpoints.http + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=READY_S, context=trusted) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def eventually(look):
    until_s = time.monotonic() + READY_S
    while not (found := look()):
        assert time.monotonic() < until_s, "it never came to be"
        time.sleep(0.05)
    return found


def scraped(endpoints):
    status, text = get(endpoints, "/metrics")
    assert status == 200
    return samples(text)


def test_every_frame_is_counted_with_its_stages(endpoints):
    with running(endpoints, sets=["ingest.socket=pull"]) as service:
        with service.publisher(socket="push") as publisher:
            publisher.start("film")
            for number in range(7):
                publisher.frame(two_phases(seed=number))
            publisher.end()
            eventually(lambda: service.status()["totals"]["segmented"] == 7)
        found = eventually(
            lambda: (
                page
                if value(page := scraped(endpoints), "scopeside_service_seconds_count") == 7
                else None
            )
        )
        eventually(lambda: get(endpoints, "/readyz")[0] == 200)
    assert value(found, "scopeside_up") == 1
    assert value(found, "scopeside_frames_segmented_total") == 7
    assert value(found, "scopeside_state", state="ready") == 1
    counts = {one.labels["stage"]: one.value for one in found["scopeside_stage_seconds_count"]}
    assert {"preprocess", "embed", "graph", "communities", "encode", "wait"} <= set(counts)
    assert set(counts.values()) == {7}
    stages_s = sum(one.value for one in found["scopeside_stage_seconds_sum"])
    assert stages_s == pytest.approx(value(found, "scopeside_service_seconds_sum"))


GPU_GAUGES = (
    *("use_ratio", "memory_use_ratio", "power_watts", "temperature_celsius"),
    *("sm_clock_hertz", "memory_clock_hertz", "tile_chips", "out_of_memory_frames_total"),
    "repainted_frames_total",
)


def names_and_labels(expression):
    """The metrics of a PromQL expression, each with the labels that it is matched by."""
    return [
        (name, re.findall(r"(\w+)\s*[=!]~?", matchers or ""))
        for name, matchers in re.findall(r"(scopeside_\w+)(?:\{([^}]*)\})?", expression)
    ]


def dashboard_expressions():
    board = json.loads((ROOT / "config/grafana-dashboard.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def alert_expressions():
    rules = yaml.safe_load((ROOT / "config/prometheus-alerts.yml").read_text())
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_ask_for_what_the_service_exports(endpoints, tmp_path):
    sets = [
        f"record.file={tmp_path}/run.h5",
        f"save.folder={tmp_path}/runs",
        "ingest.endpoint=" + endpoints.frames,
    ]
    with running(endpoints, sets=[*sets, "ingest.socket=pull"]) as service:
        with service.publisher(socket="push") as publisher:
            publisher.start("film")
            publisher.frame(two_phases())
            assert service.results.receive(READY_S) is not None
            rule = {"name": "lost", "watch": "drops", "above": 1.0}
            service.control.call("rules", action="set", rule=rule)
            eventually(lambda: "scopeside_end_to_end_seconds_count" in scraped(endpoints))
        found = scraped(endpoints)
    labels = {name: set(found[name][0].labels) for name in found}
    # What this machine has no card to tell of; tests/web/test_prometheus.py has one.
    labels |= {f"scopeside_gpu_{name}": {"gpu"} for name in GPU_GAUGES}
    labels["scopeside_gpu_memory_bytes"] = {"gpu", "kind"}
    documented = set(re.findall(r"^\| `(scopeside_\w+)`", read("docs/monitoring.md"), re.MULTILINE))
    plain = {re.sub("_(bucket|count|sum|created)$", "", name) for name in labels}
    assert documented == plain
    shown = dashboard_expressions()
    alerts = alert_expressions()
    assert len(shown) > 30
    assert len(alerts) >= 10
    for expression in [*shown, *alerts]:
        asked = names_and_labels(expression)
        assert asked, expression
        for name, matched in asked:
            assert name in labels, expression
            assert set(matched) <= labels[name] | {"instance"}, expression


def test_a_compute_thread_that_hangs_is_seen_while_the_service_answers(endpoints):
    hang, go = Event(), Event()

    class Hanging(NullEmbedder):
        def embed(self, prepared, grid):
            if hang.is_set():
                go.wait(READY_S)
            return super().embed(prepared, grid)

    embedder = Hanging()
    with running(endpoints, embedder=embedder, sets=["http.stuck_s=1"]) as service:
        # A second without a turn is soon over on a busy machine.
        eventually(lambda: get(endpoints, "/healthz")[0] == 200)
        hang.set()
        try:
            with service.publisher() as publisher:
                assert publisher.wait_for_subscriber(READY_S)
                publisher.start("film")
                publisher.frame(two_phases())
                _, text = eventually(
                    lambda: seen if (seen := get(endpoints, "/healthz"))[0] == 503 else None
                )
                assert "compute" in text
                assert service.status()["state"] == "ready"
        finally:
            hang.clear()
            go.set()
        eventually(lambda: get(endpoints, "/healthz")[0] == 200)


def web_process():
    (found,) = [
        child for child in psutil.Process().children() if "scopeside.web.process" in child.cmdline()
    ]
    return found


def test_the_web_process_that_dies_comes_again_and_no_frame_is_touched(endpoints):
    with running(endpoints) as service:
        eventually(lambda: get(endpoints, "/healthz")[0] == 200)
        first = web_process()
        first.kill()
        event = next(event for event in service.events if event["kind"] == "error")
        assert event["code"] == "web_failed"
        eventually(lambda: get(endpoints, "/readyz")[0] == 200)
        assert web_process().pid != first.pid
        assert value(scraped(endpoints), "scopeside_errors_total", code="web_failed") == 1
        last = web_process()
    assert not last.is_running()


def test_a_port_that_the_system_chose_is_told_and_answers(endpoints):
    with running(dataclasses.replace(endpoints, http="http://127.0.0.1:0")) as service:
        told = dataclasses.replace(endpoints, http=service.status()["http"])
        assert not told.http.endswith(":0")
        eventually(lambda: get(told, "/readyz")[0] == 200)


def test_a_service_with_curve_is_watched_by_its_own_process(tmp_path):
    (tmp_path / "clients").mkdir()
    for name in ("service", "friend"):
        create_certificates(tmp_path, name)
    (tmp_path / "friend.key").rename(tmp_path / "clients" / "friend.key")
    endpoints = with_page(tmp_path)
    keys = ClientKeys(server=tmp_path / "service.key", client=tmp_path / "friend.key_secret")
    sets = [
        "security.curve=true",
        f"security.server_key={tmp_path}/service.key_secret",
        f"security.clients={tmp_path}/clients",
        "ingest.attach=bind",
    ]
    with curve_service(endpoints, sets):
        with ControlClient(endpoints.control, keys=keys) as control:
            control.wait_until("ready", READY_S)
        # The web process hears of it a moment later than whoever asked the service itself.
        eventually(lambda: get(endpoints, "/readyz")[0] == 200)
        words = f"ready: warm, takes frames from {endpoints.frames}\n"
        assert get(endpoints, "/readyz") == (200, words)
        assert value(scraped(endpoints), "scopeside_up") == 1


@contextmanager
def curve_service(endpoints, sets):
    service = Service(load_settings(sets=[*SMALL, *endpoints.sets(), *sets]))
    thread = Thread(target=service.run)
    thread.start()
    try:
        yield
    finally:
        service.stop()
        thread.join(READY_S)


def test_from_elsewhere_metrics_take_the_token_and_health_does_not(endpoints, tmp_path):
    (tmp_path / "token").write_text("correct-horse-battery\n")
    with running(endpoints, sets=[f"http.token_file={tmp_path}/token"]):
        eventually(lambda: get(endpoints, "/healthz")[0] == 200)
        assert get(endpoints, "/metrics")[0] == 401
        assert get(endpoints, "/metrics", Authorization="Bearer wrong")[0] == 401
        assert get(endpoints, "/metrics", Authorization="Bearer correct-horse-battery")[0] == 200
        assert get(endpoints, "/healthz", Host="evil.example")[0] == 421


def test_with_a_certificate_everything_is_encrypted(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no certificate can be made: openssl is not installed")
    files = ["-keyout", f"{tmp_path}/key.pem", "-out", f"{tmp_path}/cert.pem"]
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *files]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *made, *names], check=True, capture_output=True)
    plain = with_page(tmp_path)
    endpoints = dataclasses.replace(plain, http=plain.http.replace("http://", "https://"))
    sets = [f"http.tls_cert={tmp_path}/cert.pem", f"http.tls_key={tmp_path}/key.pem"]
    trusted = ssl.create_default_context(cafile=f"{tmp_path}/cert.pem")
    with running(endpoints, sets=sets):
        eventually(lambda: get(endpoints, "/readyz", trusted=trusted)[0] == 200)
        with pytest.raises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
            urllib.request.urlopen(plain.http + "/readyz", timeout=READY_S)
