"""A saved run as three tables: frames, communities and fronts, a row each.

Columns keep the names of the wire contract; what is a list there becomes a column for every part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scopeside.saving.reader import Row, Run, RunImage

Cell = str | int | float | bool | None

PARTS: Mapping[str, tuple[str, ...]] = {
    "color": ("red", "green", "blue"),
    "centroid_px": ("centroid_y_px", "centroid_x_px"),
    "bbox_px": ("bbox_y0_px", "bbox_x0_px", "bbox_y1_px", "bbox_x1_px"),
    "stage_m": ("stage_x_m", "stage_y_m"),
    "pixel_size_m": ("pixel_size_y_m", "pixel_size_x_m"),
    "between": ("first", "second"),
    "normal": ("normal_y", "normal_x"),
}
"""Columns of the lists that the wire contract knows."""

WHOSE = ("image", "index", "series", "frame", "t_ns", "dose_e_per_m2")
"""Columns that every table begins with: which frame a row is of."""


@dataclass(slots=True)
class Table:
    """Rows of cells by column; a row lacks what its frame did not say."""

    name: str
    rows: list[dict[str, Cell]] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Every column that any row has, in the order in which they were first met.

        A table without rows has those that all have: a file without a header opens nowhere.
        """
        met = (column for row in self.rows for column in row)
        return list(dict.fromkeys(met)) or list(WHOSE)


def tables(run: Run) -> tuple[Table, ...]:
    """Return the tables of all images of a run; `image` and `index` say where the arrays are."""
    frames, communities, fronts = Table("frames"), Table("communities"), Table("fronts")
    for image in run.images:
        for row in image.rows():
            whose = _whose(image, row)
            frames.rows.append(whose | _frame(row))
            communities.rows += [whose | dict(_cells(one)) for one in row["communities"]]
            fronts.rows += [whose | dict(_cells(one)) for one in row.get("fronts", ())]
    return frames, communities, fronts


def _whose(image: RunImage, row: Row) -> dict[str, Cell]:
    return {key: image.path.name if key == "image" else row[key] for key in WHOSE}


def _frame(row: Row) -> dict[str, Cell]:
    timing, accounting = dict(row["timing"]), dict(row["accounting"])
    stages, dropped = timing.pop("stages"), accounting.pop("dropped")
    cells = dict(_cells({key: row.get(key) for key in ("pixel_size_m", "frame_saved")}))
    cells |= _cells(row.get("stage") or {}, "stage_")
    cells |= _cells(timing)
    cells |= {f"stage_{name}_s": seconds for name, seconds in stages.items()}
    for part in ("graph", "quality"):
        cells |= _cells(row.get(part) or {}, f"{part}_")
    cells |= _cells(accounting)
    cells |= _cells(dropped, "dropped_")
    return cells | {"config": row["provenance"].get("config")}


def _cells(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _cells(value, f"{prefix}{key}_")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from zip(_columns(f"{prefix}{key}", len(value)), value, strict=True)
        elif value is None and key in PARTS:
            yield from ((column, None) for column in PARTS[key])
        else:
            yield prefix + key, value


def _columns(key: str, parts: int) -> Sequence[str]:
    known = PARTS.get(key, ())
    return known if len(known) == parts else [f"{key}_{part}" for part in range(parts)]
