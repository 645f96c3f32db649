"""The rules of `reference_louvain` once more, node by node and with Python's own integers."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import floor, frexp

from scopeside.messages import Graph
from scopeside_kernels.reference_louvain import Schedule

Weights = dict[int, dict[int, int]]
"""Of every node its neighbours and the weight to each."""


def slow_louvain(graph: Graph, resolution: float, schedule: Schedule) -> tuple[list[int], int]:
    """Labels from 0 by first nodes, and the score."""
    base = _fixed(graph)
    strength = {i: sum(row.values()) for i, row in base.items()}
    total = sum(strength.values())
    null = floor(Fraction(total) / Fraction(round(resolution * 2**30), 2**30) + Fraction(1, 2))
    label = {i: i for i in base}
    number, score, going = 0, 0, True
    for cycle in schedule:
        if not going:
            break
        weights, name_of, start, inner = base, {i: i for i in base}, dict(label), 0
        strengths = strength
        for place, stage in enumerate(cycle):
            found, score, better = _stage(
                weights, strengths, start, inner, null, stage.sweeps, stage.parts, number + place
            )
            if not better:
                going = place > 0
                break
            name_of = {i: found[name] for i, name in name_of.items()}
            label = dict(name_of)
            weights, strengths, inner = _merged(weights, strengths, found, inner)
            start = {c: c for c in weights}
        number += len(cycle)
    if null * total - total * total > score:
        label, score = dict.fromkeys(label, 0), null * total - total * total
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label[i], len(numbers)) for i in sorted(label)], score


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
    sweeps: int,
    parts: int,
    number: int,
) -> tuple[dict[int, int], int, bool]:
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
            if (_hash(i + (number * 64 + sweep // parts) * 0x9E3779B9) >> 16) % parts == (
                sweep % parts
            ):
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
