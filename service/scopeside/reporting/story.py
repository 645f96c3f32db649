"""What a report tells of one image of a run, gathered from its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from scopeside.latency import END_TO_END, SERVICE, Percentiles
from scopeside.saving.reader import Row, RunImage
from scopeside.view.overlay import Color

KNOWN = frozenset(
    {
        "id",
        "name",
        "color",
        "chips",
        "area_px",
        "fraction",
        "centroid_px",
        "bbox_px",
        "stage_m",
        "age",
    }
)
"""Keys of a community that are told elsewhere in the report, or are no measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What a run is plotted against: dose where it is known, else time, else frame numbers."""

    label: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A measure of one community or front against the axis."""

    title: str
    color: Color
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Story:
    """One image and its lines, at least one."""

    image: RunImage
    rows: Sequence[Row]

    @cached_property
    def axis(self) -> Axis:
        doses = [row["dose_e_per_m2"] for row in self.rows]
        if all(dose is not None for dose in doses) and len(set(doses)) > 1:
            return Axis(label="accumulated dose [e$^-$ m$^{-2}$]", values=doses)
        times_ns = [row["t_ns"] for row in self.rows]
        if len(self.rows) > 1 and all(later > earlier for earlier, later in pairwise(times_ns)):
            began_ns = times_ns[0]
            return Axis(label="time [s]", values=[(t - began_ns) / 1e9 for t in times_ns])
        return Axis(label="frame", values=[float(row["frame"]) for row in self.rows])

    @cached_property
    def latest(self) -> Mapping[int, Mapping[str, Any]]:
        """Every community that the image ever had, as it was last, by id."""
        seen = {one["id"]: one for row in self.rows for one in row["communities"]}
        return {id_: seen[id_] for id_ in sorted(seen)}

    @property
    def titles(self) -> Mapping[int, str]:
        return {id_: one["name"] or f"community {id_}" for id_, one in self.latest.items()}

    @property
    def colors(self) -> Mapping[int, Color]:
        return {id_: tuple(one["color"]) for id_, one in self.latest.items()}

    @property
    def measures(self) -> Sequence[str]:
        """Names of the communities' measures that any frame has a number for."""
        names = dict.fromkeys(
            name
            for row in self.rows
            for one in row["communities"]
            for name, value in one.items()
            if name not in KNOWN and isinstance(value, int | float)
        )
        return list(names)

    def curves(self, measure: str) -> Sequence[Curve]:
        """Return a measure of every community in the frames that have a number for it."""
        points: dict[int, list[tuple[float, float]]] = {}
        for x, row in zip(self.axis.values, self.rows, strict=True):
            for one in row["communities"]:
                if isinstance(value := one.get(measure), int | float):
                    points.setdefault(one["id"], []).append((x, float(value)))
        return [_curve(self.titles[id_], self.colors[id_], points[id_]) for id_ in sorted(points)]

    def fronts(self, measure: str) -> Sequence[Curve]:
        """Return a measure of every front, in the colour of the second of its communities."""
        points: dict[tuple[int, int], list[tuple[float, float]]] = {}
        for x, row in zip(self.axis.values, self.rows, strict=True):
            for one in row.get("fronts", ()):
                if one.get(measure) is not None:
                    first, second = one["between"]
                    points.setdefault((first, second), []).append((x, float(one[measure])))
        black = (33, 37, 41)
        return [
            _curve(
                " | ".join(self.titles.get(id_, str(id_)) for id_ in pair),
                self.colors.get(pair[1], black),
                points[pair],
            )
            for pair in sorted(points)
        ]

    @cached_property
    def totals(self) -> Mapping[str, Percentiles]:
        """Latency in total, by name; end to end only where clocks could be compared."""
        timings = [row["timing"] for row in self.rows]
        known = [one["end_to_end_s"] for one in timings if one["end_to_end_s"] is not None]
        totals = {SERVICE: Percentiles.of(one["service_s"] for one in timings)}
        return totals | ({END_TO_END: Percentiles.of(known)} if known else {})

    @cached_property
    def stages(self) -> Mapping[str, Percentiles]:
        names = dict.fromkeys(name for row in self.rows for name in row["timing"]["stages"])
        return {
            name: Percentiles.of(
                row["timing"]["stages"][name]
                for row in self.rows
                if name in row["timing"]["stages"]
            )
            for name in names
        }


def _curve(title: str, color: Color, points: Sequence[tuple[float, float]]) -> Curve:
    return Curve(title=title, color=color, x=[x for x, _ in points], y=[y for _, y in points])
