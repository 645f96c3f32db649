"""Edges taken from a graph on the card, the same ones as `scopeside.thinning` takes.

Signed integers stand in for unsigned ones: sums and products wrap alike, shifts fill with zeros
by a mask, and comparisons turn the highest bit over.

Shape suffix: E places of edge arrays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scopeside.thinning import FIRST_FACTOR, SECOND_FACTOR, word
from scopeside_kernels.symmetric import GraphTensors

if TYPE_CHECKING:
    from scopeside.device.graph import DeviceGraph

_WORD = 2**64
_TOP = -(2**63)


class DeviceThinning:
    """Thins one graph again and again; see `scopeside.thinning.Thinning`."""

    def __init__(self, graph: DeviceGraph, *, seed: int) -> None:
        self._graph = graph
        tensors = graph.tensors
        with graph.line.use():
            place_E = torch.arange(graph.places, device=tensors.offsets.device)
            row_E = torch.searchsorted(tensors.offsets[1:], place_E, right=True)
            self._used_E = row_E < graph.nodes
            other_E = tensors.neighbours.to(torch.int64)
            low_E, high_E = torch.minimum(row_E, other_E), torch.maximum(row_E, other_E)
            self._edges_E = _mixed(low_E * graph.nodes + high_E + _signed(int(word(seed + 1))))

    def draw(self, number: int, *, share: float) -> DeviceGraph:
        """Return the graph without about `share` of its edges; the same number, the same graph."""
        least = _signed(int(share * _WORD)) ^ _TOP
        with self._graph.line.use():
            hash_E = _mixed(self._edges_E + _signed(int(word(number + 1))))
            kept_E = self._used_E & ((hash_E ^ _TOP) >= least)
            return self._graph.with_tensors(_compacted(self._graph.tensors, kept_E))


def _compacted(tensors: GraphTensors, kept_E: Tensor) -> GraphTensors:
    """Move the edges that stay together, in their order; what is behind them means nothing."""
    before = torch.zeros(len(kept_E) + 1, dtype=torch.int64, device=kept_E.device)
    torch.cumsum(kept_E, 0, out=before[1:])
    # All that go are written to one place behind the last, in whatever order.
    target_E = torch.where(kept_E, before[:-1], len(kept_E))
    neighbours = torch.zeros_like(before, dtype=torch.int32)
    weights = torch.zeros_like(before, dtype=torch.float32)
    neighbours[target_E] = tensors.neighbours
    weights[target_E] = tensors.weights
    offsets = before[tensors.offsets]
    return replace(
        tensors,
        offsets=offsets,
        degree_N=torch.diff(offsets).to(torch.int32),
        neighbours=neighbours[:-1],
        weights=weights[:-1],
    )


def _signed(unsigned: int) -> int:
    return unsigned - _WORD if unsigned >= _WORD // 2 else unsigned


def _mixed(words_E: Tensor) -> Tensor:
    words_E = (words_E ^ _shifted(words_E, 30)) * _signed(FIRST_FACTOR)
    words_E = (words_E ^ _shifted(words_E, 27)) * _signed(SECOND_FACTOR)
    return words_E ^ _shifted(words_E, 31)


def _shifted(words_E: Tensor, bits: int) -> Tensor:
    return (words_E >> bits) & ((1 << (64 - bits)) - 1)
