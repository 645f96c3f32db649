import argparse

import pytest

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
