"""`scopeside run` shows, exports and reports saved runs."""

import json
import sys

import pytest

from saved import labels_of, save, saved_message
from scopeside import cli


@pytest.fixture
def run(tmp_path):
    return str(save(tmp_path / "run.zarr", *(saved_message(n, image=labels_of(n)) for n in (0, 1))))


def test_info_says_what_is_there(run, capsys):
    assert cli.main(["run", "info", run]) == 0
    out = capsys.readouterr().out
    assert "2 frames, closed" in out
    assert "run-1: 2 frames of 6x8, 1 communities, frames saved" in out


def test_export_and_report_write_what_they_name_and_replace_nothing(run, tmp_path, capsys):
    tables, page = str(tmp_path / "tables"), str(tmp_path / "report.html")
    assert cli.main(["run", "export", run, "--csv", tables]) == 0
    assert cli.main(["run", "report", run, "-o", page]) == 0
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        "communities.csv",
        "frames.csv",
        "fronts.csv",
    ]
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert cli.main(["run", "export", run, "--csv", tables]) == 5
    assert cli.main(["run", "report", run, "-o", page]) == 5
    assert capsys.readouterr().err.count("exists already") == 2


def test_a_line_that_lacks_a_key_is_left_out_and_said_once(run, tmp_path, capsys):
    lines = tmp_path / "run.zarr/0/frames.jsonl"
    first, second = lines.read_text().splitlines()
    row = json.loads(first)
    del row["timing"]["stages"]
    lines.write_text(f"{json.dumps(row)}\n{second}\n")

    assert cli.main(["run", "export", run, "--csv", str(tmp_path / "tables")]) == 0
    said = capsys.readouterr()
    assert "frames.csv: 1 rows" in said.out
    assert said.err.count("\n") == 1
    assert "1 of 2 lines of " in said.err
    assert "(line 1: timing.stages)" in said.err
    assert cli.main(["run", "report", run, "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "frames left out, whose lines lack what every result says" in page


def test_a_run_all_of_whose_lines_lack_keys_has_a_report_of_its_facts(run, tmp_path, capsys):
    (tmp_path / "run.zarr/0/frames.jsonl").write_text('{"index": 0}\n{}\n')
    assert cli.main(["run", "report", run, "-o", str(tmp_path / "report.html")]) == 0
    assert "2 of 2 lines" in capsys.readouterr().err


def test_what_is_no_run_is_one_sentence(tmp_path, capsys):
    assert cli.main(["run", "info", str(tmp_path)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_parquet_without_pyarrow_says_what_to_install(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert cli.main(["run", "export", run, "--parquet", str(tmp_path / "t")]) == 8
    assert "scopeside[parquet]" in capsys.readouterr().err
