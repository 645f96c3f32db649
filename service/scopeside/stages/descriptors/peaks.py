"""What the spectra of a community's chips say together: how crystalline, how far apart, which way.

Shape suffixes: M chips; F, G frequencies along y (all) and x (from 0 up); K communities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Float32
from scopeside.stages.descriptors.sample import Sample
from scopeside.stages.descriptors.spectra import Plan, Spectra

Float64 = NDArray[np.float64]

LEAST_SHARE = 0.05
"""Least share of the power above the floor that must lie at one spacing for it to be dominant.
Noise alone stands out with 0.01 of it at most."""
FOREMOST = 1.25
"""How many times the power of any other direction the strongest peak must have to be dominant: with
less, two sets of fringes would take turns from frame to frame."""
ELSEWHERE_RAD = math.radians(20.0)
"""Peaks within this angle of the strongest are its own lobes, harmonics and mosaic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Of each community; NaN where there is none.

    `y_K` and `x_K` are the dominant wave vector in cycles over the chip's side, and
    `directed_K` says whether its direction is dominant, too.
    """

    crystallinity_K: Float64
    y_K: Float64
    x_K: Float64
    directed_K: NDArray[np.bool_]


def order_of(spectra: Spectra, sample: Sample, plan: Plan) -> Order:
    """Return the order in each community.

    Crystallinity is the share of the power above the floor that stands out in peaks, summed over
    the community's chips one by one: grains that are turned against each other count in full.
    """
    counted_FG = plan.counted_FG
    bins = int(np.count_nonzero(counted_FG))
    excess_KFG, power_KFG = sample.sums(spectra.excess_MFG), sample.sums(spectra.power_MFG)
    stands_out_K = _total(excess_KFG, counted_FG)
    structured_K = _total(power_KFG, counted_FG) - bins * sample.sums(spectra.floor_M)
    with np.errstate(divide="ignore", invalid="ignore"):
        crystallinity_K = np.where(
            structured_K > 0, np.clip(stands_out_K / structured_K, 0.0, 1.0), np.nan
        )
    order = Order(
        crystallinity_K=crystallinity_K,
        y_K=np.full(sample.communities, np.nan),
        x_K=np.full(sample.communities, np.nan),
        directed_K=np.zeros(sample.communities, dtype=bool),
    )
    for k in np.flatnonzero(crystallinity_K >= LEAST_SHARE):
        lobes_FG = np.where(counted_FG, _lobes(excess_KFG[k]), 0.0)
        f, g = np.unravel_index(int(lobes_FG.argmax()), lobes_FG.shape)
        annulus_FG = counted_FG & (np.abs(plan.radius_FG - plan.radius_FG[f, g]) <= 1.5)
        if excess_KFG[k][annulus_FG].sum() < LEAST_SHARE * structured_K[k]:
            continue
        order.y_K[k], order.x_K[k] = _between_bins(power_KFG[k], int(f), int(g), plan)
        elsewhere_FG = _angle_from(plan, int(f), int(g)) > ELSEWHERE_RAD
        rival = float(lobes_FG[elsewhere_FG].max(initial=0.0))
        order.directed_K[k] = lobes_FG[f, g] >= FOREMOST * rival
    return order


def _total(values_KFG: Float32, counted_FG: NDArray[np.bool_]) -> Float64:
    total_K: Float64 = np.where(counted_FG, values_KFG, 0.0).sum(axis=(1, 2), dtype=np.float64)
    return total_K


def _lobes(values_FG: Float32) -> Float32:
    """Return the sum over the 3 x 3 bins about each, which is most of a peak's main lobe."""
    mirrored_F = values_FG[-np.arange(len(values_FG)), 1]
    wide_FG = np.concatenate([mirrored_F[:, None], values_FG, np.zeros_like(values_FG[:, :1])], 1)
    across_FG = wide_FG[:, :-2] + wide_FG[:, 1:-1] + wide_FG[:, 2:]
    lobes_FG: Float32 = across_FG + np.roll(across_FG, 1, axis=0) + np.roll(across_FG, -1, axis=0)
    return lobes_FG


def _between_bins(power_FG: Float32, f: int, g: int, plan: Plan) -> tuple[float, float]:
    """Return where the peak at a bin really lies, along y and x.

    The parabola through the logarithms of three bins, along each axis: exact for a Gaussian lobe,
    and within a fiftieth of a bin for Hann's (M. Gasior & J. L. Gonzalez, AIP Conf. Proc. 732, 276,
    2004).
    """
    y_F1, x_1G = plan.cycles

    def at(step_f: int, step_g: int) -> float:
        row, column = f + step_f, g + step_g
        if column < 0:
            row, column = -row, -column
        return math.log(max(float(power_FG[row % len(power_FG), column]), 1e-30))

    return (
        float(y_F1[f, 0]) + _vertex(at(-1, 0), at(0, 0), at(1, 0)),
        float(x_1G[0, g]) + _vertex(at(0, -1), at(0, 0), at(0, 1)),
    )


def _vertex(before: float, here: float, after: float) -> float:
    """Return where a parabola through three points is highest, at most half a bin away."""
    bend = before - 2.0 * here + after
    if bend >= 0.0:
        return 0.0
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def _angle_from(plan: Plan, f: int, g: int) -> Float64:
    """Return the angle between each bin's direction and that of one, from 0 to pi / 2."""
    y_F1, x_1G = plan.cycles
    own = math.atan2(float(y_F1[f, 0]), float(x_1G[0, g]))
    turned_FG = np.abs(np.arctan2(y_F1, x_1G) - own) % np.pi
    angle_FG: Float64 = np.minimum(turned_FG, np.pi - turned_FG)
    return angle_FG
