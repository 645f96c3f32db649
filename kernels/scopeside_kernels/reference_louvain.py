"""What the parallel Louvain means: whole numbers in NumPy, the same bits whatever runs beside it.

Communities of a weighted graph by greedy modularity (Blondel et al., J. Stat. Mech. P10008
(2008)), with the moves made in parallel from a common snapshot (heuristics after Lu, Halappanavar
and Kalyanaraman, Parallel Computing 47, 19 (2015)) and refined from the finest graph again once
the coarse ones are done (after Rotta and Noack, ACM J. Exp. Algorithmics 16, 2.3 (2011)).

Weights become integers first, so that no sum depends on the order in which it is added, and
every comparison is one of integers: a parallel machine that keeps these rules finds these labels.

**Numbers.** With E directed edges and the largest weight below `2**e`, a weight w becomes
`floor(w * 2**(28 - bit_length(E) - e) + 1/2)`. The total T of all weights is then below
`2**28`. The resolution enters as `T' = round(T / resolution)`, so that modularity is
`(T' * inner - sum of squared strengths) / (T * T')` with nothing rounded in between. With a
resolution of at least 1/64 no product reaches `2**63`: `T * T' < 2**62 + 2**28`.

**Sweeps.** Node i with strength k leaves its community a for c when `T' * w(i, c) - k * S(c)` is
larger than `T' * w(i, a) - k * (S(a) - k)`, S being the strengths of communities. The largest
such value wins, of equals the lower label. All nodes read the same snapshot; only a hashed part
of them moves in a sweep, another part in the next, and a node that is alone joins another that is
alone only towards the lower label: otherwise pairs would swap for ever. As moves made at once can
spoil each other, modularity is computed of every snapshot and the best one (of equals the first)
is what a stage leaves. A stage ends when every part in turn moved nothing, when `patience(parts)`
snapshots in a row brought nothing better, or after its last sweep, which only judges.

**Stages.** A cycle begins on the given graph; the communities that a stage leaves are the nodes
of the next. The first cycle starts from single nodes, later ones from the labels found so far.
A stage that finds nothing better ends its cycle.

**Stages within.** A cycle of whole communities cannot take one apart. So a cycle may begin with a
stage that builds smaller ones inside of those found: from single nodes, which see no neighbour of
another community (the refinement of Traag, Waltman and van Eck, Scientific Reports 9, 5233
(2019)). They are the nodes of the next stage, which begins with the communities found before, so
that parts can change sides; what it leaves is taken over in any case.

**Starts.** Where greedy moves lead depends on who moves first, and on graphs with hardly any
communities much depends on that. So small graphs are divided several times side by side, the parts
hashed differently, and the best answer (of equals that of the first start) is taken. A stage within
looks at the start's own communities and at those of the next one too: what neither would take
apart stays together (after the core groups of Ovelgoenne and Geyer-Schulz, Contemporary
Mathematics 588, 187 (2013)).

Shape suffixes: N nodes of a level; E directed edges of a level; P pairs of node and community; A
starts. Labels are names of communities: places of the given graph's nodes, on every level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt32 = NDArray[np.uint32]
Bool = NDArray[np.bool_]

TOTAL_BITS = 28
"""The total weight stays below 2**28: as large as resolutions from 1/64 allow in 63 bits."""
RESOLUTION_BITS = 30
"""Resolutions are rounded to multiples of 2**-30, far below what a weight's rounding moves."""
MIN_RESOLUTION, MAX_RESOLUTION = 1 / 64, 64.0
MAX_NODES = 1 << 17
"""Node, community and weight are sorted as one integer of 17 + 17 + 28 bits."""
MAX_EDGES = 1 << 21
"""Beyond this many directed edges the heaviest weight would have fewer than six bits."""


@dataclass(frozen=True, slots=True)
class Stage:
    """At most `sweeps` sweeps, in each of which one of `parts` parts of the nodes moves.

    `within` says that it builds smaller communities inside of those found: only as the first of a
    cycle, and not as its last.
    """

    sweeps: int
    parts: int
    within: bool = False


