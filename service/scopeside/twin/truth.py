"""What a frame really showed, kept for whoever scores a loop; loops themselves do not ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scopeside.errors import RequestError
from scopeside.messages import UInt8
from scopeside.twin.makeup import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTruth:
    """One frame's label map of kinds in the middle of its exposure, and where it was.

    `dose_e_per_m2` (the mean of the frame) and `electrons` (all so far) are of the exposure's end.
    `front_ahead_m` is how far ahead of the frame's middle the front lies, along its way; None where
    the specimen has no front. `behind_front` is the share of the frame that it has passed.
    """

    frame: int
    kind_YX: UInt8
    x_m: float
    y_m: float
    fov_m: float
    clock_s: float
    dose_e_per_m2: float
    electrons: float
    front_ahead_m: float | None
    behind_front: float | None

    @property
    def fractions(self) -> dict[str, float]:
        """The share of the frame that each kind has; kinds that are not there are left out."""
        return fractions(self.kind_YX)

    @property
    def amorphous(self) -> float:
        """The amorphous share of the film that the frame shows."""
        return amorphous_share(self.kind_YX)


class TruthBook:
    """The truths of the last `most` frames."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[int, FrameTruth] = OrderedDict()

    def keep(self, truth: FrameTruth) -> None:
        self._kept[truth.frame] = truth
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def of(self, frame: int) -> FrameTruth:
        """Return a frame's truth; RequestError where there is none, or none any more."""
        if frame not in self._kept:
            known = (
                f"{next(iter(self._kept))} to {next(reversed(self._kept))}"
                if self._kept
                else "none"
            )
            raise RequestError(
                "no_truth",
                f"There is no truth of frame {frame}: the twin keeps the last {self._most} frames, "
                f"now {known}.",
            )
        return self._kept[frame]


def fractions(kind_YX: UInt8) -> dict[str, float]:
    """Return the share of every kind that is there, by its title."""
    counts = np.bincount(kind_YX.ravel(), minlength=len(Kind))
    return {kind.title: float(counts[kind] / kind_YX.size) for kind in Kind if counts[kind]}


def amorphous_share(kind_YX: UInt8) -> float:
    """Return the amorphous share of what is film."""
    film = int(np.count_nonzero(kind_YX != Kind.VACUUM))
    return int(np.count_nonzero(kind_YX == Kind.AMORPHOUS)) / max(1, film)


def titles() -> Mapping[int, str]:
    """Return the title of every label of a truth."""
    return {int(kind): kind.title for kind in Kind}
