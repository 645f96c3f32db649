import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_messages import packed, result
from scopeside.client.result import Result
from scopeside.latency import END_TO_END, SERVICE, LatencyLog, Percentiles

durations = st.lists(st.floats(0, 1e3, allow_nan=False), min_size=1, max_size=200)


def timing(service_s, *, end_to_end_s=None, **stages):
    fields = {
        "t_received_ns": 1,
        "t_published_ns": 2,
        "stages": stages,
        "service_s": service_s,
        "end_to_end_s": end_to_end_s,
        "uncertainty_s": None,
    }
    return Result.from_bytes(packed(result(timing=fields))).timing


@given(durations)
def test_percentiles_are_durations_that_occurred_and_enough_do_not_exceed(values):
    spent = Percentiles.of(values)
    for share, value in ((0.50, spent.p50_s), (0.95, spent.p95_s), (0.99, spent.p99_s)):
        assert value in values
        assert sum(other <= value for other in values) >= share * len(values) - 1e-9
    assert spent.p50_s <= spent.p95_s <= spent.p99_s <= spent.max_s == max(values)
    assert spent.count == len(values)


def test_percentiles_of_one_to_a_hundred():
    spent = Percentiles.of(range(1, 101))
    assert (spent.p50_s, spent.p95_s, spent.p99_s) == (50, 95, 99)


def test_percentiles_of_nothing_are_an_error():
    with pytest.raises(IndexError):
        Percentiles.of([])


def test_stages_keep_the_order_in_which_they_run_and_totals_what_is_known():
    log = LatencyLog()
    log.add(timing(0.3, preprocess=0.1, embed=0.2))
    assert list(log.totals()) == [SERVICE]
    log.add(timing(0.5, end_to_end_s=0.6, preprocess=0.1, embed=0.2, publish=0.01))
    assert list(log.stages()) == ["preprocess", "embed", "publish"]
    assert log.totals()[SERVICE].max_s == 0.5
    assert log.totals()[END_TO_END].count == 1
    assert log.stages()["publish"].count == 1


def test_a_window_forgets_what_is_older():
    log = LatencyLog(window=3)
    for seconds in (9.0, 1.0, 2.0, 3.0):
        log.add(timing(seconds))
    assert log.totals()[SERVICE].count == 3
    assert log.totals()[SERVICE].max_s == 3.0
