"""`scopeside run` shows, exports and reports saved runs."""

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


def test_what_is_no_run_is_one_sentence(tmp_path, capsys):
    assert cli.main(["run", "info", str(tmp_path)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_parquet_without_pyarrow_says_what_to_install(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert cli.main(["run", "export", run, "--parquet", str(tmp_path / "t")]) == 8
    assert "scopeside[parquet]" in capsys.readouterr().err
