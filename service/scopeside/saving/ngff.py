"""OME-NGFF 0.4 metadata of a saved image, its labels and the run as a whole.

https://ngff.openmicroscopy.org/0.4/ : multiscales, image-label, bioformats2raw.layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NGFF_VERSION = "0.4"

NM_PER_M = 1e9
"""Nanometres, because viewers draw in single precision: pixels of 1e-10 would be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """Steps of the axes; None where nobody knows."""

    period_s: float | None = None
    pixel_size_m: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColor:
    """What a viewer shows of one community."""

    id: int
    name: str | None
    color: tuple[int, int, int]


def multiscales(name: str, path: str, scales: Scales) -> list[dict[str, Any]]:
    """Return the metadata of a stack of one resolution at `path`, axes t, y, x."""
    y_m, x_m = scales.pixel_size_m or (1 / NM_PER_M, 1 / NM_PER_M)
    scale = [scales.period_s or 1.0, y_m * NM_PER_M, x_m * NM_PER_M]
    axes: list[dict[str, str]] = [
        {"name": "t", "type": "time"},
        {"name": "y", "type": "space"},
        {"name": "x", "type": "space"},
    ]
    if scales.period_s is not None:
        axes[0]["unit"] = "second"
    if scales.pixel_size_m is not None:
        for axis in axes[1:]:
            axis["unit"] = "nanometer"
    return [
        {
            "version": NGFF_VERSION,
            "name": name,
            "axes": axes,
            "datasets": [
                {"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
            ],
        }
    ]


def image_label(communities: Mapping[int, LabelColor]) -> dict[str, Any]:
    """Return colours and properties of the communities; the image is two groups above."""
    shown = [communities[id_] for id_ in sorted(communities)]
    return {
        "version": NGFF_VERSION,
        "colors": [{"label-value": one.id, "rgba": [*one.color, 255]} for one in shown],
        "properties": [
            {"label-value": one.id, "id": one.id, "name": one.name or f"community {one.id}"}
            for one in shown
        ],
        "source": {"image": "../../"},
    }
