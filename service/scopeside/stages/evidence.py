"""What is known of each resolution of a ladder: how far its split of the frame is to be believed.

A split that is the specimen's survives lost edges. So a rung's partition is compared with those of
thinned graphs at the same rung and, where that alone is too uncertain, at its neighbours: the split
is found there, too. The measurements are in docs/adr/0004-resolution-by-stability.md.

Shape suffixes: R rungs of the ladder, in the order of their resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Partition
from scopeside.partitions import adjusted_rand

HOLD = 0.05
"""How much farther the rung in force may fall behind before it is given up: without this band
the choice flickers where a rung lies just at the tolerance."""
MEMORY = 0.5
"""Weight of the newest probe in a running mean."""


class Evidence:
    """Running means of what probes of the rungs told; all within `reach` of a rung count alike.

    Rungs within `tolerance` of the best count as its equals.

    `stability_R` is the agreement of each rung's partition with its own thinned graphs, whatever
    was found. Where one of the two is a single community there is no split to be sure of, and the
    evidence is 0.
    """

    def __init__(self, rungs: int, *, reach: int, tolerance: float) -> None:
        self._reach, self._tolerance = reach, tolerance
        self.stability_R = np.zeros(rungs)
        self._splits_RR = np.zeros((rungs, rungs))
        weights_RR = np.zeros((rungs, rungs))
        for rung in range(rungs):
            weights_RR[rung, self.asked(rung)] = 1.0 / len(self.asked(rung))
        self._weights_RR = weights_RR

    def __len__(self) -> int:
        return len(self.stability_R)

    def asked(self, rung: int) -> range:
        """Return the rungs whose thinned graphs a rung is compared with, itself among them."""
        return range(max(rung - self._reach, 0), min(rung + self._reach + 1, len(self)))

    def learn(
        self, rung: int, beside: int, whole: Partition, thinned: list[Partition], *, memory: float
    ) -> None:
        """Take in how the `whole` graph's partition at `rung` agrees with thinned ones `beside`.

        `memory` is the weight of what is new; with 1 nothing is left of what was known.
        """
        agreements = [adjusted_rand(whole.labels_N, one.labels_N) for one in thinned]
        splits = [
            agreement if min(whole.communities, one.communities) > 1 else 0.0
            for agreement, one in zip(agreements, thinned, strict=True)
        ]
        split = float(np.mean(splits))
        self._splits_RR[rung, beside] += memory * (split - self._splits_RR[rung, beside])
        if beside == rung:
            stability = float(np.mean(agreements))
            self.stability_R[rung] += memory * (stability - self.stability_R[rung])

    def preferred(self, rungs: range, *, stable: float, in_force: int | None) -> int | None:
        """Return the finest of the `rungs` whose split is as good as the best; None without one.

        One of them must agree with its own thinned graphs by `stable`, and those compared with it
        by little less. Which is best is told by all that were asked.
        """
        chosen = slice(rungs.start, rungs.stop)
        own_R = np.diag(self._splits_RR)[chosen]
        if own_R.max() < stable:
            return None
        evidence_R = (self._weights_RR * self._splits_RR).sum(axis=1)[chosen]
        stable_R = own_R >= stable - HOLD
        behind_R = evidence_R[stable_R].max() - evidence_R
        equal_R: NDArray[np.bool_] = stable_R & (behind_R <= self._tolerance)
        if in_force is not None:
            here = in_force - rungs.start
            equal_R[here] |= stable_R[here] and behind_R[here] <= self._tolerance + HOLD
        return rungs.start + int(np.flatnonzero(equal_R)[-1])

    def state(self) -> dict[str, Any]:
        """Return what is known as lists."""
        return {"splits": self._splits_RR.tolist(), "stability": self.stability_R.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; KeyError, TypeError or ValueError if it is none."""
        splits_RR = np.array(state["splits"], np.float64)
        stability_R = np.array(state["stability"], np.float64)
        if splits_RR.shape != self._splits_RR.shape or stability_R.shape != self.stability_R.shape:
            raise ValueError("evidence of another ladder")
        self._splits_RR, self.stability_R = splits_RR, stability_R
