"""The operations page knows every state, exit code, drop reason, error code and alert."""

import re

import pytest
import yaml

from doc_snippets import ROOT, read, sections
from scopeside import errors
from scopeside.cli import INTERRUPTED
from scopeside.errors import DropReason
from scopeside.runtime.lifecycle import State

PAGE = "docs/operations.md"


def rows(heading: str) -> set[str]:
    """The first cells of the table under a heading."""
    found = re.findall(r"^\| `?([\w-]+)`? \|", sections(PAGE)[heading], re.MULTILINE)
    return set(found[1:])  # without the table's own head


def alerts() -> set[str]:
    rules = yaml.safe_load((ROOT / "config/prometheus-alerts.yml").read_text())
    return {rule["alert"] for group in rules["groups"] for rule in group["rules"]}


def codes_of_errors() -> set[str]:
    text = read("docs/wire-contract.md")
    (row,) = re.findall(r"^\| `error` \| `code` \((.+?)\)", text, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


def exit_codes() -> set[str]:
    def below(error):
        for one in error.__subclasses__():
            yield one.exit_code
            yield from below(one)

    return {str(code) for code in {0, 1, INTERRUPTED, *below(errors.FatalError)}}


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("States", {state.value for state in State}),
        ("Exit codes", exit_codes()),
        ("Why a message was dropped", {reason.value for reason in DropReason}),
        ("Errors", codes_of_errors()),
        ("Alerts", alerts()),
    ],
)
def test_every_one_is_explained_and_no_other(heading, known):
    assert rows(heading) == known


def test_every_row_says_what_to_do():
    lines = [line for line in read(PAGE).splitlines() if line.startswith("| ")]
    assert len(lines) > 40
    assert all(len([cell for cell in line.split(" | ") if cell.strip(" |")]) == 3 for line in lines)


def test_what_the_page_says_of_restarts_is_what_the_unit_does():
    (never,) = re.findall(
        r"^RestartPreventExitStatus=(.+)$", read("deploy/scopeside.service"), re.MULTILINE
    )
    page = re.sub(r"\s+", " ", read(PAGE))
    (said,) = re.findall(r"not after ([\d, and]+), and no more", page)
    assert re.findall(r"\d+", said) == never.split()
