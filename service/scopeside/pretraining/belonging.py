"""How alike the embeddings of a specimen's chips should be: by what they are made of, or where.

Shapes: P chips of a specimen, of all its exposures; M materials; Y, X pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopeside.messages import Float32, Int64

SHARPENING = 3.0
"""Power of the shares: two thirds of a chip count as eight ninths."""
CERTAIN = 0.5
"""Distance of a chip's shares from the specimen's mean at which it counts in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """The cosine that each pair of chips should have, and how much the pair counts, 0 to 1."""

    cosine_PP: Float32
    weight_PP: Float32


def by_material(shares_PM: Float32) -> Belonging:
    """Return the cosines of the chips' shares of the materials about their mean.

    Embeddings are compared about their mean, and so are shares. On an interface a chip belongs
    to the material that it shows most of, and counts by how clearly: shares are sharpened first,
    or with a rare material every chip that shows a little of it would be on its side.
    """
    sharp_PM = shares_PM**SHARPENING
    sharp_PM /= sharp_PM.sum(axis=1, keepdims=True)
    centred_PM = sharp_PM - sharp_PM.mean(axis=0)
    norm_P = np.sqrt((centred_PM**2).sum(axis=1))
    unit_PM = centred_PM / np.maximum(norm_P, 1e-6)[:, None]
    sure_P = np.minimum(norm_P / CERTAIN, 1.0)
    return Belonging(
        cosine_PP=(unit_PM @ unit_PM.T).astype(np.float32),
        weight_PP=_without_self(sure_P[:, None] * sure_P[None]),
    )


def by_place(y0_P: Int64, x0_P: Int64, *, chip_px: int) -> Belonging:
    """Return the cosines for a specimen that nobody has labelled.

    Chips that show one place should be alike, and count by the part that they share beyond
    half; of all others nothing is asked, since another place may be of the same material.
    """
    apart_y_PP = np.abs(y0_P[:, None] - y0_P[None])
    apart_x_PP = np.abs(x0_P[:, None] - x0_P[None])
    common_PP = np.maximum(chip_px - apart_y_PP, 0) * np.maximum(chip_px - apart_x_PP, 0)
    shared_PP = np.maximum(2.0 * common_PP / chip_px**2 - 1.0, 0.0)
    return Belonging(
        cosine_PP=np.ones_like(shared_PP, np.float32), weight_PP=_without_self(shared_PP)
    )


def _without_self(weight_PP: np.ndarray) -> Float32:
    np.fill_diagonal(weight_PP, 0.0)
    return weight_PP.astype(np.float32)


def material_shares(
    layout_YX: Int64, y0_P: Int64, x0_P: Int64, *, chip_px: int, materials: int
) -> Float32:
    """Return `(P, M)`: the part of each chip's area that each material covers."""
    one_hot_MYX = layout_YX[None] == np.arange(materials)[:, None, None]
    sums_MYX = np.pad(one_hot_MYX.cumsum(1, dtype=np.int64).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    y1_P, x1_P = y0_P + chip_px, x0_P + chip_px
    area_MP = sums_MYX[:, y1_P, x1_P] - sums_MYX[:, y0_P, x1_P]
    area_MP -= sums_MYX[:, y1_P, x0_P] - sums_MYX[:, y0_P, x0_P]
    return np.asarray(area_MP.T / chip_px**2, np.float32)
