import argparse

import pytest

from bench_samples import sample_report
from scopeside.bench.report import write_report
from scopeside.commands import bench
from scopeside.errors import ConfigError, InputFileError


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
