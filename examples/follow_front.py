"""Keep an advancing front in the middle of the frame.

scopeside serve --config examples/twin.toml
scopeside twin --socket push --specimen film
python examples/follow_front.py
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from scopeside.client import Client
from scopeside.twin.client import TwinClient

OFF_CENTRE = 0.12
"""Share of the field of view that the front may be off the middle before the stage moves: a move
costs settling time and backlash, so small errors are left alone."""


def follow(client: Client, twin: TwinClient, frames: int) -> Iterator[tuple[int, float | None]]:
    """Take frames and yield each one's number and how far off the middle the front was, in metres.

    The front is the longest border of the largest community. Where it has none, the beam waits
    where it last was: a front that is not in sight yet will come.
    """
    with client.results(latest=False, timeout_s=60.0) as results:
        here = twin.standing()
        for _ in range(frames):
            result = twin.see(results)
            largest = max(result.communities, key=lambda community: community.area_px)
            neighbours = result.label_map.neighbours(largest.id)
            if not neighbours:
                yield result.frame, None
                continue
            border = result.label_map.boundary(largest.id, next(iter(neighbours)))
            x_m, y_m = result.label_map.to_stage(border).mean(axis=0)
            off_m = math.hypot(x_m - here.x_m, y_m - here.y_m)
            yield result.frame, off_m
            if off_m > OFF_CENTRE * here.fov_m:
                here = twin.move(x_m, y_m)


def main() -> None:
    with Client() as client, TwinClient() as twin:
        for number, off_m in follow(client, twin, frames=120):
            seen = "no front" if off_m is None else f"front {1e9 * off_m:.1f} nm off the middle"
            print(f"frame {number}: {seen}")


if __name__ == "__main__":
    main()
