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
        peak = _Peak.near(power_KFG[k], plan, int(lobes_FG.argmax()))
        if peak is None:
            continue
        f, g = peak.f, peak.g
        annulus_FG = counted_FG & (np.abs(plan.radius_FG - plan.radius_FG[f, g]) <= 1.5)
        if excess_KFG[k][annulus_FG].sum() < LEAST_SHARE * structured_K[k]:
            continue
        order.y_K[k], order.x_K[k] = peak.place(plan)
        elsewhere_FG = _angle_from(plan, f, g) > ELSEWHERE_RAD
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


@dataclass(frozen=True, slots=True)
class _Peak:
    """A bin that holds no less than its eight neighbours, `power_33`, and it in their middle."""

    f: int
    g: int
    power_33: Float64

    @classmethod
    def near(cls, power_FG: Float32, plan: Plan, flat: int) -> _Peak | None:
        """Climb from a bin to the highest one about it.

        None where that leads out of the annuli: then it was the flank of what is too coarse or
        too fine for a chip to show.
        """
        sides, columns = power_FG.shape
        f, g = divmod(flat, columns)
        while True:
            if g == 0 and f > sides // 2:
                f = sides - f
            if not plan.counted_FG[f, g]:
                return None
            power_33 = _about(power_FG, f, g)
            step_f, step_g = divmod(int(power_33.argmax()), 3)
            if power_33[step_f, step_g] <= power_33[1, 1]:
                return cls(f, g, power_33)
            f, g = (f + step_f - 1) % sides, g + step_g - 1
            if g < 0:
                f, g = -f % sides, -g

    def place(self, plan: Plan) -> tuple[float, float]:
        """Return where between the bins it really lies, along y and x.

        The parabola through the logarithms of three bins, along each axis: exact for a Gaussian
        lobe, and within a fiftieth of a bin for Hann's (M. Gasior & J. L. Gonzalez, AIP Conf.
        Proc. 732, 276, 2004).
        """
        y_F1, x_1G = plan.cycles
        log_33 = np.log(np.maximum(self.power_33, 1e-30))
        return (
            float(y_F1[self.f, 0]) + _vertex(*log_33[:, 1].tolist()),
            float(x_1G[0, self.g]) + _vertex(*log_33[1].tolist()),
        )


def _about(power_FG: Float32, f: int, g: int) -> Float64:
    """Return the 3 x 3 bins about one; left of x = 0 lie the opposite ones."""
    rows = np.arange(f - 1, f + 2)
    left_3 = power_FG[rows % len(power_FG), g - 1] if g else power_FG[-rows % len(power_FG), 1]
    middle_32 = power_FG[rows % len(power_FG), g : g + 2]
    about_33: Float64 = np.column_stack([left_3, middle_32]).astype(np.float64)
    return about_33


def _vertex(before: float, here: float, after: float) -> float:
    """Return where a parabola through three points is highest, at most half a bin away."""
    bend = before - 2.0 * here + after
    if bend >= 0.0:
        return 0.0
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def _angle_from(plan: Plan, f: int, g: int) -> Float64:
    """Return the angle between each bin's direction and that of one, from 0 to pi / 2."""
    turned_FG = np.abs(plan.angle_FG - plan.angle_FG[f, g])
    angle_FG: Float64 = np.minimum(turned_FG, np.pi - turned_FG)
    return angle_FG
