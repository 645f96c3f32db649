import numpy as np
import pytest

from bench_samples import repeat, sample_report
from scopeside.bench.plots import percentiles_plot, rates_plot, timeline_plot, waterfall_plot

REPORT = sample_report(repeat(), repeat(scale=3.0, seed=1))


def test_every_rate_of_every_run_is_drawn_against_its_response():
    latency, lost = rates_plot(REPORT).axes
    steps = REPORT["repeats"][1]["sweep"]
    (p99,) = [line for line in latency.lines if line.get_label() == "run 2, p99"]
    assert list(p99.get_xdata()) == [4.0, 8.0, 10.0]
    assert p99.get_ydata() == pytest.approx(
        [1e3 * step["latency"]["response"]["p99_s"] for step in steps]
    )
    assert max(lost.lines[0].get_ydata()) == 10.0


def test_every_frame_of_the_timeline_is_within_its_panel():
    for axes, one in zip(timeline_plot(REPORT).axes, REPORT["repeats"], strict=True):
        spent_ms = axes.lines[0].get_ydata()
        assert len(spent_ms) == one["steady"]["results"]
        low, high = axes.get_ylim()
        assert low <= min(spent_ms) <= max(spent_ms) <= high


def test_the_percentile_curve_ends_at_the_slowest_frame():
    (axes,) = percentiles_plot(REPORT).axes
    (whole,) = [line for line in axes.lines if line.get_label() == "all runs"]
    slowest_ms = 1e3 * REPORT["summary"]["steady"]["all"]["response"]["max_s"]
    assert whole.get_ydata()[-1] == pytest.approx(slowest_ms)
    assert np.all(np.diff(whole.get_ydata()) >= 0)


def test_the_waterfall_has_every_part_in_order_and_each_begins_where_the_last_ends():
    (axes,) = waterfall_plot(REPORT).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [
        "send lateness",
        "handover",
        "waiting",
        "stage embed",
        "stage encode",
        "delivery",
    ]
    bars = axes.patches
    ends = [bar.get_x() + bar.get_width() for bar in bars]
    assert [bar.get_x() for bar in bars[1:]] == pytest.approx(ends[:-1])
