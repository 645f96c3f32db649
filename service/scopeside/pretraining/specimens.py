"""A specimen of several materials, and exposures of it as a detector records them.

A specimen is drawn once; every exposure has its own dose, detector, focus, drift and contrast,
so that an encoder which embeds both alike has learnt what belongs to the specimen.

Shapes: Y, X pixels. A specimen is larger than its frames by a margin for drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from scopeside.messages import Float32, Int64
from scopeside.pretraining.fields import Shape, grains, smooth
from scopeside.pretraining.layouts import any_layout
from scopeside.pretraining.materials import Material, specimen_materials
from scopeside.pretraining.rims import outlined, shaded
from scopeside.pretraining.textures import drawn
from scopeside.stages.embed.simulated import normalised

SIMULATION = 2
"""Raised where a seed gives other specimens than before: trainings begun then cannot go on."""
MARGIN_PX = 12
MOST_MATERIALS = 4
EDGE_PX = 1.5
"""Width over which one material gives way to the next."""
MOTTLED = 0.5
"""How often the film is uneven at the scale of a chip and below."""
GRAINED = 0.25
"""How often a material is of several grains. They stay one material: where its grains lie is
never what tells two chips of a material apart."""

OUTLINED = 0.25
"""How often a membrane, a fringe or a bright edge runs along the borders of the materials."""
MOST_SHADE = 0.25
"""Relative to a material's brightness, where no other is near in brightness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """Expected brightness, mean 1, and the material of each pixel (None where unknown)."""

    bright_YX: Float32
    layout_YX: Int64 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A frame as the service normalises it, in [0, 1]."""

    image_YX: Float32
    layout_YX: Int64 | None
    origin_px: tuple[int, int]


def any_specimen(frame_px: int, random: np.random.Generator) -> Specimen:
    """Return a simulated specimen for square frames of `frame_px`."""
    shape = (frame_px + 2 * MARGIN_PX, frame_px + 2 * MARGIN_PX)
    count = int(random.choice((2, 3, MOST_MATERIALS), p=(0.55, 0.3, 0.15)))
    layout_YX = any_layout(shape, random, materials=count)
    bright_YX = np.zeros(shape, np.float32)
    materials = specimen_materials(random, count=count)
    for number, material in enumerate(materials):
        share_YX = (layout_YX == number).astype(np.float32)
        if not share_YX.any():
            continue
        share_YX = ndimage.gaussian_filter(share_YX, EDGE_PX, mode="nearest", truncate=2.5)
        angle_YX = _grain_angles(shape, random) if random.random() < GRAINED else None
        texture_YX = drawn(material.texture, shape, random, angle_YX)
        tone_YX = 1.0 + np.float32(material.contrast) * np.clip(texture_YX, -4.0, 6.0)
        tone_YX = np.float32(material.brightness) * np.maximum(tone_YX, 0.02)
        if material.shading:
            tone_YX *= shaded(layout_YX == number, random, by=_shade(material, materials))
        bright_YX += share_YX * tone_YX
    if random.random() < OUTLINED:
        bright_YX = outlined(bright_YX, layout_YX, random)
    bright_YX *= _thickness(shape, random)
    bright_YX /= bright_YX.mean()
    return Specimen(bright_YX=bright_YX, layout_YX=layout_YX)


def _shade(material: Material, materials: list[Material]) -> float:
    """Return how much a material is shaded: less than the step to the nearest in brightness."""
    step = min(
        abs(other.brightness / material.brightness - 1.0)
        for other in materials
        if other is not material
    )
    return material.shading * min(step, MOST_SHADE)


def _grain_angles(shape: Shape, random: np.random.Generator) -> Float32:
    count = int(random.integers(2, 7))
    angle_G = random.uniform(0.0, np.pi, count).astype(np.float32)
    angle_YX: Float32 = angle_G[grains(shape, random, count=count)]
    return angle_YX


def _thickness(shape: Shape, random: np.random.Generator) -> Float32:
    """Return a wedge with ripples and mottles: changes of brightness that none of material are."""
    y_Y, x_X = (np.linspace(-0.5, 0.5, length, dtype=np.float32) for length in shape)
    angle = random.uniform(0.0, 2.0 * np.pi)
    slope = abs(random.normal(0.0, 0.05))
    wedge_YX = np.cos(angle) * x_X[None, :] + np.sin(angle) * y_Y[:, None]
    ripple_YX = smooth(shape, random, length_px=max(shape) / 4.0)
    field_YX = 1.0 + slope * wedge_YX + 0.2 * slope * ripple_YX
    if random.random() < MOTTLED:
        length_px = float(np.exp(random.uniform(np.log(6.0), np.log(40.0))))
        field_YX += random.uniform(0.0, 0.1) * smooth(shape, random, length_px=length_px)
    return np.asarray(np.maximum(field_YX, 0.3), np.float32)


def exposed(specimen: Specimen, random: np.random.Generator, *, inverted: bool) -> Exposure:
    """Return one exposure of `specimen`: moved, blurred, scanned, counted, normalised."""
    side = specimen.bright_YX.shape[0] - 2 * MARGIN_PX
    top, left = (int(offset) for offset in random.integers(0, 2 * MARGIN_PX + 1, 2))
    window = (slice(top, top + side), slice(left, left + side))
    image_YX = specimen.bright_YX[window]
    if random.random() < 0.6:
        blur_px = abs(random.normal(0.0, 0.8))
        image_YX = ndimage.gaussian_filter(image_YX, blur_px, mode="nearest", truncate=3.0)
    if random.random() < 0.25:
        image_YX = _scanned(image_YX, random)
    if random.random() < 0.15:
        charging_YX = smooth((side, side), random, length_px=side / 3.0)
        image_YX = image_YX * (1.0 + np.float32(0.06) * charging_YX)
    counts = 10.0 ** random.uniform(0.9, 3.6)
    image_YX = random.poisson(np.maximum(image_YX, 0.0) * counts).astype(np.float32)
    image_YX /= np.float32(counts)
    if random.random() < 0.4:  # a detector that spreads each electron
        spread_px = random.uniform(0.3, 1.1)
        image_YX = ndimage.gaussian_filter(image_YX, spread_px, mode="nearest", truncate=3.0)
    readout = 10.0 ** random.uniform(-3.0, -1.3)
    image_YX += np.float32(readout) * random.standard_normal(image_YX.shape, dtype=np.float32)
    if inverted:
        image_YX = -image_YX
    if random.random() < 0.3:
        gamma = float(np.exp(random.normal(0.0, 0.25)))
        image_YX = normalised(image_YX) ** np.float32(gamma)
    return Exposure(
        image_YX=normalised(image_YX),
        layout_YX=None if specimen.layout_YX is None else specimen.layout_YX[window],
        origin_px=(top, left),
    )


def _scanned(image_YX: Float32, random: np.random.Generator) -> Float32:
    """Return the image with each line displaced along itself, as flyback and hum displace it."""
    rows, columns = image_YX.shape
    amplitude_px = random.uniform(0.1, 0.8)
    shift_Y = amplitude_px * random.standard_normal(rows)
    shift_Y += amplitude_px * np.sin(2 * np.pi * np.arange(rows) / random.uniform(4.0, 60.0))
    at_YX = np.clip(np.arange(columns)[None, :] + shift_Y[:, None], 0, columns - 1.001)
    left_YX = at_YX.astype(np.int64)
    part_YX = (at_YX - left_YX).astype(np.float32)
    row_YX = np.arange(rows)[:, None]
    scanned_YX: Float32 = (1.0 - part_YX) * image_YX[row_YX, left_YX] + part_YX * image_YX[
        row_YX, left_YX + 1
    ]
    return scanned_YX
