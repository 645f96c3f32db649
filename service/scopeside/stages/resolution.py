"""Louvain's resolution: the number given, or the one whose partition survives lost edges.

A partition is stable when Louvain finds it again after a quarter of the edges is gone. The
measurements behind the rules and constants are in docs/adr/0004-resolution-by-stability.md.

Shape suffixes: N chips; R rungs of the ladder.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scopeside.messages import Graph, Partition
from scopeside.partitions import adjusted_rand
from scopeside.ports import Clusterer
from scopeside.settings import Settings
from scopeside.thinning import Thinning

LADDER = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5)
"""Resolutions tried. Below the first, two phases that touch were joined even in clear frames."""
THINNED_SHARE = 0.25
"""Edges taken away: enough to unsettle an arbitrary split, too few to hurt a real one."""
SURVEY_DRAWS = 3
"""Thinned graphs a rung on the first frame of a series; one a frame later on."""
STABLE = 0.85
"""Agreement from which a split counts as real. One phase alone split with 0.4 to 0.85, two
phases with 0.88 to 1.00."""
TOLERANCE = 0.04
"""Rungs this close to the most stable one are its equals, about twice the noise of the mean."""
MEMORY = 0.3
"""Weight of the newest probe in a rung's running mean."""
PATIENCE = 3
"""Probes in a row that must prefer another rung before it is taken."""


class _Probe(NamedTuple):
    agreement: float
    split: float
    """Share of the partitions that had more than one community."""


class CommunityFinder:
    """Finds the communities of each frame's graph at the resolution in force.

    With `graph.resolution = "auto"` the first graph after a `reset` is surveyed over the whole
    ladder. Every later one is partitioned at the rung in force, and one rung is probed: the one
    in force by turns with another. Another rung is taken when `PATIENCE` probes in a row prefer
    it. The choice depends on the sequence of graphs alone, never on time.

    Of the rungs that are as stable as the best (within `TOLERANCE`) the finest wins, since a
    coarse rung is stable by joining what differs. A single community is stable whatever the
    frame holds, so it never counts as evidence. Where no split reaches `STABLE` the coarsest
    rung is taken (one community, as a rule) and the low stability is published with it.
    """

    def __init__(self, clusterer: Clusterer, settings: Settings) -> None:
        self._clusterer = clusterer
        self._settings = settings
        self.reset()

    def apply(self, settings: Settings) -> None:
        """Take changed settings for the next frame; a change to `auto` begins with a survey."""
        if settings.graph != self._settings.graph:
            self.reset()
        self._settings = settings

    def reset(self) -> None:
        """Forget what has been learnt of the series; the next frame is surveyed."""
        self._agreement_R = np.zeros(len(LADDER))
        self._split_R = np.zeros(len(LADDER))
        self._rung: int | None = None
        self._probes = 0
        self._dissent = 0

    def find(self, graph: Graph) -> Partition:
        """Partition one graph."""
        resolution = self._settings.graph.resolution
        if resolution != "auto":
            return self._partition(graph, resolution)
        if graph.edges == 0:
            # Nothing to thin: what such a frame says of the series is nothing.
            return self._partition(graph, LADDER[self._rung or 0])
        if self._rung is None:
            return self._survey(graph)
        rung = self._rung
        partition = self._partition(graph, LADDER[rung])
        self._probe_next(graph, partition)
        return replace(partition, stability=float(self._agreement_R[rung]))

    def _partition(self, graph: Graph, resolution: float) -> Partition:
        seed = self._settings.communities.seed
        return self._clusterer.partition(graph, resolution=resolution, seed=seed)

    def _survey(self, graph: Graph) -> Partition:
        """Judge every rung on this graph and return the partition of the one chosen."""
        thinned = list(self._thinning(graph).draws(SURVEY_DRAWS, share=THINNED_SHARE))
        partitions = [self._partition(graph, resolution) for resolution in LADDER]
        for rung, partition in enumerate(partitions):
            probes = [self._probe(partition, draw) for draw in thinned]
            self._agreement_R[rung], self._split_R[rung] = np.mean(probes, axis=0)
        self._rung = self._preferred()
        return replace(partitions[self._rung], stability=float(self._agreement_R[self._rung]))

    def _probe_next(self, graph: Graph, partition: Partition) -> None:
        """Probe the rung in force, or on every second frame the next of the others."""
        in_force = self._rung or 0
        turn, other = divmod(self._probes, 2)
        self._probes += 1
        rung = in_force
        if other:
            rung = (in_force + 1 + turn % (len(LADDER) - 1)) % len(LADDER)
            partition = self._partition(graph, LADDER[rung])
        draw = self._thinning(graph).draw(self._probes, share=THINNED_SHARE)
        probe = self._probe(partition, draw)
        self._agreement_R[rung] += MEMORY * (probe.agreement - self._agreement_R[rung])
        self._split_R[rung] += MEMORY * (probe.split - self._split_R[rung])
        preferred = self._preferred()
        self._dissent = 0 if preferred == in_force else self._dissent + 1
        if self._dissent >= PATIENCE:
            self._rung, self._dissent = preferred, 0

    def _probe(self, partition: Partition, thinned: Graph) -> _Probe:
        other = self._partition(thinned, partition.resolution)
        counts = (partition.communities, other.communities)
        return _Probe(
            agreement=adjusted_rand(partition.labels_N, other.labels_N),
            split=float(np.mean([count > 1 for count in counts])),
        )

    def _preferred(self) -> int:
        """The finest of the stable rungs that split; the coarsest where none is stable."""
        evidence_R = np.where(self._split_R > 0.5, self._agreement_R, 0.0)
        best = evidence_R.max()
        if best < STABLE:
            return 0
        return int(np.flatnonzero(evidence_R >= best - TOLERANCE)[-1])

    def _thinning(self, graph: Graph) -> Thinning:
        return Thinning(graph, seed=self._settings.communities.seed)
