"""How a frame's chips look, asked without holding their embeddings.

Those who compare communities need two things of the embeddings, scaled to length one: means over
groups of chips, and products of a few chips with such means. Asked through `Looks`, embeddings that
a GPU computed can stay there.

Shape suffixes: N chips; B some of them; K groups of chips, or rows to compare with; D features.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Array, Float32, Int64
from scopeside.partitions import community_count

NOBODY = -1
"""Group of a chip that no mean counts."""


class Looks(Protocol):
    """Unit embeddings of one frame's chips, wherever they are. Rows of zeros stay so."""

    @property
    def alive_N(self) -> NDArray[np.bool_]:
        """Which chips have an embedding other than zero."""
        ...

    def means(self, group_N: Array) -> Float32:
        """Return `(K, D)`: the mean unit embedding of each group, numbered from 0 without gaps.

        Chips of the group `NOBODY` are left out.
        """
        ...

    def products(self, chips_B: Int64, rows_KD: Float32) -> Float32:
        """Return `(B, K)`: the unit embeddings of some chips times rows."""
        ...


class HostLooks:
    """Embeddings that lie here; neither centred nor scaled by whoever made them."""

    def __init__(self, embeddings_ND: Float32) -> None:
        self._embeddings_ND = embeddings_ND

    @cached_property
    def _inverse_N(self) -> Float32:
        norms_N = np.sqrt(np.einsum("nd,nd->n", self._embeddings_ND, self._embeddings_ND))
        inverse_N: Float32 = np.divide(1.0, norms_N, out=np.zeros_like(norms_N), where=norms_N > 0)
        return inverse_N

    @property
    def alive_N(self) -> NDArray[np.bool_]:
        alive_N: NDArray[np.bool_] = self._inverse_N > 0
        return alive_N

    def means(self, group_N: Array) -> Float32:
        from scipy import sparse

        counted = np.flatnonzero(group_N != NOBODY)
        group_M = group_N[counted]
        chips_K = np.bincount(group_M)
        weights_M = (self._inverse_N[counted] / chips_K[group_M]).astype(np.float32)
        averaging = sparse.csr_matrix(
            (weights_M, (group_M, counted)), shape=(community_count(group_M), len(group_N))
        )
        return np.asarray(averaging @ self._embeddings_ND, dtype=np.float32)

    def products(self, chips_B: Int64, rows_KD: Float32) -> Float32:
        products_BK: Float32 = (self._embeddings_ND[chips_B] @ rows_KD.T) * self._inverse_N[
            chips_B, None
        ]
        return products_BK


def looks_of(embeddings: Float32 | Looks) -> Looks:
    """Return embeddings as something to be asked, be they an array or asked already."""
    return HostLooks(embeddings) if isinstance(embeddings, np.ndarray) else embeddings
