"""Power spectra of chips, and what of them stands out of the background of its own frequency.

Where a peak lies is counted in cycles over the chip's side, so that bins are whole numbers.
Shape suffixes: M chips; H, W pixels of a chip; F, G frequencies along y (all) and x (from 0 up);
A annuli; S bins of an annulus that are looked at; K communities.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Float32, Int64

Bool = NDArray[np.bool_]

LEAST_CYCLES = 3
"""Fewest periods over a chip's side: the main lobe of the Hann window reaches two bins from zero
frequency, so what lies nearer is the chip's own mean and slope."""
LEAST_SIDE_PX = 16
"""A smaller chip leaves five frequencies or less between `LEAST_CYCLES` and the finest."""
ANNULUS_BINS = 64
"""Bins that an annulus has at least, and at most are looked at: three reflections with their lobes
fill 27 of them, which is less than half, so the median is still that of the background."""
STANDS_OUT = 10.0
"""How many times its background a bin must hold to stand out. The power of noise is exponentially
distributed about its mean: one bin in 22,000 does so by chance, and all of them together hold
10 exp(-10) of the power, less than a thousandth."""


@dataclass(frozen=True)
class Plan:
    """The geometry of spectra of chips `side_px` square."""

    side_px: int

    @cached_property
    def window_HW(self) -> Float32:
        """Hann's window along both axes (periodic, so that its zeros meet)."""
        window_H = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(self.side_px) / self.side_px)
        return np.outer(window_H, window_H).astype(np.float32)

    @cached_property
    def cycles(self) -> tuple[Int64, Int64]:
        """Cycles over the side along y, `(F, 1)`, and x, `(1, G)`."""
        y_F = np.fft.fftfreq(self.side_px, 1.0 / self.side_px).round().astype(np.int64)
        return y_F[:, None], np.arange(self.side_px // 2 + 1)[None, :]

    @cached_property
    def radius_FG(self) -> NDArray[np.float64]:
        y_F1, x_1G = self.cycles
        return np.asarray(np.hypot(y_F1, x_1G), dtype=np.float64)

    @cached_property
    def angle_FG(self) -> NDArray[np.float64]:
        """Direction of each bin in radians, from +x towards +y."""
        y_F1, x_1G = self.cycles
        return np.asarray(np.arctan2(y_F1, x_1G), dtype=np.float64)

    @cached_property
    def annulus_FG(self) -> Int64:
        """The annulus of each bin, a cycle wide; the nearest one for bins in none."""
        return np.clip(np.rint(self.radius_FG).astype(np.int64) - LEAST_CYCLES, 0, self.annuli - 1)

    @property
    def annuli(self) -> int:
        """From `LEAST_CYCLES` up to the last before the finest frequency."""
        return self.side_px // 2 - LEAST_CYCLES

    @cached_property
    def counted_FG(self) -> Bool:
        """One bin of each pair of opposite ones, in the annuli: what sums run over."""
        y_F1, x_1G = self.cycles
        radius_FG = np.rint(self.radius_FG)
        within_FG = (radius_FG >= LEAST_CYCLES) & (radius_FG < self.side_px // 2)
        counted_FG: Bool = within_FG & ((x_1G > 0) | (y_F1 > 0))
        return counted_FG

    @cached_property
    def looked_at_AS(self) -> Int64:
        """Flat bins that tell the background of each annulus, evenly spread over its angles.

        Narrow annuli have few bins: theirs is as much wider as `ANNULUS_BINS` take.
        """
        radius_FG = np.rint(self.radius_FG)
        looked_at_AS = np.empty((self.annuli, ANNULUS_BINS), dtype=np.int64)
        for annulus in range(self.annuli):
            for width in range(self.side_px):
                away_FG = np.abs(radius_FG - (annulus + LEAST_CYCLES))
                bins = np.flatnonzero(self.counted_FG & (away_FG <= width))
                if len(bins) >= ANNULUS_BINS or width > self.annuli:
                    break
            bins = bins[np.argsort(self.angle_FG.ravel()[bins], kind="stable")]
            places = (np.arange(ANNULUS_BINS) + 0.5) * len(bins) / ANNULUS_BINS
            looked_at_AS[annulus] = bins[places.astype(np.int64)]
        return looked_at_AS


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectra:
    """Of each chip: its power, and that above the background in bins which stand out of it.

    `floor_M` is the power per bin where it is least: noise that is alike at all frequencies.
    """

    power_MFG: Float32
    excess_MFG: Float32
    floor_M: Float32


def spectra_of(chips_MHW: Float32, plan: Plan) -> Spectra:
    """Return the spectra of chips.

    The periodogram is that of the chip less its mean under Hann's window. The background of an
    annulus is the median of its bins over ln 2, which for noise is its mean: peaks, being few
    bins, leave the median where it is.
    """
    from scipy.fft import rfft2

    centred_MHW = chips_MHW - chips_MHW.mean(axis=(1, 2), keepdims=True)
    centred_MHW *= plan.window_HW
    transformed_MFG = rfft2(centred_MHW, overwrite_x=True)
    power_MFG = np.square(transformed_MFG.real)
    power_MFG += np.square(transformed_MFG.imag)
    ring_MAS = power_MFG.reshape(len(power_MFG), -1)[:, plan.looked_at_AS]
    middle = ANNULUS_BINS // 2
    ring_MAS.partition(middle, axis=2)
    background_MA: Float32 = ring_MAS[:, :, middle] / np.float32(np.log(2.0))
    background_MFG = background_MA[:, plan.annulus_FG]
    excess_MFG = power_MFG - background_MFG
    excess_MFG *= power_MFG > np.float32(STANDS_OUT) * background_MFG
    return Spectra(power_MFG=power_MFG, excess_MFG=excess_MFG, floor_M=background_MA.min(axis=1))
