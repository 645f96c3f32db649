"""The catalogue of setting keys: what each means, what it may be, and which may change live.

A key is written with dots, as in `ingest.endpoint`. Everything here is read off the models in
`settings.py`, so that help texts, README tables and error sentences cannot disagree with them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from scopeside.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedKey:
    """One setting: `type` says in words what is allowed, `default` is None where absent."""

    key: str
    default: Any
    type: str
    live: bool
    description: str
    is_text: bool


@cache
def documented_keys() -> tuple[DocumentedKey, ...]:
    """Return every setting in the order of the models."""
    schema = Settings.model_json_schema()
    defaults = flatten(Settings().model_dump(mode="json"))
    leaves = _leaves(schema, schema["$defs"], ())
    return tuple(
        DocumentedKey(
            key=key,
            default=defaults[key],
            type=_in_words(leaf),
            live=bool(leaf.get("live", False)),
            description=" ".join(str(leaf.get("description", "")).split()),
            is_text=leaf.get("type") == "string" or _is_optional_text(leaf),
        )
        for key, leaf in leaves
    )


@cache
def key_index() -> Mapping[str, DocumentedKey]:
    """Return every setting by its key."""
    return {documented.key: documented for documented in documented_keys()}


@cache
def section_names() -> frozenset[str]:
    """Return the names of the tables that hold settings, such as `ingest`."""
    return frozenset(key.rpartition(".")[0] for key in key_index() if "." in key)


def live_keys() -> frozenset[str]:
    """Return the keys that the control command `set` may change while the service runs."""
    return frozenset(documented.key for documented in documented_keys() if documented.live)


def nearest_key(key: str) -> str | None:
    """Return the known key that most resembles `key`, or None when nothing is near.

    A bare name such as `resolution` finds `graph.resolution`.
    """
    known = list(key_index())
    same_name = [other for other in known if other.rpartition(".")[2] == key.rpartition(".")[2]]
    if len(same_name) == 1:
        return same_name[0]
    near = difflib.get_close_matches(key, same_name or known, n=1, cutoff=0.6)
    return near[0] if near else None


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one mapping of dotted keys, in order."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{key}."))
        else:
            flat[key] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as nested tables: the inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tree


def _leaves(
    schema: Mapping[str, Any], models: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in schema["properties"].items():
        reference = entry.get("$ref")
        if reference is None:
            yield ".".join((*path, name)), entry
        else:
            yield from _leaves(models[reference.rpartition("/")[2]], models, (*path, name))


def _is_optional_text(leaf: Mapping[str, Any]) -> bool:
    choices = [choice for choice in leaf.get("anyOf", ()) if choice.get("type") != "null"]
    return bool(choices) and all(
        choice.get("type") == "string" and "const" not in choice for choice in choices
    )


def _in_words(leaf: Mapping[str, Any]) -> str:
    if "in_words" in leaf:
        return str(leaf["in_words"])
    if "anyOf" in leaf:
        return " or ".join(_in_words(choice) for choice in leaf["anyOf"])
    if "enum" in leaf:
        return " or ".join(json.dumps(value) for value in leaf["enum"])
    if "const" in leaf:
        return json.dumps(leaf["const"])
    if "prefixItems" in leaf:
        inner = ", ".join(_in_words(item) for item in leaf["prefixItems"])
        return f"a list [{inner}]"
    if "items" in leaf:
        return f"a list of {_in_words(leaf['items'])}"
    words = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "null": "absent",
        "string": "a path" if leaf.get("format") == "path" else "text",
    }[leaf["type"]]
    if "pattern" in leaf:
        return f"{words} that matches {leaf['pattern']}"
    return words + _bounds_in_words(leaf)


def _bounds_in_words(leaf: Mapping[str, Any]) -> str:
    low, high, above = leaf.get("minimum"), leaf.get("maximum"), leaf.get("exclusiveMinimum")
    if low is not None and high is not None:
        return f" from {low:.10g} to {high:.10g}"
    bounds = [] if low is None else [f"at least {low:.10g}"]
    bounds += [] if above is None else [f"above {above:.10g}"]
    bounds += [] if high is None else [f"at most {high:.10g}"]
    return " " + " and ".join(bounds) if bounds else ""
