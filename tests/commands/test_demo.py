import argparse

import pytest

from scopeside.commands import demo
from scopeside.errors import ConfigError, InputFileError, MissingExtraError


def arguments(*words):
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.mark.parametrize(
    "words",
    [
        ("--shape", "512"),
        ("--shape", "0x512"),
        ("--shape", "axb"),
        ("--frames", "0"),
        ("--frames", "-3"),
        ("--frames", "many"),
    ],
)
def test_sizes_that_are_none_are_refused_with_an_example(words, capsys):
    with pytest.raises(SystemExit):
        arguments(*words)
    assert "write" in capsys.readouterr().err


def test_curve_is_refused_before_anything_starts(tmp_path):
    words = ("--set", "security.curve=true", "--out", str(tmp_path / "out"))
    with pytest.raises(ConfigError, match=r"security\.curve"):
        demo.run(arguments(*words))
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_absent_is_named(tmp_path):
    with pytest.raises(InputFileError, match="absent"):
        demo.run(arguments(str(tmp_path / "absent.tif"), "--out", str(tmp_path / "out")))


def test_missing_packages_are_named_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "ENGINE", ("rich", "no_such_package_here"))
    with pytest.raises(MissingExtraError, match=r"\(no_such_package_here\).*scopeside\[cpu\]"):
        demo.run(arguments("--out", str(tmp_path / "out")))
