"""What the pages say of commands, options, exit codes, files and settings is so."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import tomllib
from collections.abc import Iterator

import pytest

from doc_snippets import PAGES, ROOT, command_lines, links, read, sections
from scopeside import errors
from scopeside.cli import COMMANDS, INTERRUPTED
from scopeside.setting_keys import key_index

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
CALLS = [(page, words) for page in NAMES for words in command_lines(page, "scopeside")]


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"scopeside {command}", exit_on_error=False)
    importlib.import_module(f"scopeside.commands.{command}").add_arguments(parser)
    return parser


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What a command takes; of one with actions of its own, what all of these take."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for nested in action.choices.values():
                yield from actions_of(nested)
        else:
            yield action


@pytest.mark.parametrize(("page", "words"), CALLS, ids=[" ".join(words) for _, words in CALLS])
def test_every_command_line_shown_is_understood(page, words):
    command, *arguments = words
    if command == "COMMAND":
        return
    parser = parser_of(command)
    if arguments != ["--help"]:
        given = parser.parse_args(arguments)
        for text in getattr(given, "sets", []):
            assert text.partition("=")[0] in {*key_index(), "KEY"}


def test_the_readme_shows_every_command():
    assert {words[0] for words in command_lines("README.md", "scopeside")} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_page_has_every_option_of_a_command_and_no_other(command):
    section = sections("docs/commands.md")[command]
    rows = "\n".join(line for line in section.splitlines() if line.startswith("| `"))
    documented = set(
        re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", "".join(re.findall("`[^`]+`", rows)))
    )
    actions = list(actions_of(parser_of(command)))
    options = {word for action in actions for word in action.option_strings}
    positional = {action.dest for action in actions if not action.option_strings}

    assert documented == options - {"-h", "--help"}
    assert set(re.findall(r"^\| `([a-z]+)` \|", rows, re.MULTILINE)) == positional


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md"])
def test_exit_codes_are_those_of_the_errors(page):
    text = read(page)
    codes = {error.exit_code for error in errors.FatalError.__subclasses__()}

    if page == "README.md":
        (line,) = re.findall(r"^Exit codes: (.*?)\n\n", text, re.MULTILINE | re.DOTALL)
        documented = {int(code) for code in re.findall(r"(?:^|;\s)(\d+) ", line)}
    else:
        documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}

    assert documented == codes | {0, 1, INTERRUPTED}


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_to_files_that_exist(page):
    broken = [
        target
        for target in links(ROOT / page)
        if not (ROOT / page).parent.joinpath(target.partition("#")[0]).exists()
    ]

    assert broken == []


def test_make_targets_shown_exist():
    makefile = read("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    shown = [words for page in NAMES for words in command_lines(page, "make")]

    assert {words[0] for words in shown} <= targets
    for words in shown:
        for variable in words[1:]:
            assert re.search(rf"^{variable.partition('=')[0]}\s*\?=", makefile, re.MULTILINE)


def test_the_readmes_settings_exist_with_the_defaults_it_says():
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+?) \|", read("README.md"), re.MULTILINE)
    words = {"ingest.policy": None, "chips.stride_px": None}

    assert len(rows) > 5
    for key, shown in rows:
        default = key_index()[key].default
        if key in words:
            assert default is words[key]
        else:
            assert shown.strip("`") == str(default)


def test_the_extras_that_pages_install_exist():
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    shown = {extra for page in NAMES for extra in re.findall(r"'\.\[(\w+)\]'", read(page))}

    assert shown <= set(extras)
    assert "cpu" in shown


def decisions() -> list[str]:
    return sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))


def test_the_index_of_decisions_lists_every_one_in_order():
    listed = re.findall(r"^\| \[\d{4}\]\((.+?)\)", read("docs/adr/README.md"), re.MULTILINE)

    assert listed == sorted(listed)
    assert set(decisions()) <= set(listed)
    assert [name[:4] for name in listed] == [f"{n:04d}" for n in range(1, len(listed) + 1)]


@pytest.mark.parametrize("name", decisions())
def test_a_decision_has_its_number_its_context_and_its_consequences(name):
    text = read(f"docs/adr/{name}")

    assert text.startswith(f"# {name[:4]} ")
    for part in ("Context", "Decision", "Consequences"):
        assert part in text


def test_every_dependency_has_its_reason_in_a_decision():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    names = {re.split(r"[\[<>=~;]", one)[0] for one in required}
    text = "\n".join(read(f"docs/adr/{name}") for name in decisions())

    assert {name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)} == set()


def test_the_agreement_of_the_two_modes_is_told_as_it_was_measured():
    page = re.sub(r"\s+", " ", read("docs/adr/0007-chips-and-shared.md"))
    results = json.loads((ROOT / "benchmarks/results/irradiation.json").read_text())
    (rows,) = [
        table["rows"] for table in results["tables"] if "neighbour_overlap" in table["rows"][0]
    ]
    cosines = [row["centred_cosine"] for row in rows]
    shares = [100 * row["neighbour_overlap"] for row in rows]
    assert f"is {min(cosines):.2f} to {max(cosines):.2f} on average" in page
    assert f"{min(shares):.0f} to {max(shares):.0f} % of the 15 nearest neighbours" in page
    assert {row["chips"] for row in rows} == {675}
