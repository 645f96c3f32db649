"""Materials of a simulated specimen: a texture with a brightness and a contrast.

The materials of one specimen must be told apart by what a microscopist would call a
difference, and by nothing less: each differs from the first either in everything, or in one
property by a step that noise at a fair dose does not hide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scopeside.pretraining.textures import KINDS, Texture


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Brightness and contrast are relative to the mean of the specimen, which is 1."""

    texture: Texture
    brightness: float
    contrast: float


SHARES = {
    "anything": 0.35,
    "brightness": 0.3,
    "contrast": 0.08,
    "period": 0.09,
    "order": 0.09,
    "kind": 0.09,
}
"""How often a further material differs from the first in what."""


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
    return Material(
        texture=any_texture(random),
        brightness=float(np.exp(random.normal(0.0, 0.25))),
        contrast=float(10.0 ** random.uniform(-1.7, -0.45)),
    )


def any_texture(random: np.random.Generator) -> Texture:
    """Return a texture of any kind; lattices and speckle, the commonest, come most often."""
    kind = KINDS[int(random.choice(len(KINDS), p=(0.28, 0.06, 0.2, 0.16, 0.14, 0.08, 0.08)))]
    period_px = float(np.exp(random.uniform(np.log(3.2), np.log(26.0))))
    disordered = kind in {"lattice", "moire"} and random.random() < 0.5
    return Texture(
        kind=kind,
        period_px=period_px,
        shape=float(random.random()),
        angle=float(random.uniform(0.0, np.pi)),
        order=float(random.uniform(0.45, 1.0)) if disordered else 1.0,
        strain_px=float(random.uniform(0.0, 0.25)) * period_px,
        bending=float(random.uniform(0.0, 0.45)),
        sharpness=float(random.random()) if random.random() < 0.5 else 0.0,
    )


def _unlike(first: Material, what: str, step: float, random: np.random.Generator) -> Material:
    """Return a material that differs from `first` in `what`; `step` keeps others apart too."""
    texture, sign = first.texture, np.sign(step)
    size = abs(step) * random.uniform(0.8, 1.4)
    if what == "brightness":
        # Against its own contrast, so that a chip's mean tells the two apart.
        change = sign * size * max(0.06, 0.5 * first.contrast)
        return replace(first, brightness=max(0.05, first.brightness * (1.0 + change)))
    if what == "contrast":
        return replace(first, contrast=min(0.5, first.contrast * 1.9 ** (sign * size)))
    if what == "period":
        period_px = float(np.clip(texture.period_px * 1.45 ** (sign * size), 2.6, 40.0))
        return replace(first, texture=replace(texture, period_px=period_px))
    if what == "order" and texture.kind in {"lattice", "moire"}:
        speckle = replace(texture, kind="speckle", shape=float(random.random()), order=1.0)
        disordered = replace(texture, order=texture.order * 0.3)
        return replace(first, texture=speckle if abs(step) > 1 else disordered)
    other = any_texture(random)
    while what == "kind" and other.kind == texture.kind:
        other = any_texture(random)
    if what in {"kind", "order"}:
        return replace(first, texture=replace(other, period_px=texture.period_px))
    return replace(any_material(random), texture=other)
