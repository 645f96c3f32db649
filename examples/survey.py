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
from scopeside.targets import farthest_first
from scopeside.twin.client import TwinClient

OVERVIEW_M, DETAIL_M = 55e-9, 13.7e-9
"""Fields of view: a frame has equal electrons in both, in the first on 16 times the area."""
FINE, VISITS, LOOK = 1.0, 24, ("contrast", "crystallinity")
"""Louvain's resolution: a kind that is found twice costs a visit, two taken for one lose a kind."""
Region = tuple[float, tuple[float, float], list[float]]
"""How far inside its middle is, where that lies, in metres, and how it looks in the overview."""


def survey(client: Client, twin: TwinClient, width_m: float) -> Iterator[tuple[Region, int]]:
    """Visit what differs most in a square about the origin; yield regions and their frames."""
    twin.blank("exposing")  # the specimen is spared while the loop thinks
    with client.changed({"graph.resolution": FINE}):
        regions = sorted(overview(client, twin, width_m), reverse=True)
    twin.fov(DETAIL_M)
    for at in itertools.islice(farthest_first([look for _, _, look in regions]), VISITS):
        twin.move(*regions[at][1])
        yield regions[at], twin.acquire()


def overview(client: Client, twin: TwinClient, width_m: float) -> Iterator[Region]:
    """Yield the deepest region of each community of each field; ids and names are forgotten."""
    twin.fov(OVERVIEW_M)
    fields = round(width_m / OVERVIEW_M)
    middles_m = OVERVIEW_M * (np.arange(fields) - 0.5 * (fields - 1))
    with client.results(latest=False, timeout_s=60.0) as results:
        for y_m, x_m in itertools.product(middles_m, middles_m):
            twin.move(x_m, y_m)
            client.reset()  # what is seen in one field alone would be taken for the nearest known
            result = twin.see(results)
            for one in result.communities:
                look = [one.mean_intensity, *(one.descriptors.get(name) or 0.0 for name in LOOK)]
                for place in result.label_map.points(one.id):
                    if place.clearance_px >= result.grid.chip_px / 2:  # less is a border
                        yield place.clearance_px, place.stage_m or (x_m, y_m), look


if __name__ == "__main__":
    with Client() as client_, TwinClient() as twin_:
        client_.wait_until("ready")
        for (_px, (x, y), look_), number in survey(client_, twin_, width_m=220e-9):
            print(f"frame {number}: ({1e9 * x:.0f}, {1e9 * y:.0f}) nm, intensity {look_[0]:.0f}")
