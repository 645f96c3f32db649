"""Figures of the service as Prometheus reads them."""

import pytest

from exported_metrics import samples, value
from scopeside.messages import Accounting
from scopeside.published import Published
from scopeside.runtime.stage_times import StageTimes
from scopeside.web.prometheus import exposition
from scopeside.wire.results import accounting_map

GPU = {
    "title": "Card",
    "planned": 1,
    "captured": True,
    "tile_chips": 128,
    "out_of_memory": 2,
    "repainted": 7,
    "memory_bytes": {"total": 100, "free": 60, "reserved": 30, "allocated": 20, "peak": 25},
    "use_percent": 40,
    "memory_use_percent": 10,
    "temperature_c": 61,
    "power_w": 212.5,
    "sm_clock_hz": 1_980_000_000,
    "memory_clock_hz": None,
}


class Frame:
    """Only what StageTimes looks at: durations."""

    def __new__(cls, service_s, end_to_end_s=None, **stages_s):
        return Published(
            segmentation=None,
            accounting=Accounting(),
            published_ns=0,
            stages_s=stages_s,
            service_s=service_s,
            end_to_end_s=end_to_end_s,
        )


def figures(*frames, **more):
    times = StageTimes()
    for frame in frames:
        times.add(frame)
    books = Accounting(received=7, segmented=3, duplicate=1, dropped={"overload": 3}, missing=2)
    return {
        "state": "ready",
        "uptime_s": 12.5,
        "version": "0.1.0",
        "device": "cpu",
        "replans": 2,
        "totals": accounting_map(books),
        "errors": {"connection_cut": 4},
        "alarms": {'half "amorphous"': 2},
        "times": times.figures(),
        "queues": {"frames": {"waiting": 2, "capacity": 4, "displaced": 9}},
        "threads": {"compute": {"turns": 99, "age_s": 0.25}},
        "process": {"memory_bytes": 2**20, "cpu_s": 3.5, "threads": 8},
        **more,
    }


def page(figures, viewers=0):
    body, content_type = exposition(figures, viewers=viewers, accept="")
    assert content_type.startswith("text/plain; version=0.0.4")
    return samples(body.decode())


def test_the_books_become_counters_and_every_reason_is_there_before_its_first_drop():
    found = page(figures())
    assert value(found, "scopeside_frames_received_total") == 7
    assert value(found, "scopeside_frames_segmented_total") == 3
    assert value(found, "scopeside_frames_dropped_total", reason="overload") == 3
    assert value(found, "scopeside_frames_dropped_total", reason="bad_shape") == 0
    assert value(found, "scopeside_frames_missing") == 2
    assert value(found, "scopeside_errors_total", code="connection_cut") == 4
    assert value(found, "scopeside_alarms_total", rule='half "amorphous"') == 2
    assert value(found, "scopeside_errors_total", code="record_failed") == 0


def test_times_become_cumulative_histograms_that_hold_every_frame():
    found = page(figures(Frame(0.004, embed=0.002), Frame(0.3, embed=0.2), Frame(99.0, embed=0.01)))
    name = "scopeside_service_seconds"
    counts = [one.value for one in found[f"{name}_bucket"]]
    assert counts == sorted(counts)
    assert value(found, f"{name}_bucket", le="0.0025") == 0
    assert value(found, f"{name}_bucket", le="0.005") == 1
    assert value(found, f"{name}_bucket", le="30.0") == 2
    assert value(found, f"{name}_bucket", le="+Inf") == value(found, f"{name}_count") == 3
    assert value(found, f"{name}_sum") == pytest.approx(99.304)
    assert value(found, "scopeside_stage_seconds_sum", stage="embed") == pytest.approx(0.212)
    assert value(found, "scopeside_stage_seconds_sum", stage="wait") == pytest.approx(99.092)


def test_a_value_on_a_bound_belongs_to_its_bucket():
    found = page(figures(Frame(0.005)))
    assert value(found, "scopeside_service_seconds_bucket", le="0.005") == 1
    assert value(found, "scopeside_service_seconds_bucket", le="0.0025") == 0


def test_end_to_end_is_absent_until_clocks_can_be_compared():
    assert "scopeside_end_to_end_seconds_count" not in page(figures(Frame(0.1)))
    found = page(figures(Frame(0.1), Frame(0.1, end_to_end_s=0.2)))
    assert value(found, "scopeside_end_to_end_seconds_count") == 1


def test_one_state_is_marked():
    marked = {one.labels["state"]: one.value for one in page(figures())["scopeside_state"]}
    assert marked.pop("ready") == 1
    assert set(marked.values()) == {0}


def test_a_card_tells_what_it_knows_in_base_units():
    found = page(figures(gpu=GPU))
    assert value(found, "scopeside_gpu_use_ratio", gpu="Card") == pytest.approx(0.4)
    assert value(found, "scopeside_gpu_power_watts") == 212.5
    assert value(found, "scopeside_gpu_tile_chips") == 128
    assert value(found, "scopeside_gpu_out_of_memory_frames_total", gpu="Card") == 2
    assert value(found, "scopeside_gpu_repainted_frames_total", gpu="Card") == 7
    assert value(found, "scopeside_gpu_memory_bytes", kind="free") == 60
    assert "scopeside_gpu_memory_clock_hertz" not in found
    assert not any(name.startswith("scopeside_gpu") for name in page(figures()))


def test_without_an_answer_only_that_is_said():
    found = page(None, viewers=2)
    assert set(found) == {"scopeside_up", "scopeside_web_viewers"}
    assert value(found, "scopeside_up") == 0
    assert value(found, "scopeside_web_viewers") == 2


def test_a_scraper_that_speaks_openmetrics_gets_it():
    body, content_type = exposition(
        figures(), viewers=0, accept="application/openmetrics-text; version=1.0.0"
    )
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
