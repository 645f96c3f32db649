"""Materials of a simulated specimen: a texture with a brightness and a contrast.

The materials of one specimen must be told apart by what a microscopist would call a
difference, and by nothing less: each differs from the first either in everything, or in one
property by a step that noise at a fair dose does not hide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scopeside.pretraining.textures import PERIODIC, Kind, Texture


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Brightness and contrast are relative to the mean of the specimen, which is 1."""

    texture: Texture
    brightness: float
    contrast: float
    shading: float = 0.0
    """How far brightness changes from the rim of a region to its middle, as over a particle that
    is thicker there: a share of the step to the material that is nearest in brightness."""


SHARES = {
    "anything": 0.32,
    "brightness": 0.27,
    "weight": 0.06,
    "contrast": 0.08,
    "period": 0.09,
    "order": 0.09,
    "kind": 0.09,
}
"""How often a further material differs from the first in what. One of another weight (heavier
elements, an edge that charges) is so bright or dark that all others lie close together."""

OFTEN: dict[Kind, float] = {
    "lattice": 0.18,
    "moire": 0.03,
    "columns": 0.07,
    "speckle": 0.15,
    "cloud": 0.09,
    "grit": 0.07,
    "fibres": 0.04,
    "maze": 0.03,
    "cells": 0.08,
    "vesicles": 0.05,
    "spots": 0.05,
    "mixture": 0.04,
    "lamellae": 0.05,
    "pores": 0.04,
    "plain": 0.03,
}
"""How often a texture is of which kind: lattices and speckle are the commonest."""

PERIODS_PX: dict[Kind, tuple[float, float]] = {
    "columns": (6.0, 36.0),
    "cells": (9.0, 40.0),
    "vesicles": (9.0, 36.0),
    "spots": (7.0, 32.0),
    "mixture": (5.0, 24.0),
    "pores": (5.0, 24.0),
    "plain": (16.0, 40.0),
}
ANY_PERIOD_PX = (3.2, 26.0)
LONGEST_PX = 40.0
SHADED = 0.3
"""How often a material is shaded."""
GRAINY = frozenset({"cells", "vesicles", "spots", "mixture", "lamellae"})
"""Kinds whose parts are often of a fine grain themselves."""
FAINT = 0.03
"""Contrast of a plain material, whose brightness is all that it shows."""


def specimen_materials(random: np.random.Generator, *, count: int) -> list[Material]:
    """Return `count` materials of one specimen, each unlike the first."""
    first = any_material(random)
    others: list[Material] = []
    steps = iter(random.permutation(np.array([-2.0, -1.0, 1.0, 2.0])))
    for _ in range(count - 1):
        what = str(random.choice(list(SHARES), p=list(SHARES.values())))
        others.append(_unlike(first, what, float(next(steps)), random))
    return [first, *others]


def any_material(random: np.random.Generator) -> Material:
    """Return a material of any kind."""
    texture = any_texture(random)
    contrast = float(10.0 ** random.uniform(-1.7, -0.45))
    return Material(
        texture=texture,
        brightness=float(np.exp(random.normal(0.0, 0.25))),
        contrast=FAINT if texture.kind == "plain" else contrast,
        shading=float(random.uniform(0.1, 0.5)) if random.random() < SHADED else 0.0,
    )


def any_texture(random: np.random.Generator) -> Texture:
    """Return a texture of any kind."""
    kind = list(OFTEN)[int(random.choice(len(OFTEN), p=list(OFTEN.values())))]
    least_px, most_px = PERIODS_PX.get(kind, ANY_PERIOD_PX)
    period_px = float(np.exp(random.uniform(np.log(least_px), np.log(most_px))))
    order = 1.0
    if (kind in PERIODIC or kind in GRAINY) and random.random() < 0.5:
        order = float(random.uniform(0.45 if kind in PERIODIC else 0.7, 1.0))
    return Texture(
        kind=kind,
        period_px=period_px,
        shape=float(random.random()),
        angle=float(random.uniform(0.0, np.pi)),
        order=order,
        strain_px=float(random.uniform(0.0, 0.25)) * period_px,
        bending=float(random.uniform(0.0, 0.45)),
        sharpness=float(random.random()) if random.random() < 0.5 else 0.0,
    )


def _unlike(first: Material, what: str, step: float, random: np.random.Generator) -> Material:
    """Return a material that differs from `first` in `what`; `step` keeps others apart too."""
    texture, sign = first.texture, np.sign(step)
    size = abs(step) * random.uniform(0.8, 1.4)
    if texture.kind == "plain" and what in {"contrast", "period"}:
        what = "brightness"  # the rest hardly shows
    if what == "weight":
        return replace(
            any_material(random),
            brightness=max(0.05, first.brightness * float(np.exp(sign * min(1.2, 0.75 * size)))),
        )
    if what == "brightness":
        # Against its own contrast, so that a chip's mean tells the two apart.
        change = sign * size * max(0.06, 0.5 * first.contrast)
        return replace(first, brightness=max(0.05, first.brightness * (1.0 + change)))
    if what == "contrast":
        return replace(first, contrast=min(0.5, first.contrast * 1.9 ** (sign * size)))
    if what == "period":
        finer = sign if texture.period_px * 1.45 ** (sign * size) <= LONGEST_PX else -1.0
        period_px = max(2.6, float(texture.period_px * 1.45 ** (finer * size)))
        return replace(first, texture=replace(texture, period_px=period_px))
    if what == "order" and texture.kind in PERIODIC:
        speckle = replace(texture, kind="speckle", shape=float(random.random()), order=1.0)
        disordered = replace(texture, order=texture.order * 0.3)
        return replace(first, texture=speckle if abs(step) > 1 else disordered)
    other = any_texture(random)
    while what == "kind" and other.kind == texture.kind:
        other = any_texture(random)
    if what in {"kind", "order"}:
        contrast = FAINT if other.kind == "plain" else max(first.contrast, FAINT)
        period_px = float(np.clip(texture.period_px, *PERIODS_PX.get(other.kind, ANY_PERIOD_PX)))
        return replace(first, texture=replace(other, period_px=period_px), contrast=contrast)
    return any_material(random)