Schedule = tuple[tuple[Stage, ...], ...]

SCHEDULE: Schedule = (
    (Stage(24, 2), Stage(16, 2), Stage(12, 4), Stage(8, 4), Stage(8, 4)),
    *(
        (Stage(6, 2, within=True), Stage(10, 2), Stage(6, 4)),
        (Stage(8, 2), Stage(6, 4)),
    )
    * 3,
)
"""Cycles of stages. Chosen on the suite of `benchmarks/louvain_quality.py`. Quarters move on coarse
graphs because there a few nodes decide everything and half of them at once is rash."""


MOST_STARTS = 4
STARTED_NODES = 1 << 14
"""As many starts as have this many nodes together, up to four: a large card works on about so many
at once, so that starts of small graphs run beside each other, and large graphs are started once."""
START_SALT = 0x1B873593
"""Times the number of a start; four times it is below 2**31. From MurmurHash3 (public domain)."""


class GraphBoundsError(ValueError):
    """The graph or the resolution is outside what the integers here can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Louvain:
    """Communities numbered from 0 in the order of their first nodes.

    `modularity` is that of the rounded weights; `score` is the same as an exact integer, in
    units of one over `T * T'`. `start` is the one that found them, and `sweeps` counts the sweeps
    of every stage of it that ran.
    """

    labels_N: Int32
    communities: int
    modularity: float
    score: int
    start: int
    sweeps: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """A graph of one stage: its nodes are communities of the given one, without loops.

    `name_N` is the label that each node had as a community, ascending; edges count nodes by their
    places among those. `inner` is the weight of all edges that lie inside of nodes.
    """

    row_E: Int64
    col_E: Int64
    weight_E: Int64
    strength_N: Int64
    name_N: Int64
    inner: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """T and T' of the module's docstring, and how many nodes the given graph has."""

    total: int
    null: int
    nodes: int


@dataclass(slots=True, kw_only=True)
class _Start:
    """How far one start has got; `number` is its own."""

    number: int
    labels_N: Int64
    score: int
    sweeps: list[int]


def louvain(
    offsets: Int32 | Int64,
    neighbours_E: Int32,
    weights_E: Float32 | None,
    *,
    resolution: float = 1.0,
    schedule: Schedule = SCHEDULE,
    starts: int | None = None,
) -> Louvain:
    """Find the communities of a symmetric graph in CSR form without loops.

    `weights_E` None means that every edge weighs one; `starts` None, as many as `starts_of` says.
    Modularity is never below that of single nodes, nor of one community of all. Nodes without edges
    stay alone. Raises GraphBoundsError for more than `MAX_NODES` or `MAX_EDGES`, weights that are
    negative or not finite, loops, and resolutions outside `MIN_RESOLUTION` to `MAX_RESOLUTION`, and
    ValueError for a schedule with a stage within where none can be.
    """
    require_schedule(schedule)
    weight_E = fixed_weights(offsets, neighbours_E, weights_E)
    nodes = len(offsets) - 1
    row_E = np.repeat(np.arange(nodes), np.diff(offsets))
    if (row_E == neighbours_E).any():
        raise GraphBoundsError("The graph joins a node to itself; take such edges out.")
    strength_N = _summed(row_E, weight_E, nodes)
    total = int(strength_N.sum())
    terms = _Terms(total=total, null=null_total(total, resolution_fixed(resolution)), nodes=nodes)
    base = _Level(
        row_E=row_E,
        col_E=neighbours_E.astype(np.int64),
        weight_E=weight_E,
        strength_N=strength_N,
        name_N=np.arange(nodes),
        inner=0,
    )
    best = _cycles(base, terms, schedule, starts_of(nodes) if starts is None else starts)
    labels_N, score = best.labels_N, best.score
    whole = terms.null * total - total * total
    if whole > score:
        labels_N, score = np.zeros_like(labels_N), whole
    return Louvain(
        labels_N=_numbered(labels_N),
        communities=len(np.unique(labels_N)),
        modularity=score_modularity(score, total, terms.null),
        score=score,
        start=best.number,
        sweeps=tuple(best.sweeps),
    )


def starts_of(nodes: int) -> int:
    """Return how many starts a graph of so many nodes gets."""
    return max(1, min(MOST_STARTS, STARTED_NODES // max(1, nodes)))


def require_schedule(schedule: Schedule) -> None:
    """Raise ValueError where a stage within is not the first of its cycle, or the last one."""
    for cycle in schedule:
        if any(stage.within for stage in (*cycle[1:], cycle[-1])):
            raise ValueError("A stage within comes first in its cycle, and another one follows.")


def fixed_weights(offsets: Int32 | Int64, neighbours_E: Int32, weights_E: Float32 | None) -> Int64:
    """Return the weights as integers whose total is below `2**TOTAL_BITS`.

    Raises GraphBoundsError where the graph is too large or a weight is not usable.
    """
    nodes, edges = len(offsets) - 1, len(neighbours_E)
    if nodes > MAX_NODES or edges > MAX_EDGES:
        raise GraphBoundsError(
            f"{nodes} nodes and {edges} directed edges are more than the {MAX_NODES} and"
            f" {MAX_EDGES} that fit the integers of this Louvain."
        )
    if edges == 0:
        return np.zeros(0, np.int64)
    values_E = np.ones(edges, np.float32) if weights_E is None else weights_E
    if not (np.isfinite(values_E).all() and (values_E >= 0).all()):
        raise GraphBoundsError("Weights must be finite and not negative.")
    # The exponent's field, so that subnormal numbers count as the smallest normal one.
    exponent = (int(values_E.max().view(np.int32)) >> 23) - 126
    shift = TOTAL_BITS - edges.bit_length() - exponent
    scaled_E = np.ldexp(values_E.astype(np.float64), shift)
    return np.floor(scaled_E + 0.5).astype(np.int64)


def resolution_fixed(resolution: float) -> int:
    """Return the resolution in units of `2**-RESOLUTION_BITS`; GraphBoundsError beyond bounds."""
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise GraphBoundsError(
            f"A resolution of {resolution:g} is outside {MIN_RESOLUTION:g} to {MAX_RESOLUTION:g}."
        )
    return round(resolution * (1 << RESOLUTION_BITS))


def null_total(total: int, fixed: int) -> int:
    """Return T', the total over the resolution, rounded half up."""
    return ((total << RESOLUTION_BITS) + fixed // 2) // fixed


def score_modularity(score: int, total: int, null: int) -> float:
    """Return the modularity of an integer score; 0 for a graph without weight."""
    return score / (total * null) if total * null else 0.0


def patience(parts: int) -> int:
    """Snapshots without a better one that end a stage: every part had two turns."""
    return 2 * parts


def hashed(values_N: UInt32) -> UInt32:
    """Spread integers over 32 bits, each bit of the answer depending on every bit given.

    The mixer and its constants are C. Wellons' `lowbias32` (public domain, nullprogram.com 2018).
    """
    x_N = values_N ^ (values_N >> np.uint32(16))
    x_N = x_N * np.uint32(0x7FEB352D)
    x_N = x_N ^ (x_N >> np.uint32(15))
    x_N = x_N * np.uint32(0x846CA68B)
    mixed_N: UInt32 = x_N ^ (x_N >> np.uint32(16))
    return mixed_N


def salt(number: int, sweep: int, parts: int, start: int = 0) -> int:
    """Return what is added to a name before hashing: another for each stage and round of parts,
    and for each start."""
    return ((number * 64 + sweep // parts) * 0x9E3779B9 + start * START_SALT) & 0xFFFFFFFF


def _cycles(base: _Level, terms: _Terms, schedule: Schedule, starts: int) -> _Start:
    """Run the schedule for every start, all of them cycle by cycle; return the best one."""
    runs = [
        _Start(number=number, labels_N=base.name_N, score=0, sweeps=[]) for number in range(starts)
    ]
    number = 0
    for cycle in schedule:
        found = [run.labels_N for run in runs]
        for run in runs:
            beside_N = found[(run.number + 1) % starts]
            _cycle(run, base, terms, cycle, number, beside_N)
        number += len(cycle)
    return max(runs, key=lambda run: run.score)


def _cycle(
    run: _Start,
    base: _Level,
    terms: _Terms,
    cycle: tuple[Stage, ...],
    number: int,
    beside_N: Int64,
) -> None:
    """Take one start through one cycle, whose first stage has `number`."""
    level, node_N, start_N = base, base.name_N, run.labels_N
    apart = False
    for place, stage in enumerate(cycle):
        seen = level
        if stage.within:
            seen, start_N = _without_edges_between(level, run.labels_N, beside_N), level.name_N
        found_N, score, ran = _stage(seen, start_N, terms, stage, number + place, run.number)
        run.sweeps.append(ran)
        if not stage.within:
            run.score = score
        if found_N is start_N and not apart:
            return
        coarse, group_N = _aggregated(level, found_N, terms)
        if stage.within:
            start_N = np.empty_like(coarse.name_N)
            start_N[group_N] = run.labels_N
        else:
            run.labels_N, start_N = found_N[node_N], coarse.name_N
        level, node_N, apart = coarse, group_N[node_N], stage.within


def _without_edges_between(level: _Level, labels_N: Int64, beside_N: Int64) -> _Level:
    """Return a level with the edges whose ends share both labels alone, strengths as before."""
    row_E, col_E = level.row_E, level.col_E
    kept_E = (labels_N[row_E] == labels_N[col_E]) & (beside_N[row_E] == beside_N[col_E])
    return replace(level, row_E=row_E[kept_E], col_E=col_E[kept_E], weight_E=level.weight_E[kept_E])


def _stage(
    level: _Level, start_N: Int64, terms: _Terms, stage: Stage, number: int, start: int
) -> tuple[Int64, int, int]:
    """Sweep until nothing gets better; return the best labels, their score and the sweeps.

    The labels are `start_N` itself where nothing better was found.
    """
    labels_N = best_N = start_N
    best = 0
    best_sweep = 0
    quiet = 0
    for sweep in range(stage.sweeps):
        if sweep % stage.parts == 0 and quiet >= stage.parts:
            return best_N, best, sweep
        if sweep - 1 - best_sweep >= patience(stage.parts):
            return best_N, best, sweep
        score, sums = _score(level, labels_N, terms)
        if sweep == 0 or score > best:
            best_N, best, best_sweep = labels_N, score, sweep
        if sweep == stage.sweeps - 1:
            break
        added = np.uint32(salt(number, sweep, stage.parts, start))
        part_N = hashed(level.name_N.astype(np.uint32) + added)
        active_N = (part_N >> np.uint32(16)) % np.uint32(stage.parts) == sweep % stage.parts
        moved_N, labels_to = _moves(level, labels_N, sums, active_N, terms)
        quiet = quiet + 1 if len(moved_N) == 0 else 0
        if len(moved_N):
            labels_N = labels_N.copy()
            labels_N[moved_N] = labels_to
    return best_N, best, stage.sweeps


def _score(level: _Level, labels_N: Int64, terms: _Terms) -> tuple[int, Int64]:
    """Return the score of a snapshot and the strength of every community, by its name."""
    sums = _summed(labels_N, level.strength_N, terms.nodes)
    inside_E = labels_N[level.row_E] == labels_N[level.col_E]
    inner = level.inner + int(level.weight_E[inside_E].sum())
    return terms.null * inner - int((sums * sums).sum()), sums


def _moves(
    level: _Level, labels_N: Int64, sums: Int64, active_N: Bool, terms: _Terms
) -> tuple[Int64, Int64]:
    """Return the nodes that move and the labels they move to, all from one snapshot."""
    active_E = active_N[level.row_E]
    node_P, label_P, weight_P = _pairs(
        level.row_E[active_E], labels_N[level.col_E[active_E]], level.weight_E[active_E]
    )
    own_P = label_P == labels_N[node_P]
    stay_N = level.strength_N * (level.strength_N - sums[labels_N])
    stay_N[node_P[own_P]] += terms.null * weight_P[own_P]
    other_P = ~own_P & (weight_P > 0)
    node_P, label_P, weight_P = node_P[other_P], label_P[other_P], weight_P[other_P]
    if len(node_P) == 0:
        return node_P, label_P
    value_P = terms.null * weight_P - level.strength_N[node_P] * sums[label_P]
    first = np.flatnonzero(np.diff(node_P, prepend=-1))
    best = np.maximum.reduceat(value_P, first)
    beaten_P = value_P < np.repeat(best, np.diff(first, append=len(node_P)))
    to = np.minimum.reduceat(np.where(beaten_P, terms.nodes, label_P), first)
    node = node_P[first]
    own = labels_N[node]
    sizes = np.bincount(labels_N, minlength=terms.nodes)
    swap = (sizes[own] == 1) & (sizes[to] == 1) & (to > own)
    moves = (best > stay_N[node]) & ~swap
    return node[moves], to[moves]


def _aggregated(level: _Level, labels_N: Int64, terms: _Terms) -> tuple[_Level, Int64]:
    """Return the graph of the communities, and the community's place for every node."""
    used = np.zeros(terms.nodes, np.bool_)
    used[labels_N] = True
    group_N = (np.cumsum(used) - 1)[labels_N]
    row_E, col_E = group_N[level.row_E], group_N[level.col_E]
    across_E = row_E != col_E
    row_P, col_P, weight_P = _pairs(row_E[across_E], col_E[across_E], level.weight_E[across_E])
    coarse = _Level(
        row_E=row_P,
        col_E=col_P,
        weight_E=weight_P,
        strength_N=_summed(group_N, level.strength_N, int(np.count_nonzero(used))),
        name_N=np.flatnonzero(used),
        inner=level.inner + int(level.weight_E[~across_E].sum()),
    )
    return coarse, group_N


def _pairs(row_E: Int64, label_E: Int64, weight_E: Int64) -> tuple[Int64, Int64, Int64]:
    """Sum the weights of equal pairs of row and label; pairs come out in ascending order.

    Sorting one packed integer an edge is several times faster than sorting by two keys.
    """
    packed_E = (row_E << 45) | (label_E << TOTAL_BITS) | weight_E
    packed_E.sort()
    pair_E = packed_E >> TOTAL_BITS
    first = np.flatnonzero(np.diff(pair_E, prepend=-1))
    pair_P = pair_E[first]
    weight_P = packed_E & ((1 << TOTAL_BITS) - 1)
    if len(first):
        weight_P = np.add.reduceat(weight_P, first)
    return pair_P >> 17, pair_P & (MAX_NODES - 1), weight_P


def _summed(label_N: Int64, value_N: Int64, labels: int) -> Int64:
    """Sum of the values of each label: exact, as float64 holds every integer below 2**53."""
    return np.bincount(label_N, weights=value_N, minlength=labels).astype(np.int64)


def _numbered(labels_N: Int64) -> Int32:
    """Number labels from 0 in the order of their first nodes."""
    _, first_K, label_N = np.unique(labels_N, return_index=True, return_inverse=True)
    number_K = np.empty(len(first_K), np.int32)
    number_K[np.argsort(first_K)] = np.arange(len(first_K), dtype=np.int32)
    answer_N: Int32 = number_K[label_N]
    return answer_N
