"""What has changed from one report to another, beyond the noise between their repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.stats import fisher_exact

from scopeside.bench import rates
from scopeside.bench.ledger import RESPONSE
from scopeside.bench.statistic import ALPHA, Ratio, holm, ratio
from scopeside.errors import InputFileError
from scopeside.setting_keys import flatten

Verdict = Literal["worse", "better", "same within noise"]

LEAST_S = 1e-6
"""Shortest duration that the histograms tell from none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of both reports, repeat by repeat; only `gates` can fail a build."""

    name: str
    unit: str
    scale: float
    a: tuple[float, ...]
    b: tuple[float, ...]
    more_is_better: bool = False
    gates: bool = False
    least: float = LEAST_S
    resolution: float = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure with its ratio, the corrected probability, and what follows."""

    figure: Figure
    ratio: Ratio
    probability: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Frames without a result at the steady load, in all repeats together."""

    lost: int
    offered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that can be said of two reports."""

    differences: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    changes: tuple[Change, ...]
    losses: tuple[Loss | None, Loss | None]
    """At the steady load, of A and of B; None where there was no such load."""

    @property
    def problems(self) -> list[str]:
        """Why B is worse than A; none where it is not."""
        found = [
            f"{change.figure.name} is {change.ratio.estimate:.3g} times what it was"
            for change in self.changes
            if change.figure.gates and change.verdict == "worse"
        ]
        a, b = self.losses
        if a is not None and b is None:
            found.append("B has no steady load, since no rate held: its latency is unknown")
        if b is not None and more_lost(a or Loss(lost=0, offered=b.offered), b):
            before = (
                f"{a.lost} of {a.offered} before" if a is not None and a.lost else "none before"
            )
            found.append(f"{b.lost} of {b.offered} frames were lost at the steady load, {before}")
        return found


def compare(a: Mapping[str, Any], b: Mapping[str, Any], *, least_change: float) -> Comparison:
    """Compare two reports; a change of less than `least_change` (a share) is never a verdict.

    Raises InputFileError where one of them has fewer than two repeats: one tells no noise.
    """
    for report in (a, b):
        if len(report["repeats"]) < 2:
            raise InputFileError(
                "A report of one repeat says nothing of noise: measure with bench.repeats of 2 or"
                " more (5 are better)."
            )
    figures = list(_figures(a, b))
    changes: list[Change] = []
    for gates in (True, False):
        group = [figure for figure in figures if figure.gates is gates]
        ratios = [ratio(one.a, one.b, least=one.least, resolution=one.resolution) for one in group]
        corrected = holm([one.probability for one in ratios])
        changes += [
            Change(
                figure=figure,
                ratio=found,
                probability=probability,
                verdict=_verdict(figure, found, probability, least_change),
            )
            for figure, found, probability in zip(group, ratios, corrected, strict=True)
        ]
    return Comparison(
        differences=tuple(differences(a, b)),
        notes=tuple(_notes(a, b)),
        changes=tuple(changes),
        losses=(_loss(a), _loss(b)),
    )


def more_lost(a: Loss, b: Loss) -> bool:
    """Whether B lost frames where A lost none, or a larger share than chance alone would have it.

    Fisher's exact test, one-sided (R. A. Fisher, Journal of the Royal Statistical Society 85,
    1922). Frames are lost several at a time, so that it alarms too soon rather than too late.
    """
    if not a.lost:
        return b.lost > 0
    table = [[b.lost, b.offered - b.lost], [a.lost, a.offered - a.lost]]
    return float(fisher_exact(table, alternative="greater").pvalue) < ALPHA


def _verdict(figure: Figure, found: Ratio, probability: float, least_change: float) -> Verdict:
    small = 1.0 / (1.0 + least_change) < found.estimate < 1.0 + least_change
    if probability >= ALPHA or small:
        return "same within noise"
    return "better" if (found.estimate > 1.0) == figure.more_is_better else "worse"


def _figures(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Figure]:
    yield Figure(
        name="highest rate",
        unit="Hz",
        scale=1.0,
        a=tuple(a["summary"]["best_hz"]["each"]),
        b=tuple(b["summary"]["best_hz"]["each"]),
        more_is_better=True,
        gates=True,
        least=rates.LEAST_HZ,
        resolution=rates.STEP - 1.0,
    )
    yield from _sweep_figures(a, b)
    yield from _steady_figures(a["summary"]["steady"], b["summary"]["steady"])


