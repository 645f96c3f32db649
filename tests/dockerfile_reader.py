"""Reads a Dockerfile strictly: what it does not know is an error, as a builder would say.

It knows the instructions and options that ours uses, and no here-documents, ONBUILD or SHELL.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

# Each instruction's options, as in HEALTHCHECK --interval=10s.
OPTIONS = {
    "ARG": set(),
    "CMD": set(),
    "COPY": {"from", "chown", "chmod"},
    "ENTRYPOINT": set(),
    "ENV": set(),
    "EXPOSE": set(),
    "FROM": {"platform"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
    "LABEL": set(),
    "RUN": set(),
    "STOPSIGNAL": set(),
    "USER": set(),
    "VOLUME": set(),
    "WORKDIR": set(),
}


class DockerfileError(ValueError):
    """A line that a builder would refuse."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    line: int
    word: str
    options: dict[str, str]
    rest: str

    def words(self) -> list[str]:
        """The words after the options, of the JSON form or as a shell would split them."""
        if self.rest.startswith("["):
            return json_words(self.rest, self.line)
        return shlex.split(self.rest)

    def pairs(self) -> dict[str, str]:
        """NAME=VALUE pairs, as ENV and LABEL take them."""
        pairs = dict(word.partition("=")[::2] for word in self.words() if "=" in word)
        if len(pairs) != len(self.words()):
            raise DockerfileError(f"line {self.line}: {self.word} takes NAME=VALUE, each name once")
        return pairs


@dataclass(kw_only=True)
class Stage:
    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [one for one in self.instructions if one.word == word]


def json_words(text: str, line: int) -> list[str]:
    """The exec form; a mistake in it would silently make it the shell form."""
    try:
        words = json.loads(text)
    except json.JSONDecodeError as error:
        raise DockerfileError(f"line {line}: {text} is no JSON: {error}") from error
    if not words or not all(isinstance(word, str) for word in words):
        raise DockerfileError(f"line {line}: the exec form is a list of texts")
    return words


def instructions(text: str) -> Iterator[Instruction]:
    """Every instruction, with its continued lines joined and comments left out."""
    begun, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        if not line.strip():
            if parts:
                raise DockerfileError(f"line {number}: an empty line within an instruction")
            continue
        begun = begun if parts else number
        parts.append(line.rstrip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            yield _instruction(begun, " ".join(parts))
            parts = []
    if parts:
        raise DockerfileError(f"line {begun}: the last line is continued by nothing")


def _instruction(line: int, text: str) -> Instruction:
    word, _, rest = text.partition(" ")
    if word not in OPTIONS:
        raise DockerfileError(f"line {line}: no instruction is called {word}")
    options: dict[str, str] = {}
    rest = rest.strip()
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        if match[1] not in OPTIONS[word] or match[1] in options:
            raise DockerfileError(f"line {line}: {word} does not take --{match[1]} here")
        options[match[1]] = match[2]
        rest = rest[match.end() :]
    if not rest or rest.startswith("--"):
        raise DockerfileError(f"line {line}: {word} has nothing to do, or an option without value")
    return Instruction(line=line, word=word, options=options, rest=rest)


def stages(text: str) -> dict[str, Stage]:
    """Every stage by its name, in order; each must be named, and only once."""
    found: dict[str, Stage] = {}
    stage: Stage | None = None
    for one in instructions(text):
        if one.word == "FROM":
            match = re.fullmatch(r"(\S+) AS ([a-z][a-z0-9-]*)", one.rest)
            if match is None or match[2] in found:
                raise DockerfileError(f"line {one.line}: FROM takes IMAGE AS A-NAME-OF-ITS-OWN")
            stage = found[match[2]] = Stage(name=match[2], base=match[1])
        elif stage is None:
            raise DockerfileError(f"line {one.line}: {one.word} comes before the first FROM")
        else:
            stage.instructions.append(one)
    return found


def lineage(found: dict[str, Stage], name: str) -> list[Stage]:
    """The stages that a stage is made of, the first one first."""
    chain = [found[name]]
    while chain[0].base in found:
        chain.insert(0, found[chain[0].base])
    return chain


def inherited(found: dict[str, Stage], name: str, word: str) -> list[Instruction]:
    """All instructions of one kind that count for a stage, in order."""
    return [one for stage in lineage(found, name) for one in stage.all(word)]


def environment(found: dict[str, Stage], name: str) -> dict[str, str]:
    merged: dict[str, str] = {}
    for one in inherited(found, name, "ENV"):
        merged |= one.pairs()
    return merged
