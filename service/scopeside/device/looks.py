"""The looks of a frame's chips, whose embeddings stay on the card.

Shape suffixes: N chips; B some of them; K groups; D features.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scopeside.device.card import Line
from scopeside.device.groups import (
    Known,
    groups_in,
    joined_rows,
    mean_rows,
    on_device,
    sum_groups,
)
from scopeside.looks import NOBODY
from scopeside.messages import Array, Float32, Int64

REMEMBERED = 8
"""Partitions whose sums are kept. A frame's own, those of probes, and what the mixture asks."""


class DeviceLooks:
    """See `scopeside.looks.Looks`. `inverse_N` is one over the length of a row, 0 for zero rows.

    What is asked is answered from sums that are known, where they suffice; otherwise in `line`,
    and the host waits for it. `rows_ND` may be read until the next frame of its lane begins.
    """

    def __init__(
        self, rows_ND: Tensor, inverse_N: Tensor, alive_N: NDArray[np.bool_], line: Line
    ) -> None:
        self._rows_ND = rows_ND
        self._inverse_N = inverse_N
        self._alive_N = alive_N
        self._line = line
        self._known: deque[Known] = deque(maxlen=REMEMBERED)

    @property
    def alive_N(self) -> NDArray[np.bool_]:
        return self._alive_N

    @property
    def rows_ND(self) -> Tensor:
        return self._rows_ND

    @property
    def inverse_N(self) -> Tensor:
        return self._inverse_N

    def learn(self, group_N: Int64, sums_KD: Float32) -> None:
        """Take in the sums of a partition's groups, numbered from 0 without gaps."""
        self._known.appendleft(Known(group_N=group_N, values_K=sums_KD))

    def means(self, group_N: Array) -> Float32:
        counts_G = np.bincount(group_N[group_N != NOBODY], minlength=groups_in(group_N))
        return mean_rows(self._sums(group_N, len(counts_G)), counts_G)

    def products(self, chips_B: Int64, rows_KD: Float32) -> Float32:
        device = self._rows_ND.device
        with self._line.use():
            chips = on_device(chips_B, device)
            units_BD = self._rows_ND[chips] * self._inverse_N[chips, None]
            products_BK: Float32 = (units_BD @ on_device(rows_KD.T, device)).cpu().numpy()
        return products_BK

    def _sums(self, group_N: Array, groups: int) -> NDArray[np.float64]:
        for known in self._known:
            owner_K = known.owners(group_N)
            if owner_K is not None:
                return joined_rows(known.values_K, owner_K, groups)
        device = self._rows_ND.device
        with self._line.use():
            # In steps of sixteen, so that few shapes of the product occur.
            kept = -(-groups // 16) * 16
            sums = torch.empty((kept, self._rows_ND.shape[1]), device=device)
            group = on_device(group_N.astype(np.int32), device)
            sum_groups(group, self._rows_ND, self._inverse_N, sums)
            sums_KD: Float32 = sums[:groups].cpu().numpy()
        self.learn(group_N.astype(np.int64), sums_KD)
        return sums_KD.astype(np.float64)


def ones_like_rows(rows_ND: Tensor) -> Tensor:
    """Return what makes `DeviceLooks` take rows as they are: they have length one, or zero."""
    return torch.ones(len(rows_ND), device=rows_ND.device)
