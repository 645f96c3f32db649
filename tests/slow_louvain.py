"""The rules of `reference_louvain` once more, node by node and with Python's own integers."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import floor, frexp

from scopeside.messages import Graph
from scopeside_kernels.reference_louvain import Schedule, Stage

Weights = dict[int, dict[int, int]]
"""Of every node its neighbours and the weight to each."""


def slow_louvain(
    graph: Graph, resolution: float, schedule: Schedule, starts: int
) -> tuple[list[int], int]:
    """Labels from 0 by first nodes, and the score."""
    base = _fixed(graph)
    strength = {i: sum(row.values()) for i, row in base.items()}
    total = sum(strength.values())
    null = floor(Fraction(total) / Fraction(round(resolution * 2**30), 2**30) + Fraction(1, 2))
    labels = [{i: i for i in base} for _ in range(starts)]
    scores = [0] * starts
    number = 0
    for cycle in schedule:
        seen = [dict(label) for label in labels]
        for a in range(starts):
            beside = seen[(a + 1) % starts]
            labels[a], scores[a] = _cycle(
                base, strength, labels[a], beside, scores[a], null, cycle, number, a
            )
        number += len(cycle)
    score = max(scores)
    label = labels[scores.index(score)]
    if null * total - total * total > score:
        label, score = dict.fromkeys(label, 0), null * total - total * total
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label[i], len(numbers)) for i in sorted(label)], score


def _cycle(
    base: Weights,
    strength: dict[int, int],
    label: dict[int, int],
    beside: dict[int, int],
    score: int,
    null: int,
    cycle: tuple[Stage, ...],
    number: int,
    a: int,
) -> tuple[dict[int, int], int]:
    """Labels and score of one start after one cycle."""
    weights, name_of, start, inner = base, {i: i for i in base}, label, 0
    apart = False
    for place, stage in enumerate(cycle):
        seen = weights
        if stage.within:
            start = {i: i for i in base}
            seen = {
                i: {j: w for j, w in row.items() if (label[i], beside[i]) == (label[j], beside[j])}
                for i, row in base.items()
            }
        salted = (number + place) * 64, a
        found, reached, better = _stage(seen, strength, start, inner, null, stage, salted)
        if not stage.within:
            score = reached
        if not better and not apart:
            break
        name_of = {i: found[name] for i, name in name_of.items()}
        weights, strength, inner = _merged(weights, strength, found, inner)
        if stage.within:
            start = {name_of[i]: label[i] for i in base}
        else:
            label, start = dict(name_of), {c: c for c in weights}
        apart = stage.within
    return label, score


def _fixed(graph: Graph) -> Weights:
    edges = len(graph.neighbours_E)
    values = [1.0] * edges if graph.weights_E is None else [float(w) for w in graph.weights_E]
    exponent = max(frexp(max(values))[1], -126) if edges and max(values) else -126
    scale = Fraction(2) ** (28 - edges.bit_length() - exponent)
    return {
        i: {
            int(graph.neighbours_E[e]): floor(Fraction(values[e]) * scale + Fraction(1, 2))
            for e in range(graph.offsets[i], graph.offsets[i + 1])
        }
        for i in range(graph.nodes)
    }


def _stage(
    weights: Weights,
    strength: dict[int, int],
    start: dict[int, int],
    inner: int,
    null: int,
    stage: Stage,
    salted: tuple[int, int],
) -> tuple[dict[int, int], int, bool]:
    sweeps, parts = stage.sweeps, stage.parts
    label, best, best_sweep, best_score, moved = start, start, 0, 0, [1]
    for sweep in range(sweeps):
        if sweep % parts == 0 and sum(moved[-parts:]) == 0:
            break
        if sweep - 1 - best_sweep >= 2 * parts:
            break
        sums: dict[int, int] = defaultdict(int)
        sizes: dict[int, int] = defaultdict(int)
        for i, c in label.items():
            sums[c] += strength[i]
            sizes[c] += 1
        inside = sum(w for i in weights for j, w in weights[i].items() if label[i] == label[j])
        score = null * (inner + inside) - sum(s * s for s in sums.values())
        if sweep == 0 or score > best_score:
            best, best_sweep, best_score = label, sweep, score
        if sweep == sweeps - 1:
            break
        after = dict(label)
        for i in weights:
            salt = (salted[0] + sweep // parts) * 0x9E3779B9 + salted[1] * 0x1B873593
            if (_hash(i + salt) >> 16) % parts == sweep % parts:
                after[i] = _choice(i, weights[i], strength[i], label, sums, sizes, null)
        moved.append(sum(after[i] != label[i] for i in label))
        label = after
    return best, best_score, best_sweep > 0


def _choice(
    node: int,
    row: dict[int, int],
    strength: int,
    label: dict[int, int],
    sums: dict[int, int],
    sizes: dict[int, int],
    null: int,
) -> int:
    joint: dict[int, int] = defaultdict(int)
    for j, w in row.items():
        joint[label[j]] += w
    own = label[node]
    stay = null * joint.pop(own, 0) - strength * (sums[own] - strength)
    values = {c: null * w - strength * sums[c] for c, w in joint.items() if w > 0}
    if not values or max(values.values()) <= stay:
        return own
    to = min(c for c, value in values.items() if value == max(values.values()))
    return own if sizes[own] == sizes[to] == 1 and to > own else to


def _merged(
    weights: Weights, strength: dict[int, int], label: dict[int, int], inner: int
) -> tuple[Weights, dict[int, int], int]:
    merged: Weights = {c: defaultdict(int) for c in sorted(set(label.values()))}
    strengths: dict[int, int] = defaultdict(int)
    for i, row in weights.items():
        strengths[label[i]] += strength[i]
        for j, w in row.items():
            if label[i] == label[j]:
                inner += w
            else:
                merged[label[i]][label[j]] += w
    return merged, strengths, inner


def _hash(value: int) -> int:
    x = value & 0xFFFFFFFF
    x ^= x >> 16
    x = x * 0x7FEB352D & 0xFFFFFFFF
    x ^= x >> 15
    x = x * 0x846CA68B & 0xFFFFFFFF
    return x ^ (x >> 16)
