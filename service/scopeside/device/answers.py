"""What the card told of a frame, as the host goes on with it.

Shape suffixes: N chips; K communities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from scopeside.device.card import Line
from scopeside.device.contrast import contrast_of
from scopeside.device.graph import DeviceGraph, Found
from scopeside.device.groups import KEPT, as_weights
from scopeside.device.lane import Lane, ToldLouvain
from scopeside.device.looks import DeviceLooks
from scopeside.messages import Contrast, UInt16
from scopeside.partitions import community_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A frame between its communities and its identities. `units` are the centred unit rows,
    `painted_N` the ids that it is painted by, None where it is not painted yet."""

    contrast: Contrast
    graph: DeviceGraph
    looks: DeviceLooks
    units: DeviceLooks
    painted_N: UInt16 | None


def answers(lane: Lane, line: Line, *, resolution: float | None) -> Answers:
    """Read what was copied of a lane's frame, once it is there.

    `resolution` is that of the Louvain that ran with it, None where none did. Further questions
    are answered in `line`.
    """
    told = lane.told
    inverse_N = told.inverse_N[0].numpy()
    alive_N = inverse_N > 0
    looks = DeviceLooks(lane.rows_ND, lane.inverse_N, alive_N, line)
    edges = int(told.edges[0]) // 2
    found = None
    if told.found is not None and resolution is not None:
        labels_N = told.found.labels_N[0].numpy().copy()
        found = Found(resolution=resolution, labels_N=labels_N)
    graph = DeviceGraph(lane.graph, looks, line, edges=edges, found=found)
    if found is not None and told.found is not None:
        _teach(graph, looks, found, told.found)
    with line.use():
        units = DeviceLooks(lane.unit_ND, torch.ones_like(lane.inverse_N), alive_N, line)
    nonfinite_px = int(told.counts_2[0][0])
    return Answers(
        contrast=contrast_of(
            own=_pair(told.own_2[0]),
            window=_pair(told.window_2[0]),
            counts=(nonfinite_px, int(told.saturated_px[0])),
            pixels=lane.frame_YX.numel(),
        ),
        graph=graph,
        looks=looks,
        units=units,
        painted_N=None if told.found is None else told.found.ids_N[0].numpy().copy(),
    )


def _teach(graph: DeviceGraph, looks: DeviceLooks, found: Found, louvain: ToldLouvain) -> None:
    """Let graph and looks know the figures of the partition, where they have room for all of it."""
    communities = community_count(found.labels_N)
    if communities > KEPT:
        return
    sums_KD = louvain.sums_KD[0][:communities].numpy().copy()
    looks.learn(found.labels_N.astype(np.int64), sums_KD)
    between_KK = as_weights(louvain.between_KK[0].numpy(), KEPT)
    graph.learn(found.labels_N, between_KK[:communities, :communities])


def _pair(values_2: torch.Tensor) -> tuple[float, float]:
    low, high = values_2.tolist()
    return low, high
