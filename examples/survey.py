"""Find every kind of region of an area, and visit each once at high magnification.

scopeside serve --config examples/twin.toml
scopeside twin --socket push
python examples/survey.py
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from scopeside.client import Client
from scopeside.targets import Target
from scopeside.twin.client import TwinClient

OVERVIEW_M, DETAIL_M = 55e-9, 13.7e-9
"""Fields of view: a frame has equal electrons in both, in the first on 16 times the area."""
PLACES = 3
"""Visits to a community: what looks alike from afar may be of two kinds."""


def survey(client: Client, twin: TwinClient, width_m: float) -> Iterator[tuple[int, int]]:
    """Visit the communities of a square about the origin; yield each id and its frame's number."""
    twin.blank("exposing")  # the specimen is spared while the loop thinks
    places = overview(client, twin, width_m).values()
    twin.fov(DETAIL_M)
    for place in itertools.chain.from_iterable(places):
        if place.stage_m is not None:
            twin.move(*place.stage_m)
            yield place.community, twin.acquire()


def overview(client: Client, twin: TwinClient, width_m: float) -> dict[int, list[Target]]:
    """Return, for each community of the square, the places deepest inside of it."""
    series = twin.fov(OVERVIEW_M).series
    fields = round(width_m / OVERVIEW_M)
    middles_m = OVERVIEW_M * (np.arange(fields) - 0.5 * (fields - 1))
    places: dict[int, list[Target]] = {}
    for y_m, x_m in itertools.product(middles_m, middles_m):
        twin.move(x_m, y_m)
        result = client.next_result(60.0, series=series, frame=twin.acquire())
        for one in result.communities:
            known = [*places.get(one.id, []), *result.label_map.points(one.id)]
            known.sort(key=lambda place: -place.clearance_px)
            places[one.id] = known[:PLACES]
    return places


def main() -> None:
    with Client() as client, TwinClient() as twin:
        for community, number in survey(client, twin, width_m=220e-9):
            print(f"community {community}: frame {number}")


if __name__ == "__main__":
    main()
