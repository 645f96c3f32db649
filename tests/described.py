"""Frames whose communities are known, as the stage that describes them is given them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopeside.assembly import still_frame
from scopeside.descriptor_settings import DescriptorSettings
from scopeside.looks import HostLooks
from scopeside.messages import (
    Array,
    ChipGrid,
    Contrast,
    Float32,
    Frame,
    Front,
    Identified,
    Identity,
    LabelMap,
)
from scopeside.palette import color_of
from scopeside.stages.descriptors import Descriptors, Detector
from scopeside.stages.descriptors.fronts import FrontTracker
from scopeside.stages.labelmap import LabelMapper
from scopeside.testing.lattice import grain_map, lattice_fringes

SHAPE = (256, 256)
CHIP, STRIDE = 64, 32


@dataclass(frozen=True, kw_only=True)
class Told:
    """What was said of each community by id, and the fronts."""

    descriptors: dict[int, dict[str, float | None]]
    fronts: tuple[Front, ...]

    def __getitem__(self, name: str) -> float | None:
        """A descriptor of the only community."""
        (only,) = self.descriptors.values()
        return only[name]


def grid_of(shape: tuple[int, int] = SHAPE) -> ChipGrid:
    return ChipGrid(shape=shape, chip_px=CHIP, stride_px=STRIDE)


def identified_by(ids_N: Array) -> Identified:
    """The identities that chips wear."""
    ids, counts = np.unique(ids_N, return_counts=True)
    return Identified(
        ids_N=ids_N.astype(np.uint16),
        identities=tuple(
            Identity(id=id_, color=color_of(id_), name=None, age=0, chips=count)
            for id_, count in zip(ids.tolist(), counts.tolist(), strict=True)
        ),
    )


def ids_of(labels_YX: Array, grid: ChipGrid) -> Array:
    """The label in the middle of every chip."""
    y_R = np.minimum(grid.y0_R + grid.chip_px // 2, grid.shape[0] - 1)
    x_C = np.minimum(grid.x0_C + grid.chip_px // 2, grid.shape[1] - 1)
    ids_N: Array = labels_YX[np.ix_(y_R, x_C)].ravel()
    return ids_N


def map_of(labels_YX: Array) -> LabelMap:
    labels_YX = np.asarray(labels_YX, dtype=np.uint16)
    return LabelMap(labels_YX=labels_YX, confidence_YX=np.full(labels_YX.shape, 255, np.uint8))


def stage(detector: Detector | None = None, **settings: Any) -> Descriptors:
    return Descriptors(
        DescriptorSettings(**settings), unit=0.7, encoder="told", detector=detector or Detector()
    )


def told(
    image_YX: Array,
    labels_YX: Array | None = None,
    *,
    by: Descriptors | None = None,
    embeddings_ND: Float32 | None = None,
    contrast: Contrast | None = None,
    **of_frame: Any,
) -> Told:
    """Describe a frame; one community where no labels are given, and a window that just fits."""
    labels_YX = np.ones(image_YX.shape, np.uint16) if labels_YX is None else labels_YX
    frame = replace(still_frame(image_YX), **of_frame)
    grid, label_map = grid_of(image_YX.shape), map_of(labels_YX)
    identified = identified_by(ids_of(labels_YX, grid))
    if embeddings_ND is None:
        embeddings_ND = np.eye(8, dtype=np.float32)[identified.ids_N % 8]
    described, fronts = (by or stage()).describe(
        frame,
        contrast or window(image_YX),
        grid,
        identified,
        label_map,
        LabelMapper().communities(label_map, identified, frame),
        HostLooks(embeddings_ND),
    )
    return Told(
        descriptors={one.identity.id: dict(one.descriptors) for one in described}, fronts=fronts
    )


def window(image_YX: Array) -> Contrast:
    """The contrast window of a frame, as `preprocess` finds it by default."""
    low, high = np.percentile(image_YX, (0.5, 99.5)) if np.isfinite(image_YX).all() else (0, 1)
    return Contrast(
        low=float(low),
        high=float(high),
        flat=bool(low == high),
        nonfinite_px=0,
        saturated_fraction=0.0,
    )


def lattice(
    spacing_px: float, *, seed: int = 0, strain_px: float = 0.3, shape: tuple[int, int] = SHAPE
) -> tuple[Float32, float]:
    """The simulated film's lattice, and the angle of its strongest fringes' wave vector."""
    generator = np.random.default_rng(seed)
    grain_YX = grain_map(shape, grains=1, generator=generator)
    angle = np.random.default_rng(seed)
    grain_map(shape, grains=1, generator=angle)
    fringes_YX = lattice_fringes(
        grain_YX, spacing_px=spacing_px, strain_px=strain_px, bending=0.05, generator=generator
    )
    return fringes_YX, float(angle.uniform(0.0, np.pi))


def counted(texture_YX: Array, *, dose: float, contrast: float = 0.16, seed: int = 0) -> Array:
    """What a camera counts of a texture of mean 0 and deviation 1, `dose` electrons a pixel."""
    expected_YX = dose * np.clip(1.0 + contrast * texture_YX, 0.0, None)
    counts_YX: Array = np.random.default_rng(seed).poisson(expected_YX).astype(np.uint16)
    return counts_YX


def fronts_of(
    tracker: FrontTracker, labels_YX: Array, number: int = 0, **of_frame: Any
) -> tuple[Front, ...]:
    """Let a tracker find the fronts of a label map."""
    frame: Frame = replace(still_frame(np.zeros(labels_YX.shape, np.uint8)), number=number)
    return tracker.find(map_of(labels_YX), replace(frame, **of_frame), grid_of(labels_YX.shape))


def where(inside: Callable[[Array, Array], Array], shape: tuple[int, int] = SHAPE) -> Array:
    """Label 1 where `inside(y, x)`, 2 elsewhere."""
    y_YX, x_YX = np.indices(shape)
    labels_YX: Array = np.where(inside(y_YX, x_YX), 1, 2).astype(np.uint16)
    return labels_YX
