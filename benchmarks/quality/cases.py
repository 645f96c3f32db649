"""The cases, each meant for a process of its own: what they measure, as rows for tables.

Label maps go to a folder besides, for the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from harness import Row, significant
from quality import baselines, robustness, streams
from quality.encoders import Remembering, embedded, embedder
from quality.purity import mean_purity
from quality.segmenting import (
    UNJOINED,
    Answer,
    answered,
    iou_at_equal_clustering,
    painted,
    scored,
)
from quality.sets import Labelled, Protocol
from quality.threshold import threshold_answers
from scopeside.stages.resolution import LADDER
from scopeside_kernels.reference import unit_rows

RESOLUTIONS = (*LADDER, 1.5, 2.0)
"""Fixed resolutions that `auto` is compared with: its own ladder, and finer ones."""
BEYOND_FRAMES = 1
"""Frames of each set in the robustness table, which needs nine embeddings a frame."""

AUTO, FIXED = "Scopeside, auto", "Scopeside, best fixed resolution"
PLAIN = "Scopeside, resolution 1"
TUNED = "Scopeside, tuned"
"""Any resolution, communities joined or not: what a random encoder needs to do its best."""
K_MEANS = "k-means of embeddings, true k"
THRESHOLD = "threshold graph"
CANDIDATES = (TUNED, THRESHOLD)
"""Methods with a row for each setting, of which `verdict.chosen` takes the best."""
BOUND = "truth painted by chips"


def labelled(
    protocols: Iterable[Protocol],
    weights: tuple[str, str],
    mode: str,
    folder: Path,
    *,
    frames: int,
    main: bool,
) -> list[Row]:
    """Score everything that starts from one encoder's embeddings; `weights` is name and source.

    The threshold graph is scored on the `main` encoder alone.
    """
    name, source = weights
    one = embedder(source, mode)
    rows = []
    for protocol in protocols:
        found = protocol.frames(frames)
        if not found:
            continue
        answers = _answers(one, protocol, found, main=main, random=name.startswith("random"))
        judged = {
            "purity": mean_purity(one, found, protocol),
            "iou_equal": iou_at_equal_clustering(one, protocol, found),
        }
        one.forget()
        for (method, setting), (told, answer) in answers.items():
            extra = judged if method == AUTO else {}
            rows.append(_row(protocol, method, name, mode, setting, told, answer) | extra)
        _keep(folder, protocol, f"{name} {mode}", {key: each for key, (_, each) in answers.items()})
    return rows


def _answers(
    one: Remembering, protocol: Protocol, frames: list[Labelled], *, main: bool, random: bool
) -> dict[tuple[str, str], tuple[str, Answer]]:
    """By method and setting: what of the truth it was told, and its answer."""
    auto = answered(one, protocol, frames)
    fixed = {
        f"{resolution:g}": answered(one, protocol, frames, f"graph.resolution={resolution}")
        for resolution in RESOLUTIONS
    }
    setting, best = best_of(fixed, "iou_one")
    answers = {
        (AUTO, "auto"): ("", auto),
        (FIXED, setting): ("resolution", best),
        (PLAIN, "1"): ("", fixed["1"]),
        (K_MEANS, f"k = {protocol.k}"): ("k", _k_means(one, protocol, frames)),
    }
    if random:
        unjoined = {
            f"{resolution:g}, unjoined": answered(
                one, protocol, frames, f"graph.resolution={resolution}", UNJOINED
            )
            for resolution in RESOLUTIONS
        }
        for setting, answer in ({"auto": auto} | fixed | unjoined).items():
            answers[TUNED, setting] = ("", answer)
    if main:
        for setting, answer in threshold_answers(one, protocol, frames).items():
            answers[THRESHOLD, setting] = ("", answer)
    return answers


def _k_means(one: Remembering, protocol: Protocol, frames: list[Labelled]) -> Answer:
    labels = []
    for frame in frames:
        embeddings_ND, grid = embedded(one, frame.image_YX, protocol)
        unit_ND = unit_rows(embeddings_ND, centred=True)
        labels.append(painted(baselines.k_means(unit_ND, protocol.k), grid))
    return scored(labels, frames, protocol)


def features(protocols: Iterable[Protocol], folder: Path, *, frames: int) -> list[Row]:
    """Score the methods without an encoder, and the bound of all methods of chips."""
    rows = []
    for protocol in protocols:
        found = protocol.frames(frames)
        if not found:
            continue
        kept = {(BOUND, ""): baselines.bound(protocol, found)}
        rows.append(_row(protocol, BOUND, "", "", "", "all", kept[BOUND, ""]))
        for feature in baselines.FEATURES:
            both = baselines.feature_answers(protocol, found, feature)
            for told, tried in zip(("k", ""), both, strict=True):
                setting, best = best_of(tried, "iou_many")
                method = f"k-means of {feature}{', true k' if told else ''}"
                rows.append(_row(protocol, method, "", "", setting, told, best))
                kept[method, setting] = best
        _keep(folder, protocol, "features", kept)
    return rows


def exposures(protocols: Iterable[Protocol], weights: tuple[str, str], mode: str) -> list[Row]:
    """Agreement of label maps of the same scene recorded otherwise."""
    name, source = weights
    one = embedder(source, mode)
    rows = []
    for protocol in protocols:
        for frame in protocol.frames(BEYOND_FRAMES):
            found = robustness.agreement(one, protocol, frame)
            rounded = {key: significant(value) for key, value in found.items()}
            rows.append({"set": protocol.name, "weights": name, "mode": mode} | rounded)
            one.forget()
    return rows


def recorded(weights: tuple[str, str], mode: str, *, most: int | None) -> list[Row]:
    """Whether ids and label maps last along the streams."""
    name, source = weights
    one = embedder(source, mode)
    rows = []
    for stream in streams.STREAMS:
        found = streams.run(one, stream, most)
        one.forget()
        if found is not None:
            rounded = {
                key: significant(value, 4) if isinstance(value, float) else value
                for key, value in found.items()
            }
            rows.append({"stream": stream.name, "weights": name, "mode": mode} | rounded)
    return rows


def best_of(answers: Mapping[str, Answer], name: str) -> tuple[str, Answer]:
    """Return the setting of the highest score over the set; the first of equals."""
    setting = max(answers, key=lambda one: getattr(answers[one].scores, name))
    return setting, answers[setting]


def _row(
    protocol: Protocol,
    method: str,
    weights: str,
    mode: str,
    setting: str,
    told: str,
    answer: Answer,
) -> Row:
    scores = {name: significant(value) for name, value in asdict(answer.scores).items()}
    head: Row = {"set": protocol.name, "method": method, "weights": weights, "mode": mode}
    return head | {"setting": setting, "told": told} | scores


def maps_file(folder: Path, protocol: Protocol, case: str) -> Path:
    """Where a case's label maps of a set are: arrays named `METHOD|SETTING|FRAME`."""
    return folder / "maps" / protocol.name / f"{case.replace('/', '_')}.npz"


def _keep(
    folder: Path, protocol: Protocol, case: str, answers: Mapping[tuple[str, str], Answer]
) -> None:
    arrays = {
        f"{method}|{setting}|{number}": labels_YX
        for (method, setting), answer in answers.items()
        for number, labels_YX in enumerate(answer.labels)
    }
    path = maps_file(folder, protocol, case)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)
