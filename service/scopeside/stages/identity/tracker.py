"""The same material keeps its id from frame to frame.

Communities are matched to known identities by the distance of their prototypes and by overlap on
the chip grid. The measurements behind the constants are in docs/adr/0005-identity.md.

Shape suffixes: N chips; K communities of the frame; J known identities; D embedding features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.looks import Looks, looks_of
from scopeside.messages import ChipGrid, Float32, Identified, Int64, Partition
from scopeside.partitions import adjusted_rand, contingency, relabelled
from scopeside.prototypes import (
    Float64,
    Prototypes,
    distances,
    gathered,
    pooled,
    prototypes_of,
)
from scopeside.stages.identity.gallery import Gallery
from scopeside.stages.identity.lasting import lasting
from scopeside.stages.identity.remembered import NOBODY, Candidates, Places, Remembered

REACH = 0.6
"""Farthest that a community may lie from an identity, in the unit of distances, to be it."""
OVERLAP_REACH = 1.0
"""How much farther full overlap with the last frame lets it lie, as a share of REACH."""
PROOF_FRAMES = 2
"""Frames in a row that something new must be seen in before it gets an id."""


class IdentityTracker:
    """Gives each community the id of its material; ids count from 1 and are never used again.

    Communities that lie within `merge_distance` of an identity share its id. Of the rest
    at most one claims each identity still free (the assignment of greatest total likeness, by
    SciPy). What is like nothing known gets a new id once it was seen `PROOF_FRAMES` frames in a
    row, and until then wears the id of the nearest; in a frame of which nothing is known ids
    are given at once. What is joined into another keeps its id on the chips that still look like
    it. An identity that vanished is remembered and returns with its id.

    Overlap counts as far as the partition agrees with the last frame's ids: after a jump of the
    stage or a run of lost frames it does not, and the prototypes decide alone. An id that was only
    lent has no place. The answer depends on the sequence of frames only. `unit` is what distances
    are counted in, the spread when None.
    """

    def __init__(self, *, merge_distance: float, unit: float | None = None) -> None:
        self._merge_distance = merge_distance
        self._unit = unit
        self.reset()

    def reset(self) -> None:
        """Forget identities and names; ids begin again at 1."""
        self._gallery = Gallery(unit=self._unit)
        self._before: Places | None = None
        self._candidates: Candidates | None = None
        self._frame = -1

    def remember(self) -> Remembered:
        """Return a copy of the identities known; between two frames."""
        return Remembered(
            known=self._gallery.remember(),
            frame=self._frame,
            before=self._before,
            candidates=self._candidates,
        )

    def recall(self, remembered: Remembered) -> None:
        """Go on from where an earlier process was; what is known here is forgotten."""
        self._gallery.recall(remembered.known)
        self._frame = remembered.frame
        self._before = remembered.before
        self._candidates = remembered.candidates

    def knows(self, id_: int) -> bool:
        """Whether an identity has this id; any thread may ask."""
        return id_ in self._gallery

    def named(self, name: str) -> tuple[int, ...]:
        """Return the ids of all identities of that name; any thread may ask."""
        return self._gallery.named(name)

    def latest(self, most: int) -> tuple[Int64, Float32]:
        """Return the ids and the mean unit embeddings, `(J, D)`, of identities seen last."""
        return self._gallery.latest(most)

    def set_name(self, id_: int, name: str | None) -> bool:
        """Name an identity or, with None, take its name away; False where it is not known."""
        return self._gallery.set_name(id_, name)

    def identify(
        self, partition: Partition, embeddings: Float32 | Looks, grid: ChipGrid
    ) -> Identified:
        """Give every chip of the frame a persistent id.

        `embeddings` are the encoder's, neither centred nor scaled.
        """
        self._frame += 1
        chips = looks_of(embeddings)
        looks = prototypes_of(chips, partition.labels_N, unit=self._unit)
        id_K = self._recognised(looks, partition, grid)
        self._learn(looks, id_K)
        self._bear(looks, id_K)
        lent_K = self._lend(looks, id_K)
        ids_N = id_K[partition.labels_N]
        before = self._before
        if before is not None and before.grid == grid and self._merge_distance > 0:
            ids_N = lasting(before.ids_N, ids_N, chips, self._gallery)
        self._before = Places(ids_N=ids_N, lent_N=lent_K[partition.labels_N], grid=grid)
        present, counts = np.unique(ids_N, return_counts=True)
        appeared, vanished = self._gallery.attend(frozenset(present.tolist()), frame=self._frame)
        return Identified(
            ids_N=ids_N.astype(np.uint16),
            identities=tuple(
                self._gallery.identity(id_, chips=count, frame=self._frame)
                for id_, count in zip(present.tolist(), counts.tolist(), strict=True)
            ),
            appeared=appeared,
            vanished=vanished,
        )

    def _recognised(self, looks: Prototypes, partition: Partition, grid: ChipGrid) -> Int64:
        """Return the known identity of each community, NOBODY where there is none."""
        id_K = np.full(len(looks), NOBODY, dtype=np.int64)
        if len(self._gallery) == 0:
            return id_K
        ids_J = self._gallery.ids_J
        distance_KJ = distances(looks, self._gallery.prototypes())
        if self._merge_distance > 0:
            nearest_K, shares_K = _sharing(looks, distance_KJ, within=self._merge_distance)
            id_K[shares_K] = ids_J[nearest_K[shares_K]]
        rows = np.flatnonzero(id_K == NOBODY)
        columns = np.flatnonzero(~np.isin(ids_J, id_K))
        if len(rows) and len(columns):
            chosen = np.ix_(rows, columns)
            overlap_KJ = self._overlap(partition, grid)[chosen]
            row, column = _claims(distance_KJ[chosen], overlap_KJ)
            id_K[rows[row]] = ids_J[columns[column]]
        return id_K

    def _overlap(self, partition: Partition, grid: ChipGrid) -> Float64:
        """Intersection over union with the last frame's ids, as far as it can be believed."""
        ids_J = self._gallery.ids_J
        overlap_KJ = np.zeros((partition.communities, len(ids_J)))
        before = self._before
        if before is None or before.grid != grid:
            return overlap_KJ
        # Two partitions of one community each agree completely and say nothing.
        own_N = before.own_N
        agreement = adjusted_rand(relabelled(own_N), partition.labels_N)
        if agreement <= 0 or partition.communities == 1:
            return overlap_KJ
        # Ids ascend from 1, so NOBODY is the first place.
        place_N = np.searchsorted(np.append(NOBODY, ids_J), own_N)
        shared_KP = contingency(partition.labels_N, place_N).astype(np.float64)
        chips_KP = shared_KP.sum(axis=1, keepdims=True) + shared_KP.sum(axis=0) - shared_KP
        shares_KP = np.divide(shared_KP, chips_KP, out=chips_KP, where=chips_KP > 0)
        overlap_KJ[:, : shares_KP.shape[1] - 1] = agreement * shares_KP[:, 1:]
        return overlap_KJ

    def _learn(self, looks: Prototypes, id_K: Int64) -> None:
        """Move the prototypes of the identities recognised towards this frame."""
        known = np.flatnonzero(id_K != NOBODY)
        if len(known) == 0:
            return
        ids, owner_K = np.unique(id_K[known], return_inverse=True)
        shown = pooled(looks.rows(known), owner_K, len(ids))
        for row, id_ in enumerate(ids.tolist()):
            self._gallery.learn(id_, shown, row)

    def _bear(self, looks: Prototypes, id_K: Int64) -> None:
        """Give new ids to what has proved to be new, larger communities first."""
        left = np.flatnonzero(id_K == NOBODY)
        at_once = len(left) == len(id_K) or self._merge_distance == 0
        frames_K = self._frames_seen(looks.rows(left))
        ripe = left if at_once else left[frames_K >= PROOF_FRAMES]
        waiting = np.setdiff1d(left, ripe)
        self._candidates = None
        if len(waiting):
            self._candidates = Candidates(
                looks=looks.rows(waiting), frames_K=frames_K[np.searchsorted(left, waiting)]
            )
        if len(ripe) == 0:
            return
        order = ripe[np.argsort(-looks.chips_K[ripe], kind="stable")]
        family_K = gathered(looks.rows(order), within=self._merge_distance)
        newborn = pooled(looks.rows(order), family_K, int(family_K.max()) + 1)
        for row in range(len(newborn)):
            id_ = self._gallery.add(newborn, row, frame=self._frame)
            if id_ is not None:
                id_K[order[family_K == row]] = id_

    def _frames_seen(self, looks: Prototypes) -> Int64:
        """Frames in a row in which each of the communities left over was seen, with this one."""
        if self._candidates is None or len(looks) == 0:
            return np.ones(len(looks), dtype=np.int64)
        distance_KJ = distances(looks, self._candidates.looks)
        nearest_K = distance_KJ.argmin(axis=1)
        near_K = distance_KJ[np.arange(len(looks)), nearest_K] <= REACH
        return 1 + np.where(near_K, self._candidates.frames_K[nearest_K], 0)

    def _lend(self, looks: Prototypes, id_K: Int64) -> NDArray[np.bool_]:
        """Let what has no id yet wear that of the nearest identity; return which do."""
        lent_K: NDArray[np.bool_] = id_K == NOBODY
        left = np.flatnonzero(lent_K)
        if len(left):
            distance_KJ = distances(looks.rows(left), self._gallery.prototypes())
            id_K[left] = self._gallery.ids_J[distance_KJ.argmin(axis=1)]
        return lent_K


