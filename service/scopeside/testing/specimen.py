"""A simulated specimen: a crystalline film that turns amorphous from one side under dose.

Everything is drawn once, larger than the frame; an exposure places the front for its dose,
moves the film under the camera by the drift, and counts electrons. The random numbers of an
exposure come from the seed and its number, so exposures can be made in any order.

Shapes: Y, X frame pixels. The film is larger by a margin on each side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scopeside.errors import ConfigError
from scopeside.messages import Float32, UInt8, UInt16
from scopeside.testing.lattice import (
    amorphous_speckle,
    grain_map,
    lattice_fringes,
    roughness,
    thickness,
)

_TAPS = 2  # film pixels beyond the frame that the cubic interpolation reads on each side
_DRIFT_WAVES = 12  # terms of the expansion of the drift; more would jitter from frame to frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFrame:
    """One exposure and its truth.

    `counts_YX` is electrons. A pixel of `truth_YX` is 1 (amorphous) where its column is less
    than `front_px_Y` of its row, which lies in [0, nx]; else 0 (crystalline). `drift_px` is
    where the frame's origin lies on the film, `(y, x)`, relative to no drift.
    """

    counts_YX: UInt16
    truth_YX: UInt8
    front_px_Y: Float32
    amorphous_fraction: float
    drift_px: tuple[float, float]
    dose_e_per_m2: float


@dataclass(frozen=True, kw_only=True)
class IrradiatedFilm:
    """A film of one crystal (or several grains) under an electron beam.

    At dose 0 the whole frame is crystalline, from `dose_full_e_per_m2` on all of it is
    amorphous; between them the front moves from left to right at constant speed and roughens
    as `dose^(1/3)`, the growth exponent of a line (Kardar, Parisi & Zhang, 1986). Contrasts
    are standard deviations relative to the mean brightness. The defaults are a plausible
    high-resolution frame: 0.276 nm fringes 7.3 pixels apart, 5 % shot noise.

    Raises ConfigError for values that describe no film.
    """

    shape: tuple[int, int] = (512, 512)
    seed: int = 0
    pixel_size_m: float = 3.78e-11
    lattice_spacing_px: float = 7.3
    speckle_period_px: float = 6.5
    dose_full_e_per_m2: float = 1.0e25
    mean_counts: float = 400.0
    crystal_contrast: float = 0.16
    amorphous_contrast: float = 0.13
    brightness_step: float = 0.01
    """How much brighter the amorphous side is, relative to the crystalline one."""
    transition_px: float = 6.0
    """Width of the zone in which one texture gives way to the other."""
    roughness: float = 0.125
    """From the foremost to the last point of the front at full dose, relative to the width."""
    drift_px: float = 12.0
    """Farthest that the film ever drifts along either axis."""
    strain_px: float = 0.5
    """Standard deviation of the displacement of the lattice; with 1.5 a crystal of this spacing
    looks like several."""
    bending: float = 0.05
    """Relative standard deviation of the fringes' contrast across the film."""
    thickness_gradient: float = 0.02
    """Relative change of brightness from edge to edge; beside it lies a ripple of a quarter."""
    grains: int = 1

    def __post_init__(self) -> None:
        if min(self.shape) < 8:
            raise ConfigError(f"A simulated film needs at least 8 x 8 pixels, not {self.shape}.")
        positive = ("lattice_spacing_px", "speckle_period_px", "dose_full_e_per_m2", "mean_counts")
        for name in (*positive, "pixel_size_m", "transition_px"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} of a simulated film must be above 0.")
        if self.drift_px < 0 or self.roughness < 0 or not 1 <= self.grains <= 255:
            raise ConfigError(
                "A simulated film needs drift_px and roughness of 0 or more, and 1 to 255 grains."
            )
        self._phases  # noqa: B018  drawn now, so that the first exposure is as quick as the rest

    def expose(self, dose_e_per_m2: float, *, number: int | None = None) -> SimulatedFrame:
        """Return the frame recorded when the film has received `dose_e_per_m2` in all.

        `number` seeds the shot noise (by default the dose does), so equal arguments give equal
        counts whatever was exposed before. Raises ConfigError for a negative dose.
        """
        if not dose_e_per_m2 >= 0:
            raise ConfigError(f"A dose must be 0 or more, not {dose_e_per_m2}.")
        progress = dose_e_per_m2 / self.dose_full_e_per_m2
        drift_y, drift_x = self._drift(progress)
        ny, nx = self.shape
        rows_Y = np.arange(ny) + drift_y
        front_px_Y = np.clip(self._front(rows_Y, progress) - drift_x, 0.0, nx).astype(np.float32)
        truth_YX = (np.arange(nx) < front_px_Y[:, None]).astype(np.uint8)

        expected_YX = self._seen(progress, drift_y, drift_x)
        noise_key = number if number is not None else int(np.float64(dose_e_per_m2).view(np.uint64))
        generator = np.random.default_rng((self.seed, noise_key))
        counts_YX = generator.poisson(np.maximum(expected_YX, 0.0))
        return SimulatedFrame(
            counts_YX=np.minimum(counts_YX, np.iinfo(np.uint16).max).astype(np.uint16),
            truth_YX=truth_YX,
            front_px_Y=front_px_Y,
            amorphous_fraction=float(truth_YX.mean()),
            drift_px=(drift_y, drift_x),
            dose_e_per_m2=float(dose_e_per_m2),
        )

    @property
    def _roughness_px(self) -> float:
        return self.roughness * self.shape[1]

    @property
    def _margin_px(self) -> int:
        return int(np.ceil(self.drift_px)) + _TAPS

    @cached_property
    def _phases(self) -> tuple[Float32, Float32]:
        """The whole film in each phase, as relative brightness: crystalline, amorphous."""
        generator = np.random.default_rng((self.seed, 1))
        shape = (self.shape[0] + 2 * self._margin_px, self.shape[1] + 2 * self._margin_px)
        grain_YX = grain_map(shape, grains=self.grains, generator=generator)
        fringes_YX = lattice_fringes(
            grain_YX,
            spacing_px=self.lattice_spacing_px,
            strain_px=self.strain_px,
            bending=self.bending,
            generator=generator,
        )
        surfaces_YX, speckle_YX = (
            amorphous_speckle(shape, period_px=self.speckle_period_px, generator=generator)
            for _ in range(2)
        )
        base_YX = thickness(
            shape,
            gradient=self.thickness_gradient,
            ripple=0.25 * self.thickness_gradient,
            generator=generator,
        )
        # A real crystal carries thin damaged surfaces, so a quarter of the speckle lies on it.
        crystal_YX = base_YX * (
            1.0 + self.crystal_contrast * fringes_YX + 0.25 * self.amorphous_contrast * surfaces_YX
        )
        amorphous_YX = (
            base_YX * (1.0 + self.brightness_step) * (1.0 + self.amorphous_contrast * speckle_YX)
        )
        scale = np.float32(self.mean_counts)
        return scale * crystal_YX.astype(np.float32), scale * amorphous_YX.astype(np.float32)

    @cached_property
    def _profile(self) -> Float32:
        generator = np.random.default_rng((self.seed, 2))
        rows = self.shape[0] + 2 * self._margin_px
        return roughness(rows, length_px=max(16.0, rows / 24.0), generator=generator)

    @cached_property
    def _drift_waves(self) -> NDArray[np.float64]:
        """Amplitudes of the drift's waves, `(axis, wave)`; no drift exceeds `drift_px`."""
        waves = np.arange(_DRIFT_WAVES) + 0.5
        amplitude_AW = np.random.default_rng((self.seed, 3)).standard_normal((2, len(waves)))
        amplitude_AW /= waves
        progress_T = np.linspace(0.0, 4.0, 1024)
        reach = np.abs(amplitude_AW @ np.sin(np.pi * waves[:, None] * progress_T)).max()
        return np.asarray(amplitude_AW * (0.99 * self.drift_px / reach), dtype=np.float64)

    def _drift(self, progress: float) -> tuple[float, float]:
        """Drift `(y, x)` in pixels: a Brownian path smoothed by cutting its expansion.

        Karhunen-Loeve expansion of a Wiener process, `sum z_k sin((k - 1/2) pi t) / (k - 1/2)`,
        of period 4, so it stays bounded however long the exposure goes on.
        """
        waves = np.arange(_DRIFT_WAVES) + 0.5
        drift_y, drift_x = self._drift_waves @ np.sin(np.pi * waves * (progress % 4.0))
        return float(drift_y), float(drift_x)

    def _front(self, rows_Y: NDArray[np.floating], progress: float) -> NDArray[np.float64]:
        """Column of the front on the film for (fractional) film rows; never moves back."""
        lead = self.drift_px + self.transition_px
        travelled = -lead + (self.shape[1] + 2.0 * lead) * progress
        profile_Y = np.interp(
            rows_Y + self._margin_px, np.arange(len(self._profile)), self._profile
        )
        return np.asarray(travelled + self._roughness_px * np.cbrt(progress) * profile_Y)

    def _seen(self, progress: float, drift_y: float, drift_x: float) -> Float32:
        """Expected counts: both phases joined at the front, then moved by the drift."""
        ny, nx = self.shape
        y0, x0 = int(np.floor(drift_y)), int(np.floor(drift_x))
        top, left = self._margin_px + y0 - 1, self._margin_px + x0 - 1
        window = (slice(top, top + ny + 3), slice(left, left + nx + 3))
        crystal_YX, amorphous_YX = (phase_YX[window] for phase_YX in self._phases)
        front_Y = self._front(np.arange(ny + 3) + y0 - 1.0, progress) - (x0 - 1.0)
        half = 0.5 * self.transition_px
        first = int(np.clip(np.floor(front_Y.min() - half), 0, nx + 3))
        last = int(np.clip(np.ceil(front_Y.max() + half), first, nx + 3))
        share_YX = (front_Y[:, None] - np.arange(first, last)) / self.transition_px + 0.5
        share_YX = np.clip(share_YX, 0.0, 1.0).astype(np.float32)
        share_YX *= share_YX * (3.0 - 2.0 * share_YX)
        film_YX = np.empty_like(crystal_YX)
        film_YX[:, :first] = amorphous_YX[:, :first]
        film_YX[:, last:] = crystal_YX[:, last:]
        band = slice(first, last)
        film_YX[:, band] = crystal_YX[:, band] + share_YX * (
            amorphous_YX[:, band] - crystal_YX[:, band]
        )
        return _shifted(_shifted(film_YX, drift_y - y0).T, drift_x - x0).T


def _shifted(film_YX: Float32, fraction: float) -> Float32:
    """Resample the rows `fraction` (0 to 1) of a pixel onward; three rows fewer come back.

    Cubic convolution (Keys, 1981), a = -1/2: it keeps fringes of a few pixels' period sharp
    where linear interpolation would make their contrast follow the drift.
    """
    t = fraction
    taps = (
        -0.5 * t**3 + t**2 - 0.5 * t,
        1.5 * t**3 - 2.5 * t**2 + 1.0,
        -1.5 * t**3 + 2.0 * t**2 + 0.5 * t,
        0.5 * t**3 - 0.5 * t**2,
    )
    rows = film_YX.shape[0] - 3
    moved_YX = np.float32(taps[0]) * film_YX[:rows]
    for offset in (1, 2, 3):
        moved_YX += np.float32(taps[offset]) * film_YX[offset : offset + rows]
    return moved_YX
