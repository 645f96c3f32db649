import copy

import pytest

from bench_samples import repeat, sample_report
from scopeside.bench.compare import compare
from scopeside.bench.compare_table import comparison_tables
from scopeside.errors import InputFileError

BEFORE = sample_report()


def verdicts(a, b, least_change=0.05):
    return {
        change.figure.name: change.verdict
        for change in compare(a, b, least_change=least_change).changes
    }


def test_a_report_is_the_same_as_itself():
    found = compare(BEFORE, BEFORE, least_change=0.0)
    assert found.problems == []
    assert found.differences == ()
    assert found.notes == ()
    assert {change.verdict for change in found.changes} == {"same within noise"}
    assert all(change.ratio.estimate == pytest.approx(1.0) for change in found.changes)


def test_a_slower_service_is_worse_and_a_faster_one_better():
    slower = sample_report(scales=(1.3, 1.31, 1.28))
    assert verdicts(BEFORE, slower)["response, p99"] == "worse"
    assert verdicts(slower, BEFORE)["response, p99"] == "better"
    problems = compare(BEFORE, slower, least_change=0.05).problems
    assert any("response, p50 is 1.29 times" in text for text in problems)
    assert compare(slower, BEFORE, least_change=0.05).problems == []


def test_a_change_within_the_noise_or_below_the_least_is_none():
    noisy = sample_report(scales=(0.8, 1.5, 1.3))
    assert verdicts(BEFORE, noisy)["response, p50"] == "same within noise"
    slower = sample_report(scales=(1.3, 1.31, 1.28))
    assert verdicts(BEFORE, slower, least_change=0.4)["response, p50"] == "same within noise"


def test_a_lower_highest_rate_is_worse():
    a, b = (
        sample_report(*(repeat(best_hz=best_hz, seed=seed) for seed in range(3)))
        for best_hz in (8.41, 5.01)
    )
    assert verdicts(a, b)["highest rate"] == "worse"
    assert verdicts(b, a)["highest rate"] == "better"


def test_no_rate_at_all_is_worse_than_some():
    none = sample_report(*(repeat(best_hz=None, steady_hz=None) for _ in range(3)))
    assert verdicts(BEFORE, none)["highest rate"] == "worse"


def test_only_what_gates_can_fail():
    """A stage that got slower is told, and fails nothing where the response is as it was."""
    moved = copy.deepcopy(BEFORE)
    stage = moved["summary"]["steady"]["stages"]["embed"]["p50_s"]
    stage["each"] = [2.0 * value for value in stage["each"]]
    assert verdicts(BEFORE, moved)["stage embed, p50"] == "worse"
    assert compare(BEFORE, moved, least_change=0.05).problems == []


def test_frames_lost_where_none_were_is_a_problem():
    some = lossy(2, 0, 0)
    (problem,) = compare(BEFORE, some, least_change=1.0).problems
    assert problem == "2 of 150 frames were lost at the steady load, none before"
    assert compare(some, some, least_change=1.0).problems == []


def lossy(*lost):
    """A report whose repeats lost so many of 50 frames each."""
    return sample_report(*(repeat(steady_lost=n, seed=seed) for seed, n in enumerate(lost)))


def test_more_frames_lost_than_before_is_a_problem_beyond_chance():
    (problem,) = compare(lossy(1, 0, 1), lossy(20, 25, 15), least_change=1.0).problems
    assert problem == "60 of 150 frames were lost at the steady load, 2 of 150 before"
    assert compare(lossy(1, 0, 1), lossy(1, 1, 1), least_change=1.0).problems == []
    assert compare(lossy(20, 25, 15), lossy(1, 0, 1), least_change=1.0).problems == []


def test_a_steady_load_that_gave_no_result_at_all_is_a_loss():
    """With --steady: there is no latency then, and nothing else to tell it by."""
    (problem,) = compare(BEFORE, lossy(50, 50, 50), least_change=1.0).problems
    assert "150 of 150 frames were lost" in problem


def test_a_steady_load_that_is_not_there_is_a_problem():
    unsteady = sample_report(*(repeat(steady_hz=None, seed=seed) for seed in range(3)))
    (problem,) = compare(BEFORE, unsteady, least_change=1.0).problems
    assert "no steady load" in problem
    assert compare(unsteady, BEFORE, least_change=1.0).problems == []


@pytest.mark.parametrize("steady_hz", [4.0, 7.1])
def test_a_response_ten_times_as_long_fails_at_any_load(steady_hz):
    slow = sample_report(*(repeat(steady_hz=steady_hz, scale=10.0, seed=seed) for seed in range(3)))
    problems = compare(BEFORE, slow, least_change=0.05).problems
    assert any(f"response, p99, at 5.6 Hz and {steady_hz:g} Hz" in problem for problem in problems)


def test_at_different_loads_the_response_alone_is_compared_and_a_note_says_why():
    other = sample_report(*(repeat(steady_hz=4.0, seed=seed) for seed in range(3)))
    found = compare(BEFORE, other, least_change=0.05)
    names = [change.figure.name for change in found.changes]
    assert "CPU a frame" not in names
    assert not any("stage" in name or "handover" in name for name in names)
    assert sum("at 5.6 Hz and 4 Hz" in name for name in names) == 2
    assert found.problems == []
    assert any("--steady 5.6" in note for note in found.notes)


def test_rates_that_both_offered_are_compared():
    assert "response at 8 Hz, p99" in verdicts(BEFORE, BEFORE)


def test_what_was_not_the_same_is_told():
    other = copy.deepcopy(BEFORE)
    other["environment"]["machine"]["cores"] = 999
    other["environment"]["versions"]["numpy"] = "0.1"
    other["environment"]["config"]["settings"]["chips"]["size_px"] = 48
    other["load"]["shape"] = [9, 9]
    other["environment"]["machine"]["busy_before"] = 0.7
    found = compare(BEFORE, other, least_change=0.05)
    assert {name for name, _, _ in found.differences} == {
        "cores",
        "numpy",
        "chips.size_px",
        "shape",
    }
    told = " ".join(found.notes)
    assert "machines are not the same" in told
    assert "frames are not the same" in told
    assert "Before B other programs took 70%" in told


@pytest.mark.parametrize("swapped", [False, True])
def test_one_repeat_tells_no_noise(swapped):
    pair = [BEFORE, sample_report(repeat())]
    with pytest.raises(InputFileError, match=r"bench\.repeats"):
        compare(*(pair[::-1] if swapped else pair), least_change=0.05)


def test_tables_have_a_row_for_every_figure():
    found = compare(BEFORE, sample_report(scales=(2.0, 2.1, 1.9)), least_change=0.05)
    rows = [row for _, table in comparison_tables(found) for row in table[1:]]
    assert len(rows) == len(found.changes)
    assert {len(row) for row in rows} == {7}
    (p99,) = [row for row in rows if row[0] == "response, p99"]
    assert p99[-1] == "worse"
    assert p99[3].startswith("1.9") or p99[3].startswith("2.0")
