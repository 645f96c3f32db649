"""Batches to train on, each fixed by the seed and its number.

A batch is of one mode. For `chips` it holds chips cut from exposures at random places; for
`shared` whole frames, whose windows are pooled from the map after the network.

Shapes: S specimens, V exposures of each, N chips or windows of an exposure, P = V * N, B inputs
of H x W pixels, M materials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Float32, Int64
from scopeside.pretraining.archive import Archive
from scopeside.pretraining.belonging import Belonging, by_material, by_place, material_shares
from scopeside.pretraining.specimens import (
    MARGIN_PX,
    MOST_MATERIALS,
    Exposure,
    any_specimen,
    exposed,
)

Mode = Literal["chips", "shared"]
Places = tuple[Int64, Int64]

CHIP_PX = 64
STRIDE_PX = 32
EXPOSURES = 2
INVERTED = 0.15
"""How often the second exposure has the contrast of the first inverted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much a batch holds; `archive_share` of its specimens are real where there is an archive.

    Frames are squares of `frame_px`: 25 windows at half-chip stride, and room for interfaces.
    """

    frame_px: int = 192
    chips_specimens: int = 4
    chips_each: int = 14
    shared_specimens: int = 5
    archive_share: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Network inputs `(B, H, W)` in [0, 1], exposure by exposure, and how alike chips should be.

    The rest is what the objective takes beside the embeddings `(S, V, N, D)`.
    """

    mode: Mode
    inputs_BHW: Float32
    cosine_SPP: Float32
    weight_SPP: Float32
    common_S: NDArray[np.bool_]


def drawn_batch(plan: Plan, *, seed: int, number: int, archive: Archive | None = None) -> Batch:
    """Return batch `number`: odd ones are of mode `chips`, even ones `shared`."""
    random = np.random.default_rng((seed, number))
    mode: Mode = "chips" if number % 2 else "shared"
    inputs: list[Float32] = []
    belonging: list[Belonging] = []
    common: list[bool] = []
    for _ in range(plan.chips_specimens if mode == "chips" else plan.shared_specimens):
        if archive is not None and random.random() < plan.archive_share:
            specimen = archive.specimen(random)
        else:
            specimen = any_specimen(plan.frame_px, random)
        inverted = random.random() < INVERTED
        exposures = [
            exposed(specimen, random, inverted=view == 1 and inverted) for view in range(EXPOSURES)
        ]
        if mode == "shared":
            places = [_window_grid(plan.frame_px)] * EXPOSURES
            inputs += [exposure.image_YX[None] for exposure in exposures]
        else:
            places = _places(exposures, plan, random)
            inputs += [_cut(e.image_YX, *at) for e, at in zip(exposures, places, strict=True)]
        belonging.append(_belonging(exposures, places))
        common.append(not inverted)
    return Batch(
        mode=mode,
        inputs_BHW=np.concatenate(inputs),
        cosine_SPP=np.stack([one.cosine_PP for one in belonging]),
        weight_SPP=np.stack([one.weight_PP for one in belonging]),
        common_S=np.array(common),
    )


def _belonging(exposures: list[Exposure], places: list[Places]) -> Belonging:
    shares = [
        _shares(exposure.layout_YX, *at)
        for exposure, at in zip(exposures, places, strict=True)
        if exposure.layout_YX is not None
    ]
    if shares:
        return by_material(np.concatenate(shares))
    y0_P, x0_P = (
        np.concatenate(
            [at[axis] + e.origin_px[axis] for e, at in zip(exposures, places, strict=True)]
        )
        for axis in (0, 1)
    )
    return by_place(y0_P, x0_P, chip_px=CHIP_PX)


def _shares(layout_YX: Int64, y0_N: Int64, x0_N: Int64) -> Float32:
    return material_shares(layout_YX, y0_N, x0_N, chip_px=CHIP_PX, materials=MOST_MATERIALS)


def _window_grid(frame_px: int) -> Places:
    start = np.arange(0, frame_px - CHIP_PX + 1, STRIDE_PX)
    y0_RC, x0_RC = np.meshgrid(start, start, indexing="ij")
    return y0_RC.ravel(), x0_RC.ravel()


def _places(exposures: list[Exposure], plan: Plan, random: np.random.Generator) -> list[Places]:
    """Return where to cut chips from each exposure."""
    places = [
        _telling_places(exposure.layout_YX, plan.chips_each, random)
        for exposure in exposures
        if exposure.layout_YX is not None
    ]
    if places:
        return places
    # The same places of the specimen in every exposure, since those are all that is compared.
    last = plan.frame_px - CHIP_PX
    y0_N, x0_N = random.integers(MARGIN_PX, last + MARGIN_PX + 1, (2, plan.chips_each))
    return [
        (
            np.clip(y0_N - exposure.origin_px[0], 0, last),
            np.clip(x0_N - exposure.origin_px[1], 0, last),
        )
        for exposure in exposures
    ]


def _telling_places(layout_YX: Int64, count: int, random: np.random.Generator) -> Places:
    """Return, of many random places, those that show the materials evenly.

    A chip of one material counts in full and one on an interface by half, so that a few of
    those are learnt from too.
    """
    last = layout_YX.shape[0] - CHIP_PX
    y0_P, x0_P = random.integers(0, last + 1, (2, 5 * count))
    shares_PM = _shares(layout_YX, y0_P, x0_P)
    main_P = shares_PM.argmax(axis=1)
    often_M = np.bincount(main_P)
    weight_P = np.where(shares_PM.max(axis=1) > 0.85, 1.0, 0.5) / often_M[main_P]
    chosen_N = random.choice(len(y0_P), count, replace=False, p=weight_P / weight_P.sum())
    return y0_P[chosen_N], x0_P[chosen_N]


def _cut(image_YX: Float32, y0_N: Int64, x0_N: Int64) -> Float32:
    windows = np.lib.stride_tricks.sliding_window_view(image_YX, (CHIP_PX, CHIP_PX))
    return windows[y0_N, x0_N]
