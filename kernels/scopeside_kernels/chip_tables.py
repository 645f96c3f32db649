"""What cutting and resizing chips on a device needs to know; made once for a frame shape.

Shape suffixes: R, C rows and columns of the chip grid; H pixels of a resized axis; T taps, the
frame's pixels that one of those is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from scopeside_kernels.reference import Int64, resize_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipTables:
    """Tables on one device. Chips are square, so both axes share their taps.

    Pixel h of a resized axis is the sum over t of `weights_HT[h, t]` times pixel
    `first_H[h] + t` of the chip. Chips that keep their size have one tap of weight one.
    """

    chip_px: int
    input_px: int
    y0_R: torch.Tensor
    x0_C: torch.Tensor
    first_H: torch.Tensor
    weights_HT: torch.Tensor

    @property
    def chips(self) -> int:
        return len(self.y0_R) * len(self.x0_C)


def chip_tables(
    y0_R: Int64, x0_C: Int64, chip_px: int, input_px: int, *, device: torch.device | str
) -> ChipTables:
    """Prepare `chips` for chips at these origins, resized to `input_px`."""
    weights_HY = resize_weights(chip_px, input_px)
    first_H = np.argmax(weights_HY > 0, axis=1)
    taps = int((chip_px - np.argmax(weights_HY[:, ::-1] > 0, axis=1) - first_H).max())
    padded_HY = np.pad(weights_HY, ((0, 0), (0, taps)))
    weights_HT = np.take_along_axis(padded_HY, first_H[:, None] + np.arange(taps), axis=1)
    return ChipTables(
        chip_px=chip_px,
        input_px=input_px,
        y0_R=torch.from_numpy(y0_R.astype(np.int32)).to(device),
        x0_C=torch.from_numpy(x0_C.astype(np.int32)).to(device),
        first_H=torch.from_numpy(first_H.astype(np.int32)).to(device),
        weights_HT=torch.from_numpy(weights_HT).to(device),
    )
