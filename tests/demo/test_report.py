import json

from contract_messages import accounting
from demo_messages import frame, segmented
from scopeside.client.result import ResultAccounting
from scopeside.demo.gathering import Gathering
from scopeside.demo.rehearsal import Outcome
from scopeside.demo.report import report, summary, write_files


def outcome(*, frames=8, sent=8, books=None, results=None, truth=True):
    gathering = Gathering(series="demo", frames=frames)
    for number in range(frames):
        gathering.frame(frame(number))
        gathering.result(segmented(number, user=None if truth else {}))
    return Outcome(
        gathering=gathering,
        accounting=ResultAccounting.from_message(books or accounting(frames)),
        source={"frames": sent},
        status={},
        results=frames if results is None else results,
        seconds=3.5,
    )


def text_of(run):
    return {row[0].strip(): row[1:] for _, rows in summary(run) for row in rows}


def test_a_good_run_has_no_problems_and_its_figures_are_told():
    run = outcome()
    assert run.problems() == []
    assert run.rate_hz == 2.0
    told = text_of(run)
    assert told["segmented"] == ("8",)
    assert told["service"] == ("250.0", "250.0", "250.0")
    assert told["embed"] == ("200.0", "200.0", "200.0")
    assert told["adjusted Rand index"] == ("1.000",)
    assert told["front error, median"] == ("0.0 px",)
    assert told["id of amorphous constant"] == ("100.0 % of frames",)


def test_every_file_is_written_and_the_report_is_plain_json(tmp_path):
    files = write_files(outcome(), tmp_path, title="run")
    assert [file.name for file in files] == [
        "contact_sheet.png",
        "front.png",
        "communities.png",
        "latency.png",
        "report.json",
    ]
    assert all(file.stat().st_size > 0 for file in files)
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["frames"]["segmented"] == 8
    assert read["agreement"]["ari"] == 1.0
    assert len(read["per_frame"]) == 8
    assert read["per_frame"][0]["fractions"] == {"1": 0.5, "2": 0.5}
    assert read["per_frame"][0]["descriptors"]["2"] == {"crystallinity": 0.25, "spacing_px": None}
    assert read["per_frame"][0]["fronts"][0]["position_px"] == 33.5
    assert read["latency"]["stages"]["embed"]["p99_s"] == 0.2


def test_without_a_truth_there_is_no_front_and_no_agreement(tmp_path):
    run = outcome(truth=False)
    assert "front.png" not in [file.name for file in write_files(run, tmp_path, title="run")]
    assert report(run)["agreement"] is None
    assert "adjusted Rand index" not in text_of(run)


def test_a_run_without_results_still_leaves_a_report(tmp_path):
    run = outcome(frames=0, sent=5, books=accounting(0, dropped={"overload": 5}))
    assert [file.name for file in write_files(run, tmp_path, title="run")] == ["report.json"]
    assert run.problems() == ["No frame was segmented."]
    assert text_of(run)["dropped"] == ("5 overload",)


def test_books_that_do_not_balance_are_a_problem():
    lost = accounting(8) | {"received": 9}
    assert any("do not balance" in text for text in outcome(books=lost, sent=9).problems())
    in_flight = accounting(8, in_flight=1)
    assert any("do not balance" in text for text in outcome(books=in_flight, sent=9).problems())


def test_frames_that_nobody_accounts_for_are_a_problem():
    assert any("account for" in text for text in outcome(sent=9).problems())
    assert outcome(sent=9, books=accounting(8, missing=1)).problems() == []
    twice = accounting(8, duplicate=2)
    assert outcome(sent=8, books=twice).problems() == []


def test_results_that_did_not_arrive_are_a_problem():
    assert any("results arrived" in text for text in outcome(results=7).problems())
