"""The textures that micrographs are made of, each of mean 0 and standard deviation 1.

All are drawn from a generator that is handed in, so a seed fixes them. Lengths are pixels. Each
family has a file: `lattices`, `noises`, `cellular`, `composites`. What a texture is made of is
smaller than a chip, or alike in grey: a part that fills a chip would be a material of its own.

Shapes: Y, X pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scopeside.messages import Float32
from scopeside.pretraining import cellular, composites, lattices, noises
from scopeside.pretraining.fields import Shape, Turn, band, unit
from scopeside.pretraining.lattices import Lattice

Kind = Literal[
    "lattice",
    "moire",
    "columns",
    "speckle",
    "cloud",
    "grit",
    "fibres",
    "maze",
    "cells",
    "vesicles",
    "spots",
    "mixture",
    "lamellae",
    "pores",
    "plain",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """What one material looks like, brightness and contrast apart.

    `period_px` is the spacing of a lattice or of lamellae, the centre of a speckle's band, the
    distance of grit, spots and cells, the width of fibres and of a maze's walls. `shape` is a
    number in [0, 1] that each kind reads in its own way: the angle of a lattice's cell, the ratio
    of a moire, the width of a speckle's band, the slope of a cloud, the density of grit, the
    length of fibres. Kinds with more than one such property read it digit by digit.
    """

    kind: Kind
    period_px: float
    shape: float
    angle: float
    order: float = 1.0
    """Share of the contrast that is the texture's own; the rest is speckle of half its period,
    as on a crystal with damaged surfaces or in a film that has begun to turn amorphous."""
    strain_px: float = 0.0
    """Standard deviation of a smooth displacement of a lattice."""
    bending: float = 0.0
    """Relative standard deviation of a lattice's contrast over the field."""
    sharpness: float = 0.0
    """0 leaves a lattice sinusoidal, 1 makes its columns narrow and bright."""


def drawn(
    texture: Texture, shape: Shape, random: np.random.Generator, angle_YX: Float32 | None = None
) -> Float32:
    """Return a field of `texture`; `angle_YX` turns lattices and lamellae grain by grain."""
    turn_YX = np.float32(texture.angle) if angle_YX is None else angle_YX
    own_YX = _DRAWN[texture.kind](texture, shape, random, turn_YX)
    if texture.order >= 1.0:
        return own_YX
    speckle_YX = band(shape, random, period_px=max(2.5, 0.5 * texture.period_px), width=0.5)
    mixed_YX = np.sqrt(texture.order) * own_YX + np.sqrt(1.0 - texture.order) * speckle_YX
    return unit(mixed_YX)


Drawing = Callable[[Texture, Shape, np.random.Generator, Turn], Float32]


def _periodic(draw: Callable[[Lattice, Shape, np.random.Generator, Turn], Float32]) -> Drawing:
    def of(texture: Texture, shape: Shape, random: np.random.Generator, turn_YX: Turn) -> Float32:
        lattice = Lattice(
            period_px=texture.period_px,
            look=texture.shape,
            strain_px=texture.strain_px,
            bending=texture.bending,
            sharpness=texture.sharpness,
        )
        return draw(lattice, shape, random, turn_YX)

    return of


def _unturned(draw: Callable[..., Float32]) -> Drawing:
    def of(texture: Texture, shape: Shape, random: np.random.Generator, _: Turn) -> Float32:
        return draw(shape, random, period_px=texture.period_px, look=texture.shape)

    return of


def _directed(draw: Callable[..., Float32]) -> Drawing:
    def of(texture: Texture, shape: Shape, random: np.random.Generator, turn_YX: Turn) -> Float32:
        return draw(shape, random, period_px=texture.period_px, look=texture.shape, turn_YX=turn_YX)

    return of


def _fibres(texture: Texture, shape: Shape, random: np.random.Generator, _: Turn) -> Float32:
    return noises.fibres(
        shape, random, period_px=texture.period_px, look=texture.shape, angle=texture.angle
    )


_DRAWN: dict[Kind, Drawing] = {
    "lattice": _periodic(lattices.fringes),
    "moire": _periodic(lattices.moire),
    "columns": _periodic(lattices.columns),
    "speckle": _unturned(noises.speckle),
    "cloud": _unturned(noises.cloud),
    "grit": _unturned(noises.grit),
    "fibres": _fibres,
    "maze": _unturned(noises.maze),
    "cells": _unturned(cellular.cells),
    "vesicles": _unturned(cellular.vesicles),
    "spots": _unturned(cellular.spots),
    "mixture": _unturned(composites.mixture),
    "lamellae": _directed(composites.lamellae),
    "pores": _unturned(composites.pores),
    "plain": _unturned(composites.plain),
}
KINDS: tuple[Kind, ...] = tuple(_DRAWN)
PERIODIC: frozenset[Kind] = frozenset({"lattice", "moire", "columns"})
