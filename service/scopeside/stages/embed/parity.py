"""Whether two embedders give the same embeddings, and how far two modes agree.

Shapes: N chips, D features, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scopeside.errors import BackendError
from scopeside.messages import ChipGrid, Float32
from scopeside.ports import Embedder
from scopeside.stages.embed.simulated import film_image
from scopeside_kernels import reference

LEAST_COSINE = 0.999
"""Below this for any chip a backend is refused."""

CHIPS_PER_AXIS = 4
"""The check runs on this many rows and columns of simulated chips, both phases among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Cosines, chip by chip, between an embedder and the reference."""

    chips: int
    least_cosine: float
    mean_cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two modes agree: cosines of centred embeddings, and shared nearest neighbours."""

    chips: int
    centred_cosine: float
    neighbour_overlap: float


def measure_parity(embedder: Embedder, yardstick: Embedder, *, chip_px: int) -> Parity:
    """Embed 16 chips of a simulated frame, half of it amorphous, by both and compare."""
    side_px = CHIPS_PER_AXIS * chip_px
    grid = ChipGrid(shape=(side_px, side_px), chip_px=chip_px, stride_px=chip_px)
    image_YX = film_image(grid.shape, seed=1)
    cosine_N = _cosines(*(_embedded(each, image_YX, grid) for each in (embedder, yardstick)))
    return Parity(
        chips=grid.chips,
        least_cosine=float(cosine_N.min()),
        mean_cosine=float(cosine_N.mean()),
    )


def require_parity(embedder: Embedder, yardstick: Embedder, *, chip_px: int) -> Parity:
    """Return the parity; raises BackendError where a chip's cosine is below 0.999."""
    parity = measure_parity(embedder, yardstick, chip_px=chip_px)
    # Written so that a cosine that is no number fails too.
    if not parity.least_cosine >= LEAST_COSINE:
        raise BackendError(
            f"The embedder {embedder.info.name} disagrees with {yardstick.info.name} on simulated"
            f" chips: the least cosine of {parity.chips} is {parity.least_cosine:.5f} (mean"
            f" {parity.mean_cosine:.5f}), required is {LEAST_COSINE}; set embed.precision = fp32"
            " or embed.backend = torch."
        )
    return parity


def shared_agreement(
    shared: Embedder,
    chips: Embedder,
    images_YX: Iterable[Float32],
    *,
    chip_px: int,
    stride_px: int,
    neighbours: int = 15,
) -> Agreement:
    """Measure the agreement of two modes on normalised frames, averaged over all their chips.

    The cosine is between each chip's two embeddings after subtracting each mode's mean over the
    frame; the overlap is the share of a chip's k nearest neighbours that both modes name.
    """
    cosines, overlaps = [], []
    for image_YX in images_YX:
        grid = ChipGrid(shape=image_YX.shape, chip_px=chip_px, stride_px=stride_px)
        shared_ND, chips_ND = (
            reference.unit_rows(_embedded(each, image_YX, grid), centred=True)
            for each in (shared, chips)
        )
        cosines.append(np.einsum("nd,nd->n", shared_ND, chips_ND))
        overlaps.append(_overlap(shared_ND, chips_ND, neighbours))
    return Agreement(
        chips=sum(len(cosine_N) for cosine_N in cosines),
        centred_cosine=float(np.concatenate(cosines).mean()),
        neighbour_overlap=float(np.concatenate(overlaps).mean()),
    )


def _embedded(embedder: Embedder, image_YX: Float32, grid: ChipGrid) -> Float32:
    embedder.plan(grid)
    return embedder.embed(embedder.prepare(image_YX, grid), grid)


def _cosines(a_ND: Float32, b_ND: Float32) -> Float32:
    pair = (reference.unit_rows(a_ND, centred=False), reference.unit_rows(b_ND, centred=False))
    cosine_N: Float32 = np.einsum("nd,nd->n", *pair)
    return cosine_N


def _overlap(a_ND: Float32, b_ND: Float32, k: int) -> Float32:
    a_NK, b_NK = (reference.neighbours(unit_ND, k)[0] for unit_ND in (a_ND, b_ND))
    common_NKK = a_NK[:, :, None] == b_NK[:, None, :]
    share_N: Float32 = common_NKK.any(axis=2).mean(axis=1, dtype=np.float32)
    return share_N