def _sharing(
    looks: Prototypes, distance_KJ: Float64, *, within: float
) -> tuple[Int64, NDArray[np.bool_]]:
    """Return the nearest identity of each community, and whether it is a part of that.

    A part lies `within` of the identity and of the community that is nearest to it. Without the
    second, an identity born of a whole mixed frame, and as wide, would swallow for ever what
    is told apart later.
    """
    rows_K = np.arange(len(looks))
    nearest_K = distance_KJ.argmin(axis=1)
    away_K = distance_KJ[rows_K, nearest_K]
    by_identity_K = np.lexsort((away_K, nearest_K))
    _, first, group_K = np.unique(nearest_K[by_identity_K], return_index=True, return_inverse=True)
    foremost = by_identity_K[first]
    apart_K = np.empty(len(looks))
    apart_K[by_identity_K] = distances(looks, looks.rows(foremost))[by_identity_K, group_K]
    return nearest_K, (away_K <= within) & (apart_K <= within)


def _claims(distance_KJ: Float64, overlap_KJ: Float64) -> tuple[Int64, Int64]:
    """Pair communities with identities, one to one, for the greatest total likeness.

    A pair must lie within REACH, or farther where the two overlap.
    """
    from scipy.optimize import linear_sum_assignment

    reach_KJ = REACH * (1.0 + OVERLAP_REACH * overlap_KJ)
    near_KJ = distance_KJ <= reach_KJ
    likeness_KJ = np.where(near_KJ, 1.0 - distance_KJ / reach_KJ + overlap_KJ, 0.0)
    rows, columns = linear_sum_assignment(likeness_KJ, maximize=True)
    paired = near_KJ[rows, columns]
    return rows[paired], columns[paired]
