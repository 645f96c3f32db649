"""Show the effective settings and where each comes from, or begin a file of them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from scopeside import configuration
from scopeside.checks.files import require_files
from scopeside.errors import ConfigError, OutputError
from scopeside.setting_keys import flatten
from scopeside.settings_file import settings_file
from scopeside.settings_page import settings_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=("init",),
        help="write a file with every setting, its default and its meaning",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE",
        help="what init writes, a new file (default: scopeside.toml)",
    )
    configuration.add_arguments(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say whether the settings are valid and the files they name are there",
    )
    parser.add_argument("--json", action="store_true", help="write JSON instead of a table")
    parser.add_argument(
        "--markdown", action="store_true", help="write the reference of every setting"
    )


def run(args: argparse.Namespace) -> int:
    if args.action == "init":
        return _begin(args.out or Path("scopeside.toml"))
    if args.out is not None:
        raise ConfigError("--out is for `scopeside config init`, and nothing else is written.")
    if args.markdown:
        sys.stdout.write(settings_page())
        return 0
    loaded = configuration.from_arguments(args)
    if args.check:
        require_files(loaded.settings)
        changed = sum(source != "default" for source in loaded.sources.values())
        sys.stdout.write(f"valid: {changed} settings given, configuration {loaded.hash}\n")
        return 0
    values = flatten(loaded.settings.model_dump(mode="json"))
    if args.json:
        report = {
            "hash": loaded.hash,
            "settings": {
                documented.key: {
                    "value": values[documented.key],
                    "source": loaded.sources[documented.key],
                    "default": documented.default,
                    "allowed": documented.type,
                    "live": documented.live,
                    "description": documented.description,
                }
                for documented in configuration.documented_keys()
            },
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return 0
    keys = list(values)
    key_width = max(map(len, keys))
    shown = {key: "(absent)" if values[key] is None else json.dumps(values[key]) for key in keys}
    value_width = max(map(len, shown.values()))
    for key in keys:
        sys.stdout.write(
            f"{key:<{key_width}}  {shown[key]:<{value_width}}  {loaded.sources[key]}\n"
        )
    sys.stdout.write(f"\nconfiguration {loaded.hash}; meanings are in config/default.toml\n")
    return 0


def _begin(out: Path) -> int:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(settings_file())
    except FileExistsError as error:
        raise OutputError(f"{out} exists already: settings are never replaced.") from error
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}.") from error
    sys.stdout.write(f"{out}: every setting, as it is by default\n")
    return 0
