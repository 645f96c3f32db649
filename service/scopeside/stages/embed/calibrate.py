"""Calibrates the seeded weights' batch-norm statistics on simulated frames.

    python -m scopeside.stages.embed.calibrate [FILE]

Chips of the irradiated film (several seeds, spacings and doses, crystalline to amorphous) and,
for breadth, of plain noise, smooth fields and particles pass through the seeded network in
training mode; each batch norm keeps the average over the batches of the mean and variance that
it saw. The result is `seeded_bn.safetensors`, which is committed: another machine's floating
point may differ in the last bits, so calibrating anew makes new weights with a new SHA-256.

Shapes: N chips of H x W pixels.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import nn

from scopeside.messages import ChipGrid, Float32
from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.seeded import STATISTICS_FILE, seeded_state
from scopeside.stages.embed.simulated import normalised
from scopeside.testing.specimen import IrradiatedFilm
from scopeside_kernels import reference

CHIP_PX = 64
FRAME_PX = 256
BATCHES = 8
FILMS = 24
"""Films, each exposed at four doses; half as many frames of other fields join them."""
SEED = 11


def calibration_chips() -> Float32:
    """Return the `(N, 64, 64)` chips, shuffled, that the statistics are taken from."""
    random = np.random.default_rng(SEED)
    frames = [frame for number in range(FILMS) for frame in _film_frames(number, random)]
    frames += [_other_field(number, random) for number in range(len(frames) // 2)]
    grid = ChipGrid(shape=(FRAME_PX, FRAME_PX), chip_px=CHIP_PX, stride_px=CHIP_PX)
    chips_NHW = np.concatenate(
        [reference.chips(frame, grid.y0_R, grid.x0_C, CHIP_PX, CHIP_PX) for frame in frames]
    )
    return chips_NHW[random.permutation(len(chips_NHW))]


def _film_frames(number: int, random: np.random.Generator) -> list[Float32]:
    film = IrradiatedFilm(
        shape=(FRAME_PX, FRAME_PX),
        seed=1000 + number,
        lattice_spacing_px=float(random.uniform(4.0, 20.0)),
        speckle_period_px=float(random.uniform(4.0, 14.0)),
        mean_counts=float(10 ** random.uniform(1.3, 3.5)),
        brightness_step=float(random.uniform(-0.15, 0.15)),
        strain_px=1.5,
        bending=0.2,
        thickness_gradient=0.08,
        grains=int(random.integers(1, 5)),
    )
    full = film.dose_full_e_per_m2
    return [normalised(film.expose(part * full).counts_YX) for part in (0.0, 0.35, 0.65, 1.0)]


def _other_field(number: int, random: np.random.Generator) -> Float32:
    """Plain noise, a smooth field, or particles on a background, by turns."""
    noise_YX = random.standard_normal((FRAME_PX, FRAME_PX))
    if number % 3 == 0:
        return normalised(noise_YX)
    smooth_YX = _blurred(noise_YX, sigma_px=float(random.uniform(3.0, 40.0)))
    if number % 3 == 1:
        return normalised(smooth_YX + 0.05 * random.standard_normal(noise_YX.shape))
    particles_YX = (smooth_YX > random.uniform(0.0, 1.5)).astype(np.float64)
    return normalised(particles_YX + 0.2 * random.standard_normal(noise_YX.shape))


def _blurred(values_YX: np.ndarray, *, sigma_px: float) -> np.ndarray:
    """Return a periodic Gaussian blur with unit standard deviation."""
    ky = np.fft.fftfreq(values_YX.shape[0])[:, None]
    kx = np.fft.rfftfreq(values_YX.shape[1])[None, :]
    envelope = np.exp(-2.0 * (np.pi * sigma_px) ** 2 * (ky**2 + kx**2))
    envelope[0, 0] = 0.0
    blurred_YX = np.fft.irfft2(np.fft.rfft2(values_YX) * envelope, s=values_YX.shape)
    unit_YX: np.ndarray = blurred_YX / blurred_YX.std()
    return unit_YX


def calibrated_statistics(chips_NHW: Float32) -> dict[str, torch.Tensor]:
    """Return `running_mean` and `running_var` of every batch norm over `chips_NHW`."""
    trunk = from_state({name: tensor.clone() for name, tensor in seeded_state().items()})
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the cumulative average over batches
    network = GreyResNet50(trunk, "pool").train()
    with torch.inference_mode():
        for batch_BHW in torch.from_numpy(chips_NHW).chunk(BATCHES):
            network(batch_BHW[:, None])
    return {
        name: tensor.clone()
        for name, tensor in trunk.state_dict().items()
        if name.endswith(("running_mean", "running_var"))
    }


def main() -> None:
    """Write the statistics to the file given, or over the package's own."""
    from safetensors.torch import save

    package = resources.files("scopeside.stages.embed")
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(str(package / STATISTICS_FILE))
    chips_NHW = calibration_chips()
    path.write_bytes(save(calibrated_statistics(chips_NHW)))
    sys.stdout.write(f"{path}: statistics of {len(chips_NHW)} chips\n")


if __name__ == "__main__":
    main()
