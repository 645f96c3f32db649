"""Where settings come from: the only reader of configuration files and of the environment.

    defaults < files (TOML) < environment (SCOPESIDE_INGEST__ENDPOINT) < --set ingest.endpoint=...

Later ones win. A value in the environment or after `--set` is read as TOML where it parses as
such and as plain text otherwise; an empty one means absent. Paths are relative to the working
directory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scopeside.errors import ConfigError
from scopeside.rule_settings import fault_of_rule
from scopeside.setting_keys import (
    DocumentedKey,
    documented_keys,
    flatten,
    key_index,
    live_keys,
    nearest_key,
    nest,
    section_names,
)
from scopeside.settings import Settings

__all__ = [
    "Configuration",
    "DocumentedKey",
    "add_arguments",
    "apply_live",
    "config_hash",
    "documented_keys",
    "find_config",
    "from_arguments",
    "live_keys",
    "load_settings",
]

ENVIRONMENT_PREFIX = "SCOPESIDE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Effective settings; `sources` says for every key where its value came from."""

    settings: Settings
    sources: Mapping[str, str]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """One value that somebody wrote, and where."""

    key: str
    value: Any
    source: str


def load_settings(
    files: Sequence[Path] = (), env: Mapping[str, str] | None = None, sets: Sequence[str] = ()
) -> Configuration:
    """Merge defaults, `files`, `env` and `sets` (each `key=value`), in that order.

    Raises ConfigError, one sentence a problem, for unknown keys (naming the nearest known one)
    and for values that are not allowed (naming key, value, source and what is allowed).
    """
    given: dict[str, _Given] = {}
    for layer in (_from_files(files), _from_environment(env or {}), _from_sets(sets)):
        for item in layer:
            given[item.key] = item
    settings = _validated({}, given)
    sources = {key: given[key].source if key in given else "default" for key in key_index()}
    return Configuration(settings=settings, sources=sources, hash=config_hash(settings))


def apply_live(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return `settings` with live `values` changed; all of them or, with ConfigError, none."""
    for key in values:
        _require_known(key, "set")
    refused = sorted(set(values) - live_keys())
    if refused:
        raise ConfigError(
            f"{', '.join(refused)} cannot change while the service runs: restart it with the new "
            f"value, or set one of {', '.join(sorted(live_keys()))}."
        )
    given = {key: _Given(key=key, value=value, source="set") for key, value in values.items()}
    return _validated(flatten(settings.model_dump(mode="json")), given)


def config_hash(settings: Settings) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of the settings' canonical JSON.

    How a service is measured and shown, what it records and keeps and what raises alarms is no
    property of its results: `bench`, `http`, `record`, `rules` and `state` are left out.
    """
    canonical = json.dumps(
        settings.model_dump(mode="json", exclude={"bench", "http", "record", "rules", "state"}),
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def find_config(name: str) -> Path:
    """Return the file that `--config name` means: a path, or a preset in a `config` folder.

    Presets are looked for in the working directory and in the checkout this package runs from.
    """
    path = Path(name)
    if path.is_file():
        return path
    folders = [Path("config"), Path(__file__).resolve().parents[2] / "config"]
    if path.parent == Path():
        candidates = [
            folder / file for folder in folders for file in (path.name, f"{path.name}.toml")
        ]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
    presets = sorted({preset.stem for folder in folders for preset in folder.glob("*.toml")})
    known = f"; presets are {', '.join(presets)}" if presets else ""
    raise ConfigError(f'There is no configuration file or preset "{name}"{known}.')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two options with which every command takes its settings."""
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help="settings in TOML, or the name of a preset; repeatable, later files win",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="sets",
        metavar="KEY=VALUE",
        help="one setting, as in graph.resolution=0.5; repeatable, wins over everything",
    )


def from_arguments(args: argparse.Namespace) -> Configuration:
    """Load settings as the options of `add_arguments` and this process's environment say."""
    return load_settings([find_config(name) for name in args.config], os.environ, args.sets)


def _from_files(files: Iterable[Path]) -> Iterator[_Given]:
    for file in files:
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"The configuration file {file} cannot be read: {error}.") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file} is not valid TOML: {error}.") from error
        for section in section_names() & tree.keys():
            if not isinstance(tree[section], dict):
                raise ConfigError(
                    f'"{section}" in {file} is a table of settings: write [{section}] above them.'
                )
        for key, value in flatten(tree).items():
            _require_known(key, str(file))
            yield _Given(key=key, value=value, source=f"file {file}")


