"""What painting on a device needs to know of a chip grid; made once for a frame shape.

Shape suffixes: R, C rows and columns of the chip grid; P pieces of an axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from scopeside_kernels.launch import launch_config
from scopeside_kernels.reference import BALLOTS, AxisPlan, Int32, Int64, Window, plan_paint


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintTables:
    """Tables on one device. The pieces are those of `reference.plan_paint`, none above `block_px`.

    A row of `pieces_y_P4` is `start, end, first chip, last chip`: the same chips cover every
    pixel of a piece, so a program that paints one piece of each axis reads every id once.
    `wide` says that votes may pass what 32 bits hold on the way to a share of 255.
    """

    shape: tuple[int, int]
    chips: tuple[int, int]
    chip_px: int
    window: Window
    wide: bool
    block_px: int
    y0_R: torch.Tensor
    x0_C: torch.Tensor
    pieces_y_P4: torch.Tensor
    pieces_x_P4: torch.Tensor


def paint_tables(
    y0_R: Int64,
    x0_C: Int64,
    chip_px: int,
    shape: tuple[int, int],
    *,
    device: torch.device | str,
    window: Window = "triangle",
    block_px: int | None = None,
) -> PaintTables:
    """Prepare `paint` for chips at these origins, which must cover the frame.

    `block_px`, a power of two, is the committed launch configuration's where it is not given.
    """
    device = torch.device(device)
    block_px = block_px or launch_config("paint", device).blocks["BLOCK"]
    plan = plan_paint(y0_R, x0_C, chip_px, shape, window=window)
    most_votes = _most_votes(plan.y) * _most_votes(plan.x)

    def on_device(table: Int64 | Int32) -> torch.Tensor:
        return torch.from_numpy(table.astype(np.int32)).to(device)

    return PaintTables(
        shape=shape,
        chips=plan.chips,
        chip_px=chip_px,
        window=window,
        wide=511 * BALLOTS * most_votes >= 2**31,  # the share is (510 votes + total) // (2 total)
        block_px=block_px,
        y0_R=on_device(y0_R),
        x0_C=on_device(x0_C),
        pieces_y_P4=on_device(_pieces(plan.y, shape[0], block_px)),
        pieces_x_P4=on_device(_pieces(plan.x, shape[1], block_px)),
    )


def _most_votes(axis: AxisPlan) -> int:
    return int(max(weights.sum(axis=0).max() for weights in axis.weights))


def _pieces(axis: AxisPlan, length_px: int, block_px: int) -> Int64:
    end_I = np.append(axis.start_I[1:], length_px)
    pieces = [
        (start, min(start + block_px, end), first, last)
        for whole_start, end, first, last in zip(
            axis.start_I.tolist(),
            end_I.tolist(),
            axis.first_chip_I.tolist(),
            axis.last_chip_I.tolist(),
            strict=True,
        )
        for start in range(whole_start, end, block_px)
    ]
    return np.array(pieces, np.int64).reshape(-1, 4)
