import re
import sys
from types import ModuleType, SimpleNamespace

import pytest

from scopeside import __version__, cli
from scopeside.errors import EndpointError


@pytest.fixture
def command(monkeypatch):
    """Put a `watch` in place whose run does what the test says."""

    def put(run):
        module = ModuleType("scopeside.commands.watch")
        module.add_arguments = lambda parser: parser.add_argument("--number", type=int)
        module.run = run
        monkeypatch.setitem(sys.modules, "scopeside.commands.watch", module)

    return put


def raising(error):
    def run(args):
        raise error

    return run


def test_the_command_gets_its_arguments_and_gives_the_exit_code(command):
    command(lambda args: args.number)
    assert cli.main(["watch", "--number", "7"]) == 7


def test_a_fatal_error_is_one_sentence_and_its_own_exit_code(command, capsys):
    command(raising(EndpointError("tcp://x cannot be bound: choose another.")))
    assert cli.main(["watch"]) == EndpointError.exit_code
    out, err = capsys.readouterr()
    assert (out, err) == ("", "scopeside: tcp://x cannot be bound: choose another.\n")


def test_an_interrupted_command_ends_as_shells_expect(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert cli.main(["watch"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["scipy", "scipy.sparse"])
def test_a_package_that_is_missing_is_named_with_the_extra_that_has_it(command, capsys, name):
    command(raising(ModuleNotFoundError(f"No module named {name!r}", name=name)))
    assert cli.main(["watch"]) == 8
    sentence = capsys.readouterr().err
    assert "`scopeside watch` needs the Python package 'scipy'" in sentence
    assert "pip install 'scopeside[cpu]'" in sentence


@pytest.mark.parametrize("name", ["scopeside.absent", "scopeside_kernels.absent", None])
def test_a_module_of_our_own_that_is_missing_is_a_fault_and_stays_one(command, name):
    command(raising(ModuleNotFoundError("no module", name=name)))
    with pytest.raises(ModuleNotFoundError, match="no module"):
        cli.main(["watch"])


def test_a_package_that_is_missing_when_a_command_is_loaded_is_named_too(monkeypatch, capsys):
    monkeypatch.setattr(
        cli,
        "importlib",
        SimpleNamespace(import_module=raising(ModuleNotFoundError("no", name="rich"))),
    )
    assert cli.main(["watch"]) == 8
    assert "'rich'" in capsys.readouterr().err


def test_a_reader_of_the_output_that_goes_away_is_no_error(command, monkeypatch, tmp_path):
    command(raising(BrokenPipeError()))
    with (tmp_path / "err").open("w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert cli.main(["watch"]) == 0
    assert (tmp_path / "err").read_text() == ""


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert re.search(rf"^    {name}\s", text, re.MULTILINE)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_own_help(name, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    assert " ".join(cli.COMMANDS[name].split()) in " ".join(capsys.readouterr().out.split())


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"scopeside {__version__}\n"


@pytest.mark.parametrize("words", [[], ["explode"], ["watch", "--absent"]])
def test_words_that_make_no_command_are_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: scopeside" in capsys.readouterr().err
