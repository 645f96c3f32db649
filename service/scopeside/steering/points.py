"""The command `targets`: from a community by id or name to points of the newest label map."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from scopeside.errors import ConfigError, ServiceError
from scopeside.messages import Segmentation
from scopeside.steering.newest import Newest
from scopeside.steering.visited import Visited
from scopeside.targets import Target, choose
from scopeside.wire.control import Targets


class Known(Protocol):
    """What is asked of the identities of the series; any thread may ask."""

    def knows(self, id_: int) -> bool: ...

    def named(self, name: str) -> tuple[int, ...]: ...


def points_of(request: Targets, newest: Newest, visited: Visited, known: Known) -> dict[str, Any]:
    """Return the fields of the reply: `series`, `frame` and `points`, the best first.

    A name that several communities have stands for all of them. Raises ServiceError where the
    newest frame cannot answer and another may, ConfigError for a community that nobody knows.
    """
    published = newest.require()
    segmentation = published.segmentation
    frame = segmentation.frame
    if request.metres and frame.pixel_to_stage is None:
        raise ServiceError(
            f"Frame {frame.number} of series {frame.series} came without pixel_to_stage, so its"
            " points are not known in metres: send it with the frames, or ask without metres."
        )
    ids = _present(request.community, segmentation, known)
    labels_YX = segmentation.label_map.labels_YX
    wanted_YX = labels_YX
    if len(ids) > 1:
        wanted_YX = np.where(np.isin(labels_YX, ids), ids[0], 0).astype(labels_YX.dtype)
    targets = choose(
        wanted_YX,
        ids[0],
        count=request.count,
        strategy=request.strategy,
        confidence_YX=segmentation.label_map.confidence_YX,
        novelty_YX=published.seen.novelty_YX() if request.strategy == "novelty" else None,
        min_distance_px=_distance(request, segmentation),
        avoid_px=visited.in_pixels(frame) if request.avoid_visited else (),
        one_per_region=request.one_per_region,
        seed=request.seed,
        pixel_to_stage=frame.pixel_to_stage,
    )
    if request.mark_visited:
        visited.mark(px=[(target.y_px, target.x_px) for target in targets], frame=frame)
    return {
        "series": frame.series,
        "frame": frame.number,
        "points": [_as_map(target, segmentation) for target in targets],
    }


def _present(community: int | str, segmentation: Segmentation, known: Known) -> tuple[int, ...]:
    """Return the ids in the frame that a request means."""
    if isinstance(community, str):
        ids = known.named(community)
        if not ids:
            raise ConfigError(
                f"No community is named {community!r}: name one with the command `name`, or give"
                " its id."
            )
    else:
        ids = (community,)
        if not known.knows(community):
            raise ConfigError(
                f"Community {community} is not known: ask for one that a result or event has shown."
            )
    shown = {one.identity.id for one in segmentation.communities}
    here = tuple(id_ for id_ in ids if id_ in shown)
    if not here:
        frame = segmentation.frame
        raise ServiceError(
            f"Community {community!r} is not in frame {frame.number} of series {frame.series}, the"
            f" newest; communities {', '.join(map(str, sorted(shown)))} are."
        )
    return here


def _distance(request: Targets, segmentation: Segmentation) -> float:
    """Return the distance to keep: what was visited is avoided a chip wide unless told."""
    if request.min_distance_px is not None:
        return request.min_distance_px
    return float(segmentation.grid.chip_px) if request.avoid_visited else 0.0


def _as_map(target: Target, segmentation: Segmentation) -> dict[str, Any]:
    id_ = int(segmentation.label_map.labels_YX[int(target.y_px), int(target.x_px)])
    names = {one.identity.id: one.identity.name for one in segmentation.communities}
    return {
        "community": id_,
        "name": names.get(id_),
        "y_px": target.y_px,
        "x_px": target.x_px,
        "stage_m": None if target.stage_m is None else list(target.stage_m),
        "region": target.region,
        "clearance_px": target.clearance_px,
        "confidence": target.confidence,
    }
