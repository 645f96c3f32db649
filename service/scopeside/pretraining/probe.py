"""How good an encoder is on specimens it has not seen: is a chip most like its own material?

Shapes: as in `batches`; P chips of a specimen, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scopeside.messages import Float32, Int64
from scopeside.pretraining.batches import CHIP_PX, STRIDE_PX
from scopeside.pretraining.belonging import material_shares
from scopeside.pretraining.specimens import MOST_MATERIALS, any_specimen, exposed
from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.shared import pool_windows, window_weights
from scopeside_kernels import reference

SPECIMENS = 24
FRAME_PX = 256
PURE = 0.85
"""A chip counts where one material covers this much of it."""
SEED = 20_000_033
"""Far from any seed and number of a training batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How often a chip is more like one of its material than like one of another.

    Over all such pairs of pairs of a frame, each material counted alike: 1 tells all materials
    apart, 0.5 is chance. Materials that no dose of the frame shows apart keep it below 1.
    """

    chips: float
    shared: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFrame:
    """One held-out frame: chips, the whole, and the main material of each chip (-1: mixed)."""

    image_YX: Float32
    chips_NHW: Float32
    main_N: Int64
    columns: int


def probe_frames() -> list[ProbeFrame]:
    """Return the held-out frames, the same at every call."""
    random = np.random.default_rng(SEED)
    start = np.arange(0, FRAME_PX - CHIP_PX + 1, STRIDE_PX)
    y0_N, x0_N = (axis.ravel() for axis in np.meshgrid(start, start, indexing="ij"))
    frames: list[ProbeFrame] = []
    while len(frames) < SPECIMENS:
        exposure = exposed(any_specimen(FRAME_PX, random), random, inverted=False)
        if exposure.layout_YX is None:
            continue
        shares_NM = material_shares(
            exposure.layout_YX, y0_N, x0_N, chip_px=CHIP_PX, materials=MOST_MATERIALS
        )
        main_N = np.where(shares_NM.max(axis=1) >= PURE, shares_NM.argmax(axis=1), -1)
        if len(np.unique(main_N[main_N >= 0])) < 2:
            continue
        chips_NHW = reference.chips(exposure.image_YX, start, start, CHIP_PX, CHIP_PX)
        frames.append(
            ProbeFrame(
                image_YX=exposure.image_YX,
                chips_NHW=chips_NHW,
                main_N=main_N,
                columns=len(start),
            )
        )
    return frames


def likeness(embeddings_ND: Float32, main_N: Int64, columns: int) -> float:
    """Return how often a chip's centred cosine is greater to its own material than to another.

    Chips that overlap and chips of several materials (`main_N` below 0) are not compared.
    """
    unit_ND = reference.unit_rows(embeddings_ND, centred=True)
    cosine_NN = unit_ND @ unit_ND.T
    row_N, column_N = np.divmod(np.arange(len(unit_ND)), columns)
    reach = CHIP_PX // STRIDE_PX
    apart_NN = (np.abs(row_N[:, None] - row_N) >= reach) | (
        np.abs(column_N[:, None] - column_N) >= reach
    )
    apart_NN &= main_N >= 0
    scores: dict[int, list[float]] = {}
    for chip in np.flatnonzero(main_N >= 0):
        own_N = apart_NN[chip] & (main_N == main_N[chip])
        other_N = apart_NN[chip] & (main_N != main_N[chip])
        if own_N.any() and other_N.any():
            more_like = cosine_NN[chip, own_N][:, None] > cosine_NN[chip, other_N]
            scores.setdefault(int(main_N[chip]), []).append(float(more_like.mean()))
    return float(np.mean([np.mean(of_one) for of_one in scores.values()]))


def probed(state: Mapping[str, Tensor], frames: list[ProbeFrame], *, device: str) -> Probe:
    """Return the probe of the encoder `state` in both modes."""
    network = (
        GreyResNet50(from_state({name: tensor.clone() for name, tensor in state.items()}), "map")
        .to(device)
        .eval()
    )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    windows = window_weights(
        np.arange(0, FRAME_PX - CHIP_PX + 1, STRIDE_PX), CHIP_PX, FRAME_PX // STRIDE_PX
    )
    scores = []
    for frame in frames:
        with torch.inference_mode(), torch.autocast(torch.device(device).type, torch.bfloat16):
            chips = network(torch.from_numpy(frame.chips_NHW)[:, None].to(device))
            whole = network(torch.from_numpy(frame.image_YX)[None, None].to(device))
        chips_ND = chips.float().mean(dim=(1, 2)).cpu().numpy()
        shared_ND = pool_windows(whole.float()[0].cpu().numpy(), windows, windows)
        scores.append(
            [likeness(e_ND, frame.main_N, frame.columns) for e_ND in (chips_ND, shared_ND)]
        )
    chips_mean, shared_mean = np.mean(scores, axis=0)
    return Probe(chips=float(chips_mean), shared=float(shared_mean))
