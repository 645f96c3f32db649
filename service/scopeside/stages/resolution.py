"""Louvain's resolution: the number given, or the one whose partition survives lost edges.

Louvain divides even one texture, the finer the higher its resolution, so what it finds is joined
until the communities differ (by `identity.merge_distance`). A partition is stable when the same
remains after a quarter of the edges is gone. The measurements behind the rules and constants are
in docs/adr/0004-resolution-by-stability.md.

Shape suffixes: N chips; D embedding features; K communities; R rungs of the ladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopeside.looks import Looks, looks_of
from scopeside.messages import Float32, Graph, Partition
from scopeside.partitions import community_count, divided_as, relabelled
from scopeside.ports import AnyGraph, Clusterer, Thinner
from scopeside.prototypes import gathered, prototypes_of
from scopeside.settings import Settings
from scopeside.stages.evidence import HOLD, MEMORY, Evidence
from scopeside.thinning import Thinning

LADDER = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0)
"""Resolutions tried in either mode. Below the first, two phases were joined even in clear frames;
the last is plain modularity, as published."""
ALIKE = 0.8
"""Communities of one frame are joined within this share of `identity.merge_distance`. At the whole
distance, which holds between a part and its material, phases of real micrographs were joined."""
STILL_APART = 0.8
"""Share of that distance within which communities are joined that were apart in the last frame:
without this band they come and go where they lie just at it (seen on carbon nanotubes)."""
THINNED_SHARE = 0.25
"""Edges taken away: enough to unsettle an arbitrary split, too few to hurt a real one."""
SURVEY_DRAWS = 3
"""Thinned graphs a rung on the first frame of a series; one a probe later on."""
STABLE = 0.87
"""Agreement from which a split counts as real, where distances are in spreads. Two clear phases
split with 0.95 to 1.0, one phase alone mostly with 0.4 to 0.9."""
STABLE_APART = 0.8
"""The same where distances have a unit of their own: there one phase is joined into one community,
so what is left apart has shown already that it differs."""
PROBE_EVERY = 3
"""Frames for one probe. Probing more often changed nothing on simulated runs of 40 frames."""
PATIENCE = 2
"""Probes in a row that must prefer another rung before it is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What rungs are tried, and what counts as evidence for one (see `Evidence`).

    Rungs within `tolerance` of the best count as its equals: coarse ones miss small phases, and
    what too fine ones divide is joined where it is one material. A split should be found as far as
    `reach` rungs away, too.
    """

    ladder: tuple[float, ...]
    tolerance: float
    reach: int


SEARCHES = {
    "chips": Search(ladder=LADDER, tolerance=0.05, reach=0),
    "shared": Search(ladder=(*LADDER, 1.5), tolerance=0.03, reach=1),
}
"""By `embed.mode`; measured in docs/adr/0004. In `shared` mode noise chose between rungs that were
as stable by themselves, so a split must be found at neighbours, too, and small phases show at a
finer rung first. In `chips` mode neighbours told nothing, and with the finer rung label maps were
less steady under fresh noise."""


class CommunityFinder:
    """Finds the communities of each frame's graph at the resolution in force.

    What Louvain divides is joined again where `identity.merge_distance` says that it is one
    material, and it is that partition which is judged and returned.

    With `graph.resolution = "auto"` the first graph after a `reset` is surveyed over the whole
    ladder. Every later one is partitioned at the rung in force, and on every `PROBE_EVERY`th one a
    rung is probed: the one in force by turns with its neighbours on the ladder, or, while the
    frame is one community, each of the others. Another rung is taken when `PATIENCE` probes in a
    row prefer it. The choice depends on the sequence of frames alone, never on time.

    Of the rungs that are as good as the best (see `Evidence`) the finest wins, since a
    coarse rung is stable by joining what differs. A single community is stable whatever the
    frame holds, so it is no evidence. Where no split is stable on the first frame, the
    finest rung is taken at which the frame stays one community all the same: there a second
    material will show first. Later the rung in force stays, and the stability published with the
    partition says how little it means.
    """

    def __init__(self, clusterer: Clusterer, settings: Settings) -> None:
        self._clusterer = clusterer
        self._settings = settings
        self.reset()

    def apply(self, settings: Settings) -> None:
        """Take changed settings for the next frame; other graphs are surveyed anew."""
        if settings.graph != self._settings.graph:
            self.reset()
        self._settings = settings

    def reset(self) -> None:
        """Forget what has been learnt of the series; the next frame is surveyed."""
        search = SEARCHES[self._settings.embed.mode]
        self._ladder = search.ladder
        self._evidence = Evidence(
            len(search.ladder), reach=search.reach, tolerance=search.tolerance
        )
        self._rung: int | None = None
        self._frames = 0
        self._probes = 0
        self._dissent = 0
        self._apart = 1

    def state(self) -> dict[str, Any]:
        """Return what has been learnt of the series as numbers and lists."""
        return {
            "ladder": list(self._ladder),
            **self._evidence.state(),
            "rung": self._rung,
            "frames": self._frames,
            "probes": self._probes,
            "dissent": self._dissent,
            "apart": self._apart,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; what is none (of another ladder, say) is as a reset.

        Nothing that anybody named depends on it: the next frame is surveyed then.
        """
        self.reset()
        try:
            rung, same = state["rung"], list(state["ladder"]) == list(self._ladder)
            counts = [int(state[key]) for key in ("frames", "probes", "dissent", "apart")]
            if not same or rung not in (None, *range(len(self._ladder))):
                return
            self._evidence.restore(state)
        except (KeyError, TypeError, ValueError):
            return
        self._rung = rung
        self._frames, self._probes, self._dissent, self._apart = counts

    @property
    def _stable(self) -> float:
        return STABLE if self._settings.distance_unit is None else STABLE_APART

    @property
    def resolution(self) -> float:
        """The resolution in force; the ladder's first before anything was surveyed."""
        given = self._settings.graph.resolution
        return self._ladder[self._rung or 0] if given == "auto" else given

    def find(self, graph: AnyGraph, embeddings: Float32 | Looks) -> Partition:
        """Partition one frame; `stability` is None where the resolution is given as a number.

        `embeddings` are the encoder's, neither centred nor scaled.
        """
        partition = self._found(graph, looks_of(embeddings))
        self._apart = partition.communities
        return partition

    def _found(self, graph: AnyGraph, embeddings: Looks) -> Partition:
        resolution = self._settings.graph.resolution
        if resolution != "auto":
            return self._partition(graph, embeddings, resolution)
        if graph.edges == 0:
            # Nothing to thin: such a frame says nothing of the series.
            return self._partition(graph, embeddings, self._ladder[self._rung or 0])
        if self._rung is None:
            return self._survey(graph, embeddings)
        partition = self._partition(graph, embeddings, self._ladder[self._rung])
        answer = replace(partition, stability=float(self._evidence.stability_R[self._rung]))
        self._frames += 1
        if self._frames % PROBE_EVERY == 0:
            self._probe_next(graph, embeddings, partition, self._rung)
        return answer

    def _partition(self, graph: AnyGraph, embeddings: Looks, resolution: float) -> Partition:
        """Partition, and join what does not differ."""
        partition = self._clusterer.partition(
            graph, resolution=resolution, seed=self._settings.communities.seed
        )
        within = ALIKE * self._settings.identity.merge_distance
        if partition.communities == 1 or within == 0:
            return partition
        owner_K = gathered(
            prototypes_of(embeddings, partition.labels_N, unit=self._settings.distance_unit),
            within=within,
            kept=self._apart,
            nearer=STILL_APART * within,
        )
        labels_N = relabelled(owner_K[partition.labels_N])
        if community_count(labels_N) == partition.communities:
            return partition
        return divided_as(graph, partition, labels_N)

    def _survey(self, graph: AnyGraph, embeddings: Looks) -> Partition:
        """Judge every rung on this frame and return the partition of the one chosen."""
        thinning = _thinning(graph, seed=self._settings.communities.seed)
        thinned = [thinning.draw(number, share=THINNED_SHARE) for number in range(SURVEY_DRAWS)]
        partitions = [self._partition(graph, embeddings, resolution) for resolution in self._ladder]
        others = [
            [self._partition(draw, embeddings, resolution) for draw in thinned]
            for resolution in self._ladder
        ]
        for rung, partition in enumerate(partitions):
            for beside in self._evidence.asked(rung):
                self._evidence.learn(rung, beside, partition, others[beside], memory=1.0)
        stability_R = self._evidence.stability_R
        chosen = self._preferred(range(len(self._ladder)), in_force=None)
        if chosen is None:
            whole_R = np.array([partition.communities == 1 for partition in partitions])
            whole = np.flatnonzero(whole_R & (stability_R >= self._stable))
            chosen = int(whole[-1]) if len(whole) else 0
        self._rung = chosen
        return replace(partitions[chosen], stability=float(stability_R[chosen]))

    def _probe_next(
        self, graph: AnyGraph, embeddings: Looks, partition: Partition, in_force: int
    ) -> None:
        """Probe one rung and take a neighbour once it has been preferred for long enough."""
        near = range(max(in_force - 1, 0), min(in_force + 2, len(self._ladder)))
        others = [rung for rung in near if rung != in_force]
        turn, elsewhere = divmod(self._probes, 2)
        whole = partition.communities == 1
        if whole:
            # Nothing was split, so there is nothing to judge here and the next rung need not
            # split either: go round all the others.
            near = range(len(self._ladder))
            others = [rung for rung in near if rung != in_force]
            turn, elsewhere = self._probes, 1
        rung = in_force
        if elsewhere:
            turn, other = divmod(turn, len(others))
            rung = others[other]
            partition = self._partition(graph, embeddings, self._ladder[rung])
        asked = self._evidence.asked(rung)
        beside = rung if whole else asked[turn % len(asked)]
        thinning = _thinning(graph, seed=self._settings.communities.seed)
        thinned = thinning.draw(self._probes, share=THINNED_SHARE)
        thinned_too = self._partition(thinned, embeddings, self._ladder[beside])
        self._evidence.learn(rung, beside, partition, [thinned_too], memory=MEMORY)
        self._probes += 1
        preferred = self._preferred(near, in_force=in_force)
        if preferred is None:
            shaky = self._evidence.stability_R[in_force] < self._stable - HOLD
            preferred = max(in_force - 1, 0) if shaky else in_force
        self._dissent = 0 if preferred == in_force else self._dissent + 1
        if self._dissent >= PATIENCE:
            self._rung, self._dissent = preferred, 0

    def _preferred(self, rungs: range, *, in_force: int | None) -> int | None:
        return self._evidence.preferred(rungs, stable=self._stable, in_force=in_force)


def _thinning(graph: AnyGraph, *, seed: int) -> Thinner:
    if isinstance(graph, Graph):
        return Thinning(graph, seed=seed)
    return graph.thinning(seed=seed)
