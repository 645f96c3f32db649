import json

import pytest

from bench_samples import CARD, repeat, sample_report
from scopeside.bench.histogram import Durations
from scopeside.bench.report import read_report, write_report
from scopeside.errors import InputFileError, OutputError


def test_a_report_that_was_written_is_read_again(tmp_path):
    made = sample_report()
    write_report(made, tmp_path / "new" / "report.json")
    assert read_report(tmp_path / "new" / "report.json") == json.loads(json.dumps(made))


def test_a_report_names_what_it_was_made_on():
    made = sample_report()["environment"]
    assert made["machine"]["cores"] >= 1
    assert made["machine"]["busy_before"] == 0.02
    assert made["versions"]["numpy"]
    assert made["versions"]["commit"]
    assert made["config"]["settings"]["ingest"]["socket"] == "pull"
    assert made["config"]["sources"] == {"bench.repeats": "--set", "ingest.socket": "--set"}


def test_spreads_are_over_the_repeats():
    made = sample_report(repeat(best_hz=8.0), repeat(best_hz=7.5), repeat(best_hz=None))
    assert made["summary"]["best_hz"] == {
        "median": 7.5,
        "least": 0.0,
        "most": 8.0,
        "each": [8.0, 7.5, 0.0],
        "at_least": False,
    }


def test_the_median_of_two_highest_rates_is_one_that_was_offered():
    made = sample_report(repeat(best_hz=8.0), repeat(best_hz=10.0))
    assert made["summary"]["best_hz"]["median"] == 8.0


def test_histograms_of_the_report_can_be_read_and_add_up():
    made = sample_report()
    whole = Durations.decoded(made["summary"]["steady"]["all"]["response"]["hdr"])
    parts = [one["steady"]["latency"]["response"]["count"] for one in made["repeats"]]
    assert whole.count == sum(parts) == 150


def test_a_repeat_that_lost_frames_is_counted_beside_the_latencies():
    made = sample_report(repeat(steady_lost=4), repeat())
    assert made["summary"]["steady"]["lost"] == 4
    assert made["summary"]["steady"]["offered"] == 100


def test_where_no_rate_held_there_is_no_steady_load():
    made = sample_report(repeat(best_hz=None, steady_hz=None))
    assert made["summary"]["steady"] is None
    assert made["summary"]["best_hz"]["median"] == 0.0


def test_cards_are_in_the_usage_of_a_step():
    (one,) = sample_report(repeat(gpus=(CARD,)))["repeats"]
    (card,) = one["steady"]["usage"]["gpus"]
    assert card == {"name": "a card", "busy": 0.5, "memory_bytes": 2**30}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[1]", "no report"),
        ('{"format": "scopeside-bench", "v": 7}', "version 7"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(tmp_path, text, said):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputFileError, match=said):
        read_report(tmp_path / "r.json")


def test_a_report_that_is_absent_is_named(tmp_path):
    with pytest.raises(InputFileError, match=r"absent\.json"):
        read_report(tmp_path / "absent.json")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_report(sample_report(), tmp_path / "file" / "report.json")
