"""Cells of a CSV file that a spreadsheet shows as they are, and does not compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell that a spreadsheet takes for a formula begins with (OWASP, CSV Injection)."""

AS_TEXT = "'"
"""Put before such a text; a spreadsheet shows the text behind it."""


def as_text(cell: Any) -> Any:
    """Return a text that begins as a formula does with an apostrophe before it; other cells,
    negative numbers among them, as they are."""
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return AS_TEXT + cell
    return cell


def text_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for `csv.DictWriter`: names come from users and senders."""
    return {column: as_text(cell) for column, cell in row.items()}
