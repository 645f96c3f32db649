"""Pages that need nothing but themselves: their look, their tables, their pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

Rows = Sequence[Sequence[str]]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid #e9ecef; }
th:first-child, td:first-child { text-align: left; white-space: pre; }
table.facts td { text-align: left; }
svg, img { max-width: 100%; height: auto; }
pre { font-size: 12px; background: #f8f9fa; padding: 0.8rem; overflow-x: auto; }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page of sections."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>",
            *parts,
            "</body></html>\n",
        ]
    )


def section(heading: str, body: str) -> str:
    return f"<h2>{escape(heading)}</h2>\n{body}"


def table(rows: Rows) -> str:
    """Return a table whose first row names the columns, or is empty where there is no name."""
    header, *body = rows
    named = any(header)
    lines = ["<table>" if named else '<table class="facts">']
    if named:
        lines.append("<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>")
    lines += [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
    ]
    return "\n".join([*lines, "</table>"])


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element; its text is drawn, no font is needed."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def picture(image: Image, *, alt: str) -> str:
    """Return a picture with its bytes in the page: as JPEG, since noise makes PNGs of megabytes."""
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=90, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'


def write_page(text: str, path: Path) -> None:
    """Write a page; OutputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The page {path} cannot be written: {error}.") from error
