"""Cosine nearest neighbours without an N x N matrix, after `reference.neighbours`.

A program multiplies a block of rows with one block of columns after another on the matrix units
and keeps, in registers, the best so far of each row. The columns are split among programs where
there are few rows; a second launch merges what the splits kept. What is kept is a 64-bit key, the
similarity in an order-preserving form above the complement of the index: keys are distinct, so
the selection is exact, equal similarities go to the lower index, and neither blocks nor splits
change the answer.

Precision of the product (`precision`), accumulated in float32 in every case:

- `tf32x3`, the default: three TF32 products, which together carry nearly all of float32;
- `ieee`: float32 multiply-adds without matrix units, slowest, closest to the reference;
- `tf32`: one product, 10 bits of mantissa: similarities are off by up to about 1e-3;
- rows given as float16 are multiplied as such, whatever `precision` says.

Equal rows have equal similarities to any other in all of them: an element's terms are added in
an order that does not depend on its column. Ties of different rows that are exact in the reference
(which itself rounds) need not be, and similarities closer than the precision may change places.
The two directions of a pair may differ in their last bits; `symmetric` takes the larger.

Proven in Triton's interpreter, which multiplies in float32 whatever the precision, and compiled
for each precision (see `resources.json`).

Shape suffixes: N rows (chips); D features; K neighbours; S splits of the columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config

Precision = Literal["tf32x3", "ieee", "tf32"]

# tl.constexpr, or Triton would not let kernels read them.
_NOTHING = tl.constexpr(-(2**63))
"""Below the key of any similarity, and below what fills places that hold none yet."""
_FILLING = tl.constexpr(-(2**63) + 2**20)
"""Keys up to this are no similarities."""


@triton.jit
def _insert(kept, keys):
    """Put those of each row's keys that belong there in the place of the lowest that are kept.

    All keys are distinct but `_NOTHING`, so "equal to the lowest" names one place. Rows get their
    turn together; later blocks improve few rows, and then there are few turns.
    """
    floor = tl.min(kept, 1)
    best = tl.max(keys, 1)
    while tl.max((best > floor).to(tl.int32)) > 0:
        replaced = (kept == floor[:, None]) & (best > floor)[:, None]
        kept = tl.where(replaced, best[:, None], kept)
        keys = tl.where(keys == best[:, None], _NOTHING, keys)
        floor = tl.min(kept, 1)
        best = tl.max(keys, 1)
    return kept


@triton.jit
def _nearest(
    unit_ptr,
    best_ptr,
    nodes,
    features,
    blocks_per_split,
    stride_n,
    stride_d,
    PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_D: tl.constexpr,
    KEPT: tl.constexpr,
):
    split = tl.program_id(1)
    i = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    rows_at = unit_ptr + (i.to(tl.int64) * stride_n)[:, None]
    place = tl.arange(0, KEPT)
    kept = tl.full([BLOCK_M, KEPT], _NOTHING, tl.int64) + (1 + place)[None, :]
    last = tl.minimum((split + 1) * blocks_per_split, tl.cdiv(nodes, BLOCK_N))
    for block in range(split * blocks_per_split, last):
        j = block * BLOCK_N + tl.arange(0, BLOCK_N)
        columns_at = unit_ptr + (j.to(tl.int64) * stride_n)[None, :]
        similarity = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
        for first in range(0, features, BLOCK_D):
            d = first + tl.arange(0, BLOCK_D)
            within = d < features
            at = d.to(tl.int64) * stride_d
            rows = tl.load(rows_at + at[None, :], (i < nodes)[:, None] & within[None, :], other=0)
            columns = tl.load(
                columns_at + at[:, None], (j < nodes)[None, :] & within[:, None], other=0
            )
            similarity = tl.dot(rows, columns, similarity, input_precision=PRECISION)
        similarity = tl.where(similarity == 0, 0.0, similarity)  # -0.0 must tie with 0.0
        bits = similarity.to(tl.int32, bitcast=True)
        ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # as integers in the order of the floats
        # The complement of the index below it, so that the lower of equals is the larger key.
        key = (ordered.to(tl.int64) << 32) | (j ^ 0x7FFFFFFF).to(tl.int64)[None, :]
        eligible = (j < nodes)[None, :] & (i[:, None] != j[None, :])
        kept = _insert(kept, tl.where(eligible, key, _NOTHING))
    row = split.to(tl.int64) * nodes + i
    best = best_ptr + row[:, None] * KEPT + place[None, :]
    tl.store(best, kept, (i < nodes)[:, None])


@triton.jit
def _merge_splits(
    best_ptr,
    neighbours_ptr,
    similarities_ptr,
    nodes,
    splits,
    k,
    stride_neighbour_n,
    stride_neighbour_k,
    stride_similarity_n,
    stride_similarity_k,
    BLOCK_M: tl.constexpr,
    KEPT: tl.constexpr,
):
    i = (tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
    within = i < nodes
    best = best_ptr + i[:, None] * KEPT + tl.arange(0, KEPT)[None, :]
    kept = tl.load(best, within[:, None], other=_NOTHING)
    for _ in range(1, splits):
        best += tl.cast(nodes, tl.int64) * KEPT
        keys = tl.load(best, within[:, None], other=_NOTHING)
        kept = _insert(kept, tl.where(keys > _FILLING, keys, _NOTHING))
    for place in range(k):
        first = tl.max(kept, 1)
        kept = tl.where(kept == first[:, None], _NOTHING, kept)
        ordered = (first >> 32).to(tl.int32)
        similarity = (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)
        index = (first & 0x7FFFFFFF).to(tl.int32) ^ 0x7FFFFFFF
        at = neighbours_ptr + i * stride_neighbour_n + place * stride_neighbour_k
        tl.store(at, index, within)
        at = similarities_ptr + i * stride_similarity_n + place * stride_similarity_k
        tl.store(at, similarity, within)


def neighbours(
    unit_ND: torch.Tensor,
    k: int,
    *,
    precision: Precision = "tf32x3",
    neighbours_NK: torch.Tensor | None = None,
    similarities_NK: torch.Tensor | None = None,
    room: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the `min(k, N - 1)` most similar other rows of every row, most similar first.

    Rows are float32 or float16, of any strides (fastest with features packed). Returns indices
    (int32) and similarities (float32). `room`, of `neighbours_room`, spares an allocation.
    """
    nodes, features = unit_ND.shape
    k = max(0, min(k, nodes - 1))
    device = unit_ND.device
    if neighbours_NK is None:
        neighbours_NK = torch.empty((nodes, k), dtype=torch.int32, device=device)
    if similarities_NK is None:
        similarities_NK = torch.empty((nodes, k), dtype=torch.float32, device=device)
    if k == 0:
        return neighbours_NK, similarities_NK
    config = launch_config("neighbours", device, _shape_class(unit_ND.dtype, precision))
    blocks = config.blocks
    cut = _cut(nodes, k, blocks)
    if room is None:
        room = torch.empty(cut.splits * nodes * cut.kept, dtype=torch.int64, device=device)
    _nearest[(triton.cdiv(nodes, blocks["BLOCK_M"]), cut.splits)](
        unit_ND,
        room,
        nodes,
        features,
        cut.blocks_per_split,
        *unit_ND.stride(),
        PRECISION=precision,
        BLOCK_M=blocks["BLOCK_M"],
        BLOCK_N=blocks["BLOCK_N"],
        BLOCK_D=blocks["BLOCK_D"],
        KEPT=cut.kept,
        **config.options,
    )
    _merge_splits[(triton.cdiv(nodes, blocks["MERGE_M"]),)](
        room,
        neighbours_NK,
        similarities_NK,
        nodes,
        cut.splits,
        k,
        *neighbours_NK.stride(),
        *similarities_NK.stride(),
        BLOCK_M=blocks["MERGE_M"],
        KEPT=cut.kept,
        num_warps=4,
    )
    return neighbours_NK, similarities_NK


