"""The aims, from the rows of all cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness import Report, Row
from quality.cases import AUTO, BOUND, CANDIDATES, FIXED, PLAIN, TUNED
from quality.sets import PROTOCOLS

REAL = tuple(one.name for one in PROTOCOLS if one.real)
AIMED = tuple(one.name for one in PROTOCOLS if one.aimed)
SIMULATED = tuple(one.name for one in PROTOCOLS if one.aimed and not one.real)

ABOVE_RANDOM = 0.06
WITHIN = 0.05
"""One-to-one mean IoU that `auto` may lie below the best fixed resolution, and must lie above
resolution 1 on average (every set has few phases)."""


def chosen(rows: Sequence[Row]) -> list[Row]:
    """Take of each candidate method two settings by their one-to-one score, and drop the rest.

    One setting for all sets, by the mean over the real ones (of all where none is real): a method
    may be tuned once, as ours was. And the best for each set, which has to be told the truth. Many
    to one would choose whichever setting leaves most dust.
    """
    answer = [row for row in rows if row["method"] not in CANDIDATES]
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["method"] in CANDIDATES:
            groups.setdefault((row["method"], row["weights"], row["mode"]), []).append(row)
    for members in groups.values():
        judged = [row for row in members if row["set"] in REAL] or members
        scores: dict[str, list[float]] = {}
        for row in judged:
            scores.setdefault(row["setting"], []).append(row["iou_one"])
        setting = max(scores, key=lambda one: float(np.mean(scores[one])))
        answer += [row for row in members if row["setting"] == setting]
        for name in dict.fromkeys(row["set"] for row in members):
            own = [row for row in members if row["set"] == name]
            answer.append(max(own, key=lambda row: float(row["iou_one"])) | {"told": "setting"})
    return answer


def judge_labelled(report: Report, rows: Sequence[Row], weights: str, mode: str) -> None:
    """Add the aims about label maps of the encoder `weights` in `mode`."""
    of = f"{weights}, {mode} mode"
    own = _by_set(rows, lambda row: _is(row, AUTO, weights, mode))
    random = _best_random(rows)
    real = [name for name in REAL if name in own]
    if real and random and not weights.startswith("random"):
        gains = [own[name]["iou_equal"] - random[name]["iou_equal"] for name in real]
        what = f"many-to-one mean IoU over random initialisation at equal clustering, {of}"
        report.aim(f"{what}, least of the real sets", "above", 0.0, "", min(gains))
        report.aim(f"{what}, mean", "at least", ABOVE_RANDOM, "", float(np.mean(gains)))
    if real:
        margins = [own[name]["iou_many"] - _best_untold(rows, name) for name in real]
        what = f"many-to-one mean IoU over the best baseline that is not told the truth, {of}"
        report.aim(f"{what}, least of the real sets", "above", 0.0, "", min(margins))
        report.aim(f"{what}, mean", "above", 0.0, "", float(np.mean(margins)))
    for name in SIMULATED:
        if name in own:
            what = f"many-to-one mean IoU, {name}, {of}"
            report.aim(what, "at least", 0.95, "", own[name]["iou_many"])
    fixed = _by_set(rows, lambda row: _is(row, FIXED, weights, mode))
    plain = _by_set(rows, lambda row: _is(row, PLAIN, weights, mode))
    aimed = [name for name in AIMED if name in own]
    if aimed:
        short = [fixed[name]["iou_one"] - own[name]["iou_one"] for name in aimed]
        what = f"one-to-one mean IoU of the best fixed resolution over auto's, {of}"
        report.aim(f"{what}, most of all sets", "at most", WITHIN, "", max(short))
        gained = [own[name]["iou_one"] - plain[name]["iou_one"] for name in aimed]
        what = f"one-to-one mean IoU of auto over resolution 1's, {of}, mean"
        report.aim(what, "above", WITHIN, "", float(np.mean(gained)))


def judge_exposures(report: Report, rows: Sequence[Row], weights: str, mode: str) -> None:
    own = [row for row in rows if (row["weights"], row["mode"]) == (weights, mode)]
    for kind, names in (("simulated", SIMULATED), ("real", REAL)):
        values = [row["same dose"] for row in own if row["set"] in names]
        if values:
            what = f"agreement (ARI) under fresh noise, {kind} frames, {weights}, {mode} mode, mean"
            report.aim(what, "at least", 0.9, "", float(np.mean(values)))


def judge_streams(report: Report, rows: Sequence[Row], weights: str, mode: str) -> None:
    for row in rows:
        if row["still"] and (row["weights"], row["mode"]) == (weights, mode):
            what = f"frames that keep their ids, {row['stream']}, {weights}, {mode} mode"
            report.aim(what, "at least", 99.0, "%", 100.0 * row["ids_constant"])


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return each method's means over the real sets, best many-to-one score first."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        if row["set"] in REAL:
            key = (row["method"], row["weights"], row["mode"], row["told"])
            groups.setdefault(key, []).append(row)
    answer = [
        {"method": method, "weights": weights, "mode": mode, "told": told, "sets": len(members)}
        | {
            name: round(float(np.mean([row[name] for row in members])), 3)
            for name in ("ari", "iou_many", "iou_one", "boundary_f", "communities")
        }
        for (method, weights, mode, told), members in groups.items()
    ]
    return sorted(answer, key=lambda row: -row["iou_many"])


def encoders(rows: Sequence[Row]) -> list[Row]:
    """Return what judges encoders alone, a row for each set, a pair of columns for each encoder."""
    answer: dict[str, Row] = {}
    for row in rows:
        if row["method"] == AUTO:
            line = answer.setdefault(row["set"], {"set": row["set"]})
            for name in ("purity", "iou_equal"):
                value = row[name]
                of = f"{name}, {row['weights']}, {row['mode']}"
                line[of] = None if value is None else round(value, 3)
    return list(answer.values())


def untold(rows: Sequence[Row], name: str) -> list[Row]:
    """Return the baselines on a set that are told nothing of its truth."""
    ours = {AUTO, FIXED, PLAIN, BOUND}
    return [
        row for row in rows if row["set"] == name and not row["told"] and row["method"] not in ours
    ]


def _best_untold(rows: Sequence[Row], name: str) -> float:
    return max((row["iou_many"] for row in untold(rows, name)), default=0.0)


def _best_random(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the rows by set of the best random initialisation, by mean over the real sets."""
    names = {row["weights"] for row in rows if row["method"] == TUNED}

    def found(weights: str) -> dict[str, Row]:
        return _by_set(rows, lambda row: _is(row, AUTO, weights, "chips"))

    def mean(weights: str) -> float:
        of_real = [row["iou_equal"] for name, row in found(weights).items() if name in REAL]
        return float(np.mean(of_real)) if of_real else 0.0

    return found(max(sorted(names), key=mean)) if names else {}


def _by_set(rows: Sequence[Row], chosen: Callable[[Row], bool]) -> dict[str, Row]:
    return {row["set"]: row for row in rows if chosen(row)}


def _is(row: Row, method: str, weights: str, mode: str) -> bool:
    return (row["method"], row["weights"], row["mode"]) == (method, weights, mode)