def _steady_figures(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Iterator[Figure]:
    """Response at the steady loads, and at equal ones where it comes from and what it takes."""
    # A repeat that gave no result at the steady load has no latencies.
    if a is None or b is None or min(len(one["memory_bytes"]["each"]) for one in (a, b)) < 2:
        return
    equal = a["rate_hz"] == b["rate_hz"]
    if equal:
        for key, name, unit, scale in (
            ("cpu_s_per_frame", "CPU a frame", "ms", 1e3),
            ("memory_bytes", "most memory", "MiB", 2.0**-20),
        ):
            each_a, each_b = tuple(a[key]["each"]), tuple(b[key]["each"])
            yield Figure(name=name, unit=unit, scale=scale, a=each_a, b=each_b, gates=True)
    for part in ("latency", "stages"):
        for name, spent in a[part].items():
            other = b[part].get(name)
            if other is None or not (equal or name == RESPONSE):
                continue
            for percent in ("p50", "p99") if part == "latency" else ("p50",):
                where = "" if equal else f", at {a['rate_hz']:g} Hz and {b['rate_hz']:g} Hz"
                yield Figure(
                    name=f"{'stage ' if part == 'stages' else ''}{name}, {percent}{where}",
                    unit="ms",
                    scale=1e3,
                    a=tuple(spent[f"{percent}_s"]["each"]),
                    b=tuple(other[f"{percent}_s"]["each"]),
                    gates=name == RESPONSE,
                )


def _sweep_figures(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Figure]:
    """Response at every rate that two repeats or more of both reports offered in their sweep."""
    first, second = (_responses(report) for report in (a, b))
    for rate_hz in sorted(first.keys() & second.keys()):
        if min(len(first[rate_hz]), len(second[rate_hz])) < 2:
            continue
        for percent in ("p50", "p99"):
            each_a, each_b = (
                tuple(spent[f"{percent}_s"] for spent in found[rate_hz])
                for found in (first, second)
            )
            name = f"response at {rate_hz:g} Hz, {percent}"
            yield Figure(name=name, unit="ms", scale=1e3, a=each_a, b=each_b)


def _responses(report: Mapping[str, Any]) -> dict[float, list[Mapping[str, float]]]:
    found: dict[float, list[Mapping[str, float]]] = {}
    for repeat in report["repeats"]:
        for step in repeat["sweep"]:
            if step["results"]:
                found.setdefault(step["rate_hz"], []).append(step["latency"]["response"])
    return found


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what was not the same: name, in A, in B; of machine, versions, settings, frames."""
    for part in ("machine", "versions", "provenance"):
        first, second = (flatten(report["environment"][part] or {}) for report in (a, b))
        yield from _unequal(first, second, leave=("busy_before", "config"))
    first, second = (flatten(report["environment"]["config"]["settings"]) for report in (a, b))
    yield from _unequal(first, second)
    yield from _unequal(a["load"], b["load"])


def _unequal(
    a: Mapping[str, Any], b: Mapping[str, Any], *, leave: Sequence[str] = ()
) -> Iterator[tuple[str, str, str]]:
    for key in dict.fromkeys([*a, *b]):
        if key not in leave and a.get(key) != b.get(key):
            yield key, _shown(a.get(key)), _shown(b.get(key))


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)


def _notes(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    machines = [
        {
            key: value
            for key, value in report["environment"]["machine"].items()
            if key != "busy_before"
        }
        for report in (a, b)
    ]
    if machines[0] != machines[1]:
        yield "The machines are not the same: what differs may be theirs."
    if any(a["load"][key] != b["load"][key] for key in ("name", "kind", "shape", "dtype", "chips")):
        yield "The frames are not the same: what differs may be theirs."
    rates_hz = [
        report["summary"]["steady"] and report["summary"]["steady"]["rate_hz"] for report in (a, b)
    ]
    if rates_hz[0] != rates_hz[1]:
        yield (
            f"Steady loads are {_hz(rates_hz[0])} and {_hz(rates_hz[1])}, so a response that "
            f"differs may be the load's: measure B with --steady {rates_hz[0] or 'HZ'}."
        )
    for name, report in (("A", a), ("B", b)):
        busy = report["environment"]["machine"]["busy_before"]
        if busy is not None and busy > 0.1:
            yield f"Before {name} other programs took {busy:.0%} of the cores."


def _hz(rate_hz: float | None) -> str:
    return "none" if rate_hz is None else f"{rate_hz:g} Hz"


def _loss(report: Mapping[str, Any]) -> Loss | None:
    """Of the repeats themselves: the summary has none of those that gave no result at all."""
    steady = [repeat["steady"] for repeat in report["repeats"] if repeat["steady"] is not None]
    if not steady:
        return None
    return Loss(
        lost=sum(step["lost"] for step in steady), offered=sum(step["offered"] for step in steady)
    )