def neighbours_room(
    nodes: int,
    k: int,
    *,
    dtype: torch.dtype,
    device: torch.device | str,
    precision: Precision = "tf32x3",
) -> torch.Tensor:
    """Room for what `neighbours` keeps between its launches, for rows of that dtype."""
    device = torch.device(device)
    blocks = launch_config("neighbours", device, _shape_class(dtype, precision)).blocks
    cut = _cut(nodes, max(0, min(k, nodes - 1)), blocks)
    return torch.empty(cut.splits * nodes * cut.kept, dtype=torch.int64, device=device)


@dataclass(frozen=True, slots=True)
class _Cut:
    kept: int
    blocks_per_split: int
    splits: int


def _cut(nodes: int, k: int, blocks: Mapping[str, int]) -> _Cut:
    """Split the columns among as many programs as keep a card busy, evenly."""
    column_blocks = triton.cdiv(nodes, blocks["BLOCK_N"])
    row_blocks = triton.cdiv(nodes, blocks["BLOCK_M"])
    splits = min(column_blocks, triton.cdiv(blocks["PROGRAMS"], row_blocks))
    blocks_per_split = triton.cdiv(column_blocks, splits)
    return _Cut(
        kept=triton.next_power_of_2(k),
        blocks_per_split=blocks_per_split,
        splits=triton.cdiv(column_blocks, blocks_per_split),
    )


def _shape_class(dtype: torch.dtype, precision: Precision) -> str:
    return "fp16" if dtype == torch.float16 else precision
