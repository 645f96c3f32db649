"""A sheet of frames beside their segmentations, with a legend: the run on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside.errors import OutputError
from scopeside.view.overlay import Color, Rgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

PAPER: Color = (255, 255, 255)
INK: Color = (33, 37, 41)
PALE: Color = (108, 117, 125)
MARGIN_PX = 28
GAP_PX = 20
LINE_PX = 22
BAR_PX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a frame a community covers; `fraction` is 0 to 1."""

    id: int
    color: Color
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """One frame: pictures of the same height side by side, a title, and its communities."""

    pictures: Sequence[Rgb]
    title: str
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    color: Color
    text: str


def contact_sheet(
    tiles: Sequence[Tile],
    legend: Sequence[LegendEntry],
    *,
    title: str,
    subtitle: str = "",
    columns: int = 2,
    picture_px: int = 300,
) -> Image:
    """Lay the tiles out in rows of `columns`; pictures are scaled to `picture_px` wide.

    Under each tile a bar shows the area fractions of its communities. Raises ValueError for a
    sheet without tiles.
    """
    from PIL import Image, ImageDraw

    drawn = [_tile(tile, picture_px) for tile in tiles]
    columns = min(columns, len(drawn))
    rows = [drawn[first : first + columns] for first in range(0, len(drawn), columns)]
    width = max(sum(tile.width for tile in row) + GAP_PX * (len(row) - 1) for row in rows)
    heights = [max(tile.height for tile in row) for row in rows]
    head_px = 44 + (LINE_PX if subtitle else 0)
    legend_lines = _wrapped(legend, width)
    foot_px = (LINE_PX + 4) * len(legend_lines)
    sheet = Image.new(
        "RGB",
        (
            width + 2 * MARGIN_PX,
            2 * MARGIN_PX + head_px + sum(heights) + GAP_PX * len(rows) + foot_px,
        ),
        PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, MARGIN_PX - 4), title, fill=INK, font=_font(24))
    draw.text((MARGIN_PX, MARGIN_PX + 32), subtitle, fill=PALE, font=_font(14))
    y = MARGIN_PX + head_px
    for row, height in zip(rows, heights, strict=True):
        x = MARGIN_PX
        for tile in row:
            sheet.paste(tile, (x, y))
            x += tile.width + GAP_PX
        y += height + GAP_PX
    for line in legend_lines:
        x = MARGIN_PX
        for entry in line:
            draw.rectangle((x, y + 3, x + 15, y + 18), fill=entry.color, outline=PALE)
            draw.text((x + 23, y), entry.text, fill=INK, font=_font(14))
            x += _entry_width(entry)
        y += LINE_PX + 4
    return sheet


def save_contact_sheet(path: Path, sheet: Image) -> None:
    """Write the sheet as a picture; OutputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except OSError as error:
        raise OutputError(f"The contact sheet {path} cannot be written: {error}.") from error


def _tile(tile: Tile, picture_px: int) -> Image:
    from PIL import Image, ImageDraw

    pictures = [Image.fromarray(picture) for picture in tile.pictures]
    scaled = [
        picture.resize(
            (picture_px, max(1, round(picture.height * picture_px / picture.width))),
            Image.Resampling.LANCZOS,
        )
        for picture in pictures
    ]
    seam_px = 4
    width = sum(picture.width for picture in scaled) + seam_px * (len(scaled) - 1)
    height = max(picture.height for picture in scaled)
    drawn = Image.new("RGB", (width, LINE_PX + height + 6 + BAR_PX + LINE_PX), PAPER)
    draw = ImageDraw.Draw(drawn)
    draw.text((0, 0), tile.title, fill=INK, font=_font(14))
    x = 0
    for picture in scaled:
        drawn.paste(picture, (x, LINE_PX))
        x += picture.width + seam_px
    _shares(draw, tile.shares, top=LINE_PX + height + 6, width=width)
    return drawn


def _shares(draw: ImageDraw, shares: Sequence[Share], *, top: int, width: int) -> None:
    """Draw the fractions as one stacked bar, with percentages under the pieces that hold them."""
    font = _font(12)
    begin = 0.0
    for share in shares:
        end = begin + share.fraction * width
        draw.rectangle(
            (round(begin), top, max(round(begin), round(end) - 1), top + BAR_PX), share.color
        )
        text = f"{share.id}: {100 * share.fraction:.0f} %"
        if font.getlength(text) < end - begin:
            draw.text((begin, top + BAR_PX + 2), text, fill=PALE, font=font)
        begin = end


def _wrapped(legend: Sequence[LegendEntry], width: int) -> list[list[LegendEntry]]:
    lines: list[list[LegendEntry]] = []
    left = 0.0
    for entry in legend:
        needed = _entry_width(entry)
        if not lines or needed > left:
            lines.append([])
            left = width
        lines[-1].append(entry)
        left -= needed
    return lines


def _entry_width(entry: LegendEntry) -> int:
    return 23 + round(_font(14).getlength(entry.text)) + 28


@lru_cache(maxsize=8)
def _font(size: int) -> FreeTypeFont | ImageFont:
    """Return matplotlib's DejaVu Sans, which has Greek and superscripts; Pillow's own else."""
    from PIL import ImageFont

    found = find_spec("matplotlib")
    if found is not None and found.origin is not None:
        file = Path(found.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)
