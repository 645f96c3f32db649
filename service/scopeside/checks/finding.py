"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`ok` is None where nothing is judged; `fix` says what to do where it is False."""

    section: str
    name: str
    value: str
    ok: bool | None = None
    fix: str | None = None
