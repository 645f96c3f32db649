"""What the exposure does to the label map of a scene that is the same.

A scene is exposed at `MEAN_COUNTS` electrons a pixel with shot noise (a recorded frame stands for
its scene, the noise it holds already included); then anew at the same and at lower doses, and the
first exposure is changed as a detector, an operator or a scan rotation would. Agreement is the
adjusted Rand index of the two label maps, each made as the first frame of a series.

Shapes: Y, X frame pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from quality.segmenting import segmentations
from quality.sets import Labelled, Protocol
from scopeside.evaluation import adjusted_rand_index, contingency
from scopeside.messages import Array, Float32
from scopeside.ports import Embedder

MEAN_COUNTS = 400.0
"""Electrons a pixel at full dose, as in the simulated film: 5 % shot noise."""

Change = Callable[[Array], Array]


def same(values_YX: Array) -> Array:
    return values_YX


def gain(values_YX: Array) -> Array:
    return values_YX * np.float32(2.5)


def offset(values_YX: Array) -> Array:
    return values_YX + np.float32(0.5) * values_YX.mean(dtype=np.float32)


def inverted(values_YX: Array) -> Array:
    return values_YX.max() + values_YX.min() - values_YX


def turned(values_YX: Array) -> Array:
    return np.rot90(values_YX)


def turned_back(labels_YX: Array) -> Array:
    return np.rot90(labels_YX, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another record of a scene: `dose` draws new noise, `change` acts on the first exposure."""

    dose: float | None = None
    change: Change = same
    back: Change = same


VARIANTS: Mapping[str, Variant] = {
    "same dose": Variant(dose=1.0),
    "1/2 dose": Variant(dose=0.5),
    "1/4 dose": Variant(dose=0.25),
    "1/10 dose": Variant(dose=0.1),
    "gain": Variant(change=gain),
    "offset": Variant(change=offset),
    "90 degrees": Variant(change=turned, back=turned_back),
    "inverted": Variant(change=inverted),
}


def exposed(image_YX: Array, *, dose: float, seed: int) -> Float32:
    """Return counts drawn for `image_YX`, whose mean becomes `MEAN_COUNTS * dose`.

    Values below zero count as zero; an empty frame stays empty.
    """
    bright_YX = np.maximum(np.asarray(image_YX, dtype=np.float64), 0.0)
    mean = bright_YX.mean()
    if mean == 0:
        return np.zeros(bright_YX.shape, np.float32)
    counts_YX = np.random.default_rng((7, seed)).poisson(bright_YX * (MEAN_COUNTS * dose / mean))
    return counts_YX.astype(np.float32)


def records(frame: Labelled) -> dict[str, Array]:
    """Return the first exposure under the name `first`, and every variant's."""

    def expose(dose: float, seed: int) -> Array:
        if frame.expose is not None:
            return np.asarray(frame.expose(dose, seed), dtype=np.float32)
        return exposed(frame.image_YX, dose=dose, seed=seed)

    first_YX = expose(1.0, 0)
    found: dict[str, Array] = {"first": first_YX}
    for seed, (name, variant) in enumerate(VARIANTS.items(), start=1):
        source_YX = first_YX if variant.dose is None else expose(variant.dose, seed)
        found[name] = np.ascontiguousarray(variant.change(source_YX))
    return found


def agreement(embedder: Embedder, protocol: Protocol, frame: Labelled) -> dict[str, float]:
    """Return every variant's agreement with the first exposure, and its communities."""
    named = records(frame)
    found = segmentations(embedder, protocol, list(named.values()))
    maps = {name: each.label_map.labels_YX for name, each in zip(named, found, strict=True)}
    answer = {"communities": float(len(np.unique(maps["first"])))}
    for name, variant in VARIANTS.items():
        table = contingency(variant.back(maps[name]), maps["first"])
        answer[name] = adjusted_rand_index(table)
    return answer
