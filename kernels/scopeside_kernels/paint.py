"""Overlapping votes to labels and confidence, the bits of `reference.paint_plan`.

One program paints one piece of the frame that the same chips cover, so the ids it compares are
scalars and only weights are computed per pixel. Chips are gone through twice: with their own ids,
then with their second ones. All arithmetic is in integers. Proven in Triton's interpreter and
compiled (see `resources.json`).

Shape suffixes: N chips, row-major; Y, X frame pixels; P pieces of an axis.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config
from scopeside_kernels.paint_tables import PaintTables
from scopeside_kernels.reference import BALLOTS


@triton.jit
def _weight(place, chip_px, TRIANGLE: tl.constexpr):
    return tl.minimum(2 * place + 1, 2 * chip_px - 2 * place - 1) if TRIANGLE else place * 0 + 1


@triton.jit
def _entry(ids_ptr, second_ptr, ballots_ptr, chip, second, ALL: tl.constexpr):
    """The id that a chip casts votes for, its own or its second one, and how many."""
    own = tl.load(ballots_ptr + chip).to(tl.int32)
    name = tl.load(ids_ptr + chip).to(tl.int32)
    other = tl.load(second_ptr + chip).to(tl.int32)
    return tl.where(second == 1, other, name), tl.where(second == 1, ALL - own, own)


@triton.jit
def _paint(
    ids_ptr,
    second_ptr,
    ballots_ptr,
    y0_ptr,
    x0_ptr,
    pieces_y_ptr,
    pieces_x_ptr,
    labels_ptr,
    confidence_ptr,
    pieces_x,
    chip_cols,
    chip_px,
    stride_label_y,
    stride_label_x,
    stride_confidence_y,
    stride_confidence_x,
    TRIANGLE: tl.constexpr,
    WIDE: tl.constexpr,
    ALL: tl.constexpr,
    BLOCK_Y: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    VOTES: tl.constexpr = tl.int64 if WIDE else tl.int32
    piece_y = pieces_y_ptr + tl.program_id(0) // pieces_x * 4
    piece_x = pieces_x_ptr + tl.program_id(0) % pieces_x * 4
    y = tl.load(piece_y) + tl.arange(0, BLOCK_Y)
    x = tl.load(piece_x) + tl.arange(0, BLOCK_X)
    first_row = tl.load(piece_y + 2)
    first_col = tl.load(piece_x + 2)
    rows = tl.load(piece_y + 3) - first_row + 1
    cols = tl.load(piece_x + 3) - first_col + 1

    total_y = tl.zeros([BLOCK_Y], VOTES)
    for row in range(rows):
        total_y += _weight(y - tl.load(y0_ptr + first_row + row), chip_px, TRIANGLE).to(VOTES)
    total_x = tl.zeros([BLOCK_X], VOTES)
    for col in range(cols):
        total_x += _weight(x - tl.load(x0_ptr + first_col + col), chip_px, TRIANGLE).to(VOTES)

    winner = tl.zeros([BLOCK_Y, BLOCK_X], tl.int32)
    most = tl.full([BLOCK_Y, BLOCK_X], -1, VOTES)
    chips = rows * cols
    entries = 2 * chips
    for candidate in range(entries):
        at = candidate % chips
        chip = (first_row + at // cols) * chip_cols + first_col + at % cols
        second = candidate // chips
        name, ballots = _entry(ids_ptr, second_ptr, ballots_ptr, chip, second, ALL)
        # Each id is counted once, at the first chip that casts a vote for it.
        seen = (ballots == 0).to(tl.int32)
        for other in range(candidate):
            at = other % chips
            chip = (first_row + at // cols) * chip_cols + first_col + at % cols
            rival, ballots = _entry(ids_ptr, second_ptr, ballots_ptr, chip, other // chips, ALL)
            seen += ((rival == name) & (ballots > 0)).to(tl.int32)
        if seen == 0:
            votes = tl.zeros([BLOCK_Y, BLOCK_X], VOTES)
            for other in range(candidate, entries):
                at = other % chips
                row = first_row + at // cols
                col = first_col + at % cols
                rival, ballots = _entry(
                    ids_ptr,
                    second_ptr,
                    ballots_ptr,
                    row * chip_cols + col,
                    other // chips,
                    ALL,
                )
                if rival == name:
                    weight_y = _weight(y - tl.load(y0_ptr + row), chip_px, TRIANGLE).to(VOTES)
                    weight_x = _weight(x - tl.load(x0_ptr + col), chip_px, TRIANGLE).to(VOTES)
                    votes += weight_y[:, None] * weight_x[None, :] * ballots
            better = (votes > most) | ((votes == most) & (name < winner))
            winner = tl.where(better, name, winner)
            most = tl.where(better, votes, most)

    inside = (y < tl.load(piece_y + 1))[:, None] & (x < tl.load(piece_x + 1))[None, :]
    total = tl.where(inside, total_y[:, None] * total_x[None, :] * ALL, 1)  # past a chip zero
    share = (510 * most + total) // (2 * total)
    y = y.to(tl.int64)
    x = x.to(tl.int64)
    labels = labels_ptr + (y * stride_label_y)[:, None] + (x * stride_label_x)[None, :]
    tl.store(labels, winner.to(labels_ptr.dtype.element_ty), inside)
    shares = (
        confidence_ptr + (y * stride_confidence_y)[:, None] + (x * stride_confidence_x)[None, :]
    )
    tl.store(shares, share.to(tl.uint8), inside)


def paint(
    ids_N: torch.Tensor,
    tables: PaintTables,
    *,
    second_N: torch.Tensor | None = None,
    ballots_N: torch.Tensor | None = None,
    labels_YX: torch.Tensor | None = None,
    confidence_YX: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return every pixel's label (uint16) and the share of the votes for it (uint8, 0 to 255).

    `ids_N` holds ids of 0 to 65535 in any integer dtype; so does `second_N`, for which chips cast
    what `ballots_N` leaves of `reference.BALLOTS` (both or neither). The outputs are made where
    they are not given; given ones may have any strides.
    """
    if labels_YX is None:
        labels_YX = torch.empty(tables.shape, dtype=torch.uint16, device=ids_N.device)
    if confidence_YX is None:
        confidence_YX = torch.empty(tables.shape, dtype=torch.uint8, device=ids_N.device)
    if second_N is None or ballots_N is None:
        second_N, ballots_N = ids_N, torch.full_like(ids_N, BALLOTS, dtype=torch.uint8)
    pieces = len(tables.pieces_y_P4) * len(tables.pieces_x_P4)
    config = launch_config("paint", ids_N.device)
    _paint[(pieces,)](
        ids_N.contiguous(),
        second_N.contiguous(),
        ballots_N.contiguous(),
        tables.y0_R,
        tables.x0_C,
        tables.pieces_y_P4,
        tables.pieces_x_P4,
        labels_YX,
        confidence_YX,
        len(tables.pieces_x_P4),
        tables.chips[1],
        tables.chip_px,
        *labels_YX.stride(),
        *confidence_YX.stride(),
        TRIANGLE=tables.window == "triangle",
        WIDE=tables.wide,
        ALL=BALLOTS,
        BLOCK_Y=tables.block_px,
        BLOCK_X=tables.block_px,
        **config.options,
    )
    return labels_YX, confidence_YX