def _from_environment(env: Mapping[str, str]) -> Iterator[_Given]:
    top_level = {key.partition(".")[0] for key in key_index()}
    for name in sorted(env):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        rest = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if "__" not in rest and rest not in top_level:
            continue  # not a setting: other programs may use the prefix too
        key = rest.replace("__", ".")
        _require_known(key, f"the environment variable {name}")
        value = _parsed(key, env[name])
        yield _Given(key=key, value=value, source=f"environment {name}")


def _from_sets(sets: Iterable[str]) -> Iterator[_Given]:
    for text in sets:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals:
            raise ConfigError(f'--set takes KEY=VALUE, as in graph.resolution=0.5, not "{text}".')
        _require_known(key, "--set")
        yield _Given(key=key, value=_parsed(key, value), source="--set")


def _parsed(key: str, text: str) -> Any:
    """Read a value as TOML where it is TOML, else as text; empty means absent."""
    text = text.strip()
    if not text:
        return None
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = document["value"]
    if len(document) > 1 or (key_index()[key].is_text and not isinstance(value, str)):
        return text  # a file called 2024 stays a name
    return value


def _require_known(key: str, where: str) -> None:
    if key in key_index():
        return
    if key in section_names():
        example = next(other for other in key_index() if other.startswith(f"{key}."))
        raise ConfigError(
            f'"{key}" from {where} is a table of settings: name one of them, such as "{example}".'
        )
    near = nearest_key(key)
    hint = f'did you mean "{near}"?' if near else "`scopeside config` lists every key."
    raise ConfigError(f'Unknown setting "{key}" from {where}: {hint}')


def _validated(base: Mapping[str, Any], given: Mapping[str, _Given]) -> Settings:
    """Build settings from `base` and what was given; every value must be of the exact type."""
    problems = [_sentence(item) for item in given.values() if not _is_plain(item.value)]
    if problems:
        raise ConfigError("\n".join(problems))
    values = {**base, **{key: item.value for key, item in given.items()}}
    try:
        # By way of JSON, since only there do strict types go with lists for tuples and
        # texts for paths.
        return Settings.model_validate_json(json.dumps(nest(values)), strict=True)
    except ValidationError as error:
        problems = [
            _rule_explained(problem, given["rules"])
            if problem["loc"][0] == "rules"
            else _explained(problem["loc"], problem["msg"], given)
            for problem in error.errors()
        ]
        raise ConfigError("\n".join(dict.fromkeys(problems))) from error


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    return value is None or isinstance(value, (str, int, float))


def _rule_explained(problem: Mapping[str, Any], item: _Given) -> str:
    _, *where = problem["loc"]
    if not where or not isinstance(item.value, list):
        return f"rules ({item.source}): {problem['msg'].removeprefix('Value error, ')}."
    at, *inside = where
    sentence = fault_of_rule({**problem, "loc": tuple(inside)}, item.value[at])
    return f"rules[{at}] ({item.source}): {sentence}"


def _explained(location: tuple[int | str, ...], message: str, given: Mapping[str, _Given]) -> str:
    for length in range(len(location), 0, -1):
        key = ".".join(str(part) for part in location[:length])
        if key in given:
            return _sentence(given[key])
    section = str(location[0])
    culprits = [item for key, item in given.items() if key.startswith(f"{section}.")]
    written = ", ".join(f"{item.key} = {_shown(item.value)} ({item.source})" for item in culprits)
    return f"[{section}] with {written} is not allowed: {message.removeprefix('Value error, ')}."


def _sentence(item: _Given) -> str:
    return (
        f"{item.key} = {_shown(item.value)} ({item.source}) is not allowed: it must be "
        f"{key_index()[item.key].type}."
    )


def _shown(value: Any) -> str:
    if value is None:
        return "(absent)"
    if isinstance(value, (date, time)):
        return value.isoformat()
    return json.dumps(value, default=repr, ensure_ascii=False)
