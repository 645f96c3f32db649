"""Find every kind of region of an area, and visit each once at high magnification.

    scopeside serve --config examples/twin.toml
    scopeside twin --socket push
    python examples/survey.py
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scopeside.client import Client
from scopeside.targets import Target
from scopeside.twin.client import TwinClient

OVERVIEW_M, DETAIL_M = 55e-9, 13.7e-9
"""Fields of view: a frame has equal electrons in both, in the first on 16 times the area."""


def survey(client: Client, twin: TwinClient, width_m: float) -> Iterator[tuple[int, int]]:
    """Visit each community of a square about the origin; yield its id and the frame's number."""
    twin.blank("exposing")  # the specimen is spared while the loop thinks
    places = overview(client, twin, width_m)
    twin.fov(DETAIL_M)
    for community, place in places.items():
        if place.stage_m is not None:
            twin.move(*place.stage_m)
            yield community, twin.acquire()


def overview(client: Client, twin: TwinClient, width_m: float) -> dict[int, Target]:
    """Return, for each community of the square, the place deepest inside of it."""
    series = twin.fov(OVERVIEW_M).series
    fields = round(width_m / OVERVIEW_M)
    middles_m = OVERVIEW_M * (np.arange(fields) - 0.5 * (fields - 1))
    best: dict[int, Target] = {}
    for row, y_m in enumerate(middles_m):
        for x_m in middles_m[:: 1 if row % 2 == 0 else -1]:
            twin.move(x_m, y_m)
            result = client.next_result(60.0, series=series, frame=twin.acquire())
            for community in result.communities:
                for point in result.label_map.points(community.id, strategy="interior"):
                    known = best.get(community.id, point)
                    best[community.id] = max(known, point, key=lambda one: one.clearance_px)
    return best


def main() -> None:
    with Client() as client, TwinClient() as twin:
        for community, number in survey(client, twin, width_m=220e-9):
            print(f"community {community}: frame {number} at {twin.standing()}")


if __name__ == "__main__":
    main()
