"""A contact sheet of a run: frames beside their communities, evenly spread over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopeside.reporting.story import Story
from scopeside.saving.reader import Row, damage_told
from scopeside.view.contact_sheet import LegendEntry, Share, Tile, contact_sheet
from scopeside.view.overlay import grey, overlay

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = 6


def sheet(story: Story, *, title: str) -> Image:
    """Return the sheet; without saved frames, the confidence stands in their place."""
    last = len(story.rows) - 1
    shown = sorted({round(last * part / (PICTURES - 1)) for part in range(PICTURES)})
    saved = any(row["frame_saved"] for row in story.rows)
    legend = [LegendEntry(color=story.colors[id_], text=text) for id_, text in story.titles.items()]
    subtitle = "frame and communities" if saved else "confidence of the label map, and communities"
    tiles = [_tile(story, story.rows[one]) for one in shown]
    return contact_sheet(tiles, legend, title=title, subtitle=subtitle)


def _tile(story: Story, row: Row) -> Tile:
    index, image = row["index"], story.image
    with damage_told(image.path):
        frame_YX = image.image_YX(index) if row["frame_saved"] else None
        grey_YX = image.confidence[index] if frame_YX is None else grey(frame_YX)
        labels_YX = image.labels[index]
    coloured = overlay(grey_YX, labels_YX, story.colors, outline_px=2)
    shares = [
        Share(id=one["id"], color=tuple(one["color"]), fraction=one["fraction"])
        for one in sorted(row["communities"], key=lambda one: int(one["id"]))
    ]
    title = f"frame {row['frame']}"
    if row["dose_e_per_m2"] is not None:
        title += f"   dose {row['dose_e_per_m2']:.2g} e⁻/m²"
    return Tile(
        pictures=[np.repeat(grey_YX[:, :, None], 3, axis=2), coloured], title=title, shares=shares
    )
