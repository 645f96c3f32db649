"""The Dockerfile and the compose file, as the tests of both read them."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

import yaml

from doc_snippets import ROOT
from dockerfile_reader import environment, inherited, json_words, stages

TARGETS = ("cpu", "gpu")
STAGES = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
EVERY: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES = {name: one for name, one in EVERY.items() if "build" in one}
"""Those of our own image; the others are as somebody else made them."""


def settings_of(variables: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if name.startswith("SCOPESIDE_")}


def image_settings(target: str) -> dict[str, str]:
    return settings_of(environment(STAGES, target))


def service_settings(name: str) -> dict[str, str]:
    """What a compose service finds in its environment: the image's settings and its own."""
    service = SERVICES[name]
    own = settings_of(service.get("environment", {}))
    return image_settings(service["build"]["target"]) | own


def health_check() -> list[str]:
    """The words of the image's health check, after CMD."""
    (check,) = inherited(STAGES, "cpu", "HEALTHCHECK")
    word, _, command = check.rest.partition(" ")
    assert word == "CMD"
    return json_words(command, check.line)


def understood(words: list[str]) -> argparse.Namespace:
    """What the real parser of a command makes of its arguments."""
    command, *arguments = words
    parser = argparse.ArgumentParser(prog=f"scopeside {command}", exit_on_error=False)
    importlib.import_module(f"scopeside.commands.{command}").add_arguments(parser)
    return parser.parse_args(arguments)
