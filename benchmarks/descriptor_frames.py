"""Frames whose order is known, and what the stage of descriptors says of them."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from harness import Row, spread

SHAPE = (256, 256)
CHIP_PX, STRIDE_PX = 64, 32


def told(image_YX: Any, labels_YX: Any = None, *, repeats: int = 0) -> tuple[dict[str, Any], Row]:
    """Describe a frame whose labels are given; returns the first community's descriptors, and the
    time of the stage where it is repeated."""
    from scopeside.assembly import still_frame
    from scopeside.descriptor_settings import DescriptorSettings
    from scopeside.looks import HostLooks
    from scopeside.messages import ChipGrid, Contrast, Identified, Identity, LabelMap
    from scopeside.stages.descriptors import Descriptors, Detector
    from scopeside.stages.labelmap import LabelMapper

    if labels_YX is None:
        labels_YX = np.ones(image_YX.shape, np.uint16)
    grid = ChipGrid(shape=image_YX.shape, chip_px=CHIP_PX, stride_px=STRIDE_PX)
    ids_N = labels_YX[np.ix_(grid.y0_R + CHIP_PX // 2, grid.x0_C + CHIP_PX // 2)].ravel()
    identified = Identified(
        ids_N=ids_N,
        identities=tuple(
            Identity(id=int(id_), color=(0, 0, 0), name=None, age=0, chips=int(count))
            for id_, count in zip(*np.unique(ids_N, return_counts=True), strict=True)
        ),
    )
    label_map = LabelMap(labels_YX=labels_YX, confidence_YX=np.full(labels_YX.shape, 255, "u1"))
    frame = still_frame(image_YX)
    low, high = np.percentile(image_YX, (0.5, 99.5)).tolist()
    stage = Descriptors(DescriptorSettings(), unit=0.7, encoder="told", detector=Detector())
    given = (
        frame,
        Contrast(low=low, high=high, flat=False, nonfinite_px=0, saturated_fraction=0.0),
        grid,
        identified,
        label_map,
        LabelMapper().communities(label_map, identified, frame),
        HostLooks(np.ones((grid.chips, 8), np.float32)),
    )
    communities, fronts = stage.describe(*given)
    cost: Row = {"fronts": len(fronts)}
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter(), time.thread_time()
        stage.describe(*given)
        spent.append((time.perf_counter() - begun[0], time.thread_time() - begun[1]))
    for name, spent_s in zip(("stage_ms", "processor_ms"), zip(*spent, strict=True), strict=False):
        cost[name] = spread(1e3 * one_s for one_s in spent_s)
    return dict(communities[0].descriptors), cost


def lattice(spacing_px: float, seed: int) -> tuple[Any, float]:
    """The film's lattice, and the direction of its strongest fringes."""
    from scopeside.testing.lattice import grain_map, lattice_fringes

    generator, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    grain_YX = grain_map(SHAPE, grains=1, generator=generator)
    grain_map(SHAPE, grains=1, generator=twin)
    fringes_YX = lattice_fringes(
        grain_YX, spacing_px=spacing_px, strain_px=0.3, bending=0.05, generator=generator
    )
    return fringes_YX, float(twin.uniform(0.0, np.pi))


def counted(texture_YX: Any, dose: float, seed: int) -> Any:
    expected_YX = dose * np.clip(1.0 + 0.16 * texture_YX, 0.0, None)
    return np.random.default_rng(seed).poisson(expected_YX).astype(np.uint16)


def mixed(share: float, seed: int) -> Any:
    """A lattice and an amorphous film in one, the latter with `share` of the power."""
    from scopeside.testing.lattice import amorphous_speckle

    speckle_YX = amorphous_speckle(SHAPE, period_px=6.5, generator=np.random.default_rng((seed, 1)))
    return math.sqrt(1.0 - share) * lattice(7.3, seed)[0] + math.sqrt(share) * speckle_YX


def strayed(stray: float, seed: int) -> Any:
    """A hexagonal lattice whose points stray by so many spacings, neighbours much alike."""
    from scopeside.testing.lattice import smooth_field, standardised

    generator = np.random.default_rng((seed, 2))
    y_YX, x_YX = (
        axis_YX + stray * 7.3 * smooth_field(SHAPE, length_px=5.0, generator=generator)
        for axis_YX in np.indices(SHAPE)
    )
    angles = generator.uniform(0, np.pi) + np.pi / 3 * np.arange(3)
    waves = [np.cos(2 * np.pi * (np.cos(a) * x_YX + np.sin(a) * y_YX) / 7.3) for a in angles]
    return standardised(np.sum(waves, axis=0))
