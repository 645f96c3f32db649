"""Chips on a border between two materials -> how they divide their votes.

An embedding is pooled over the chip, so a chip that shows two materials lies between theirs by
the area that each covers. Where the chips around wear another id, a chip votes for both in that
proportion, and the painted border runs where it is and not halfway between two chips.

Shape suffixes: N chips; R, C rows and columns of the chip grid; B chips on a border; K communities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.looks import NOBODY, Looks, looks_of
from scopeside.messages import ChipGrid, Float32, Int64, Mixture, UInt16
from scopeside.stages.surroundings import communities_near
from scopeside_kernels.reference import BALLOTS

OWN_BALLOTS = BALLOTS // 2 + 1
"""Fewest votes of a chip for its own id: what it *is* was decided by the whole frame."""
PURE_CHIPS = 3
"""Chips away from any border that tell how a material looks; of fewer, all of its chips do."""
SAME = 1e-6
"""Squared distance of two means below which they are the same, as far as float32 can tell."""


def mixture_of(ids_N: UInt16, embeddings: Float32 | Looks, grid: ChipGrid) -> Mixture:
    """Divide the votes of chips on borders; all others keep theirs whole.

    `embeddings` are the encoder's, neither centred nor scaled.
    """
    names, place_N = np.unique(ids_N, return_inverse=True)
    second_N = ids_N.copy()
    ballots_N = np.full(len(ids_N), BALLOTS, np.uint8)
    place_RC = place_N.reshape(grid.rows, grid.cols)
    near_NK = communities_near(place_RC, len(names), grid.overlap_reach)
    near_NK[np.arange(len(ids_N)), place_N] = False
    border_N: NDArray[np.bool_] = np.logical_or.reduce(near_NK, axis=1)
    border_B = np.flatnonzero(border_N)
    if len(border_B) == 0:
        return Mixture(second_N=second_N, ballots_N=ballots_N)
    looks = looks_of(embeddings)
    means_KD = looks.means(_telling(place_N, ~border_N, len(names)))
    own_B = place_N[border_B]
    product_BK = looks.products(border_B, means_KD)
    product_KK = means_KD @ means_KD.T
    square_K = np.diag(product_KK)
    own_mean_B = product_BK[np.arange(len(border_B)), own_B]
    along_BK = product_BK - own_mean_B[:, None] - product_KK[own_B] + square_K[own_B][:, None]
    length_BK = square_K[own_B][:, None] - 2.0 * product_KK[own_B] + square_K
    share_BK = np.divide(along_BK, length_BK, out=np.zeros_like(along_BK), where=length_BK > SAME)
    share_BK[~near_NK[border_B]] = -1.0
    other_B = share_BK.argmax(axis=1)
    share_B = share_BK[np.arange(len(border_B)), other_B]
    given_B = np.rint(BALLOTS * np.clip(share_B, 0.0, 1.0)).astype(np.int64)
    given_B = np.minimum(given_B, BALLOTS - OWN_BALLOTS)
    second_N[border_B] = names[other_B]
    ballots_N[border_B] = BALLOTS - given_B
    return Mixture(second_N=second_N, ballots_N=ballots_N)


def _telling(place_N: Int64, pure_N: NDArray[np.bool_], communities: int) -> Int64:
    """Return the community of each chip that tells how it looks, NOBODY for the others.

    Those are the chips away from borders or, where a community has few of them, all of its chips.
    """
    pure_K = np.bincount(place_N[pure_N], minlength=communities)
    telling_N = pure_N | (pure_K < PURE_CHIPS)[place_N]
    return np.where(telling_N, place_N, NOBODY)
