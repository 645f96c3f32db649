"""Find every kind of region of an area, and visit each at high magnification.

scopeside serve --config examples/twin.toml
scopeside twin --socket push
python examples/survey.py
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from scopeside.client import Client
from scopeside.twin.client import TwinClient

OVERVIEW_M, DETAIL_M = 55e-9, 13.7e-9
"""Fields of view: a frame has equal electrons in both, in the first on 16 times the area."""
DEEPEST, SHADES = 3, 4
"""Visits to a community, which may be of two kinds: its deepest regions, and some of all shades."""
Region = tuple[float, float, tuple[float, float]]
"""How far inside its middle is, how bright it is, and where its middle lies, in metres."""


def survey(client: Client, twin: TwinClient, width_m: float) -> Iterator[tuple[int, int]]:
    """Visit the communities of a square about the origin; yield each id and its frame's number."""
    twin.blank("exposing")  # the specimen is spared while the loop thinks
    seen = overview(client, twin, width_m)
    twin.fov(DETAIL_M)
    for community, regions in seen.items():
        shades = sorted(regions, key=lambda region: region[1])
        chosen = [*sorted(regions)[-DEEPEST:], *shades[:: 1 + len(shades) // SHADES], shades[-1]]
        for _, _, place_m in dict.fromkeys(chosen):
            twin.move(*place_m)
            yield community, twin.acquire()


def overview(client: Client, twin: TwinClient, width_m: float) -> dict[int, list[Region]]:
    """Return, for each community of the square, its regions, one of each frame."""
    twin.fov(OVERVIEW_M)
    fields = round(width_m / OVERVIEW_M)
    middles_m = OVERVIEW_M * (np.arange(fields) - 0.5 * (fields - 1))
    seen: dict[int, list[Region]] = {}
    with client.results(latest=False, timeout_s=60.0) as results:
        for y_m, x_m in itertools.product(middles_m, middles_m):
            twin.move(x_m, y_m)
            result = twin.see(results)
            for one in result.communities:
                for place in result.label_map.points(one.id):
                    region = (place.clearance_px, one.mean_intensity, place.stage_m or (x_m, y_m))
                    seen.setdefault(one.id, []).append(region)
    return seen


if __name__ == "__main__":
    with Client() as client_, TwinClient() as twin_:
        for found, number in survey(client_, twin_, width_m=220e-9):
            print(f"community {found}: frame {number}")
