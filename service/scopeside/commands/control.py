"""Ask a running service over its control endpoint: name, targets, rules, pause and the rest."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from typing import Any

from scopeside import configuration
from scopeside.client.connection import reachable
from scopeside.client.control import ControlClient
from scopeside.commands.keys import add_key_arguments, client_keys
from scopeside.errors import ConfigError
from scopeside.wire.control import COMMANDS

ENVELOPE = ("v", "id", "ok")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    configuration.add_arguments(parser)
    parser.add_argument("cmd", choices=COMMANDS, metavar="CMD", help=", ".join(COMMANDS))
    parser.add_argument(
        "fields",
        nargs="*",
        metavar="KEY=VALUE",
        help="fields of the request, as in community=3; for set, settings and their values",
    )
    parser.add_argument(
        "--to", metavar="ENDPOINT", help="control endpoint (default: control.endpoint)"
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="wait so long for the reply (10)"
    )
    add_key_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Send one request and write the reply as JSON."""
    fields = request_fields(args.cmd, args.fields)
    settings = configuration.from_arguments(args).settings
    endpoint = args.to or reachable(settings.control.endpoint)
    with ControlClient(endpoint, timeout_s=args.timeout, keys=client_keys(args)) as control:
        reply = control.call(args.cmd, **fields)
    answer = {key: value for key, value in reply.items() if key not in ENVELOPE}
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False, default=repr) + "\n")
    return 0


def request_fields(cmd: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the fields that `KEY=VALUE` words mean: TOML where it is such, else text."""
    fields: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ConfigError(f'control takes KEY=VALUE, as in community=3, not "{word}".')
        if key in fields or key in ("v", "id", "cmd"):
            raise ConfigError(f'The field "{key}" is given twice, or is not for you to give.')
        fields[key] = _value(text)
    return {"values": fields} if cmd == "set" else fields


def _value(text: str) -> Any:
    if not text:
        return None
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if len(document) == 1 else text
