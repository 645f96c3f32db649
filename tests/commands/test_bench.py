import argparse

import pytest

from bench_samples import repeat, sample_report
from scopeside.bench import environment, run
from scopeside.bench.report import read_report, write_report
from scopeside.commands import bench
from scopeside.errors import ConfigError, InputFileError, OutputError, ServiceError


def arguments(*words):
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.mark.parametrize("words", [("--rates", "1,x"), ("--rates", "0"), ("--steady", "-2")])
def test_rates_that_are_none_are_refused_with_an_example(words, capsys):
    with pytest.raises(SystemExit):
        arguments(*words)
    assert "write frames a second" in capsys.readouterr().err


def test_rates_are_offered_from_the_lowest_to_the_highest_and_each_once():
    assert arguments("--rates", "8,2,8,4").rates == (2.0, 4.0, 8.0)


def test_two_recordings_at_a_time_are_refused():
    with pytest.raises(ConfigError, match="One recording"):
        bench.run(arguments("a.tif", "b.tif"))


def test_curve_is_refused_before_anything_starts():
    with pytest.raises(ConfigError, match=r"security\.curve"):
        bench.run(arguments("--set", "security.curve=true"))


def test_an_input_that_is_absent_is_named(tmp_path):
    with pytest.raises(InputFileError, match="absent"):
        bench.run(arguments(str(tmp_path / "absent.tif"), "--out", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_compare_takes_two_reports():
    with pytest.raises(ConfigError, match="two reports"):
        bench.run(arguments("compare", "a.json"))


@pytest.mark.parametrize("text", ["-1", "101", "much"])
def test_a_least_change_that_is_no_percentage_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        arguments("compare", "a.json", "b.json", f"--least={text}")
    assert "write 0 to 100" in capsys.readouterr().err


def test_a_worse_report_is_exit_code_1_and_says_why(tmp_path, capsys):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    write_report(sample_report(), a)
    write_report(sample_report(scales=(1.5, 1.52, 1.49)), b)
    assert bench.run(arguments("compare", str(a), str(b))) == 1
    told = capsys.readouterr().out
    assert "WORSE: response, p99 is 1.5" in told
    assert "95 % interval" in told
    assert bench.run(arguments("compare", str(b), str(a))) == 0
    assert "not worse" in capsys.readouterr().out
    assert bench.run(arguments("compare", str(a), str(b), "--least", "60")) == 0


def test_what_is_no_report_cannot_be_compared(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputFileError, match="no report"):
        bench.run(arguments("compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")))


SMALL = ("--set", "service.frame_shape=[32,32]", "--set", "chips.size_px=16")


@pytest.fixture
def measuring(monkeypatch):
    """Takes the place of the measurement: as many repeats as given, then an error."""

    def replace(repeats, error):
        def measure(plan, say, measured):
            measured.repeats += [repeat(seed=seed) for seed in range(repeats)]
            raise error

        monkeypatch.setattr(run, "measure", measure)
        monkeypatch.setattr(environment, "busy_share", lambda: 0.0)

    return replace


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ServiceError("It ended.")])
def test_what_was_finished_is_written_when_a_later_run_is_not(tmp_path, capsys, measuring, error):
    measuring(2, error)
    with pytest.raises(type(error)):
        bench.run(arguments("--out", str(tmp_path / "out"), *SMALL))
    made = read_report(tmp_path / "out" / "report.json")
    assert len(made["repeats"]) == 2
    assert (tmp_path / "out" / "report.html").exists()
    told = capsys.readouterr().out
    assert "ended early: this is 2 of 3 runs" in told
    assert "runs" in told
    assert "2 of 3: it was ended early" in told


def test_where_no_run_was_finished_there_is_no_report(tmp_path, measuring):
    measuring(0, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        bench.run(arguments("--out", str(tmp_path / "out"), *SMALL))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["", "report.json"])
def test_a_folder_that_cannot_be_written_is_found_before_anything_is_measured(
    tmp_path, measuring, name
):
    measuring(1, AssertionError("measured in vain"))
    if name:
        (tmp_path / "out" / name).mkdir(parents=True)
    else:
        (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"give --out a folder"):
        bench.run(arguments("--out", str(tmp_path / "out"), *SMALL))


def test_a_report_of_before_is_left_alone_until_there_is_another(tmp_path, measuring):
    (tmp_path / "report.json").write_text("precious")
    measuring(0, ServiceError("It never began."))
    with pytest.raises(ServiceError):
        bench.run(arguments("--out", str(tmp_path), *SMALL))
    assert (tmp_path / "report.json").read_text() == "precious"


def test_what_was_measured_is_written_before_the_loop_begins(tmp_path, capsys, monkeypatch):
    """It takes minutes, and whoever ends it by a signal has the rest."""

    def measure(plan, say, measured):
        measured.repeats += [repeat(seed=seed) for seed in range(3)]

    def interrupted(args, plan, chosen):
        assert len(read_report(tmp_path / "report.json")["repeats"]) == 3
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setattr(environment, "busy_share", lambda: 0.0)
    monkeypatch.setattr(bench, "_beside", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run(arguments("--out", str(tmp_path), "--against", "reference", *SMALL))
    assert "against" not in read_report(tmp_path / "report.json")
    assert "ended early: the loop is not in it" in capsys.readouterr().out
