"""Which of the rows the aims of a card are measured by."""

from __future__ import annotations

import pytest

from gpu_aims import aims
from harness import Report


def tables(**given):
    titles = {
        "frames": "A frame",
        "stages": "Its stages",
        "networks": "The network",
        "maps": "Label maps beside the CPU's",
    }
    return {title: given.get(name, []) for name, title in titles.items()}


@pytest.fixture
def stated(monkeypatch):
    monkeypatch.setattr("harness.busy_share", lambda: 0.0)

    def state(**given):
        report = Report(name="", question="", how="")
        aims(report, tables(**given))
        return {aim.what: aim.measured for aim in report.aims}

    return state


def test_only_networks_of_the_precision_that_serves_count_for_the_share(stated):
    networks = [
        {"backend": "torch fp32 eager", "share_of_product": 0.9},
        {"backend": "torch tf32 eager", "share_of_product": 0.8},
        {"backend": "torch fp16 eager", "share_of_product": 0.2},
        {"backend": "torch fp16 captured", "share_of_product": 0.3},
        {"backend": "tensorrt fp16", "failed": "RuntimeError: no"},
    ]
    assert stated(networks=networks) == {"Network over matrix product, both fp16, best": 0.3}
    assert stated(networks=networks[:2]) == {}


def test_a_workload_is_judged_by_its_fastest_backend_and_what_failed_by_nothing(stated):
    def frame(backend, p50_ms):
        return {
            "workload": "A",
            "backend": backend,
            "until": "encoded",
            "p50_ms": p50_ms,
            "p99_ms": 2 * p50_ms,
            "frames_per_s": 1000 / p50_ms,
        }

    frames = [
        frame("torch fp32", 9.0),
        frame("torch fp16", 4.0),
        {"workload": "A", "backend": "tensorrt fp16", "failed": "RuntimeError: no"},
        {"workload": "C", "backend": "torch fp16", "lacks": "memory"},
    ]
    stages = [
        {"workload": "A", "backend": backend, "stage": stage, "p50_ms": p50_ms}
        for backend in ("torch fp32", "torch fp16")
        for stage, p50_ms in (("embed", 3.0), ("graph", 0.5), ("regions", 0.25))
    ]
    found = stated(frames=frames, stages=stages, maps=[{"workload": "A", "ari": 0.99}])
    assert found == {
        "A, received to encoded, p50": 4.0,
        "A, received to encoded, p99": 8.0,
        "A, two at a time": 250.0,
        "A, all but the network, p50s added": 0.75,
        "Label maps of CPU and GPU, A, ARI": 0.99,
    }
