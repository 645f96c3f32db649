"""A frame's line in `frames.jsonl`: its result without the arrays, as plain JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

ARRAYS = frozenset({"labels", "confidence"})

NEEDED: Mapping[str, tuple[str, ...]] = {
    "index": (),
    "series": (),
    "frame": (),
    "t_ns": (),
    "pixel_size_m": (),
    "dose_e_per_m2": (),
    "frame_saved": (),
    "communities": ("id", "name", "color", "fraction", "confidence"),
    "timing": ("service_s", "end_to_end_s", "stages"),
    "accounting": ("segmented", "dropped"),
    "provenance": (),
    "fronts": ("between",),
}
"""What every line of a run that we wrote says, and what it says there of each."""

LISTED = frozenset({"communities", "fronts"})
"""Of which there may be many or none."""

LATER = frozenset({"fronts"})
"""Which of that the wire contract added: results of other services do without."""


def row_of(result: Mapping[str, Any], *, index: int, **more: Any) -> str:
    """Return the line of a decoded result; `more` is what the result itself does not say.

    Keys that later versions of the wire contract add are kept. What JSON cannot say is written as
    near as it can: bytes as `{"base64": ...}`, numbers that are not finite as null.
    """
    row = {"index": index} | {key: one for key, one in result.items() if key not in ARRAYS}
    row["grid"] = {key: one for key, one in result["grid"].items() if key != "labels"}
    row |= more
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False)


def lacking(row: Mapping[str, Any]) -> str | None:
    """Return the first key of `NEEDED` that a line lacks, or None for a line that is whole."""
    for key, parts in NEEDED.items():
        if key not in row:
            if key in LATER:
                continue
            return key
        many = key in LISTED and isinstance(row[key], list)
        ones = row[key] if many else [row[key]]
        for part in parts:
            if not all(isinstance(one, Mapping) and part in one for one in ones):
                return f"{key}.{part}"
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)
