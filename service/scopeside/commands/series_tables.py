"""What was measured of a series as tables that any program reads: descriptors and fronts in CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

from scopeside.csv_cells import text_row
from scopeside.messages import Community, Front, Segmentation
from scopeside.stages.descriptors import NAMES

DESCRIPTORS, FRONTS = "descriptors.csv", "fronts.csv"
_NUMBERS = [one.name for one in fields(Front) if one.name not in ("between", "normal")]
_FRONT_COLUMNS = ("first_id", "second_id", *_NUMBERS, "normal_y", "normal_x")


class SeriesTables:
    """Two files that grow with every frame: a row a community, and a row a front.

    A cell is empty where a descriptor does not apply.
    """

    def __init__(self, folder: Path) -> None:
        with ExitStack() as opened:
            self._descriptors, self._fronts = (
                _writer(opened, folder / name, columns)
                for name, columns in (
                    (DESCRIPTORS, ("frame", "id", "name", "area_px", "fraction", *NAMES)),
                    (FRONTS, ("frame", *_FRONT_COLUMNS)),
                )
            )
            self._opened = opened.pop_all()

    def add(self, segmentation: Segmentation) -> None:
        """Write the rows of one frame."""
        number = segmentation.frame.number
        for community in segmentation.communities:
            self._descriptors.writerow({"frame": number} | text_row(community_row(community)))
        for front in segmentation.fronts:
            self._fronts.writerow({"frame": number} | front_row(front))

    def close(self) -> None:
        self._opened.close()


def community_row(community: Community) -> dict[str, Any]:
    """Return the cells of a community."""
    return {
        "id": community.identity.id,
        "name": community.identity.name,
        "area_px": community.area_px,
        "fraction": community.fraction,
        **community.descriptors,
    }


def front_row(front: Front) -> dict[str, Any]:
    """Return the cells of a front."""
    values = (*front.between, *(getattr(front, name) for name in _NUMBERS), *front.normal)
    return dict(zip(_FRONT_COLUMNS, values, strict=True))


def _writer(opened: ExitStack, path: Path, columns: Iterable[str]) -> csv.DictWriter[str]:
    file = opened.enter_context(path.open("w", encoding="utf-8", newline=""))
    writer = csv.DictWriter(file, fieldnames=list(columns))
    writer.writeheader()
    return writer
