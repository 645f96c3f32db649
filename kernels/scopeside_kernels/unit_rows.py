"""Embeddings centred and scaled to length one, after `reference.unit_rows`.

Sums run in float64 as the reference's do, in an order fixed by the launch configuration: the
mean over bands of rows and then over the bands, a row's norm over blocks of its features. So the
answer is the same from run to run and agrees with the reference but for the last bit of float32.
Proven in Triton's interpreter and compiled (see `resources.json`).

Shape suffixes: N rows (chips); D features; B bands of rows.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config
from scopeside_kernels.reference import NEGLIGIBLE_NORM


@triton.jit
def _sum_bands(
    rows_ptr,
    bands_ptr,
    nodes,
    features,
    band_rows,
    stride_n,
    stride_d,
    BLOCK_N: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    band = tl.program_id(1)
    d = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    total = tl.zeros([BLOCK_D], tl.float64)
    last = tl.minimum((band + 1) * band_rows, nodes)
    for first in range(band * band_rows, last, BLOCK_N):
        n = first + tl.arange(0, BLOCK_N)
        inside = (n < last)[:, None] & (d < features)[None, :]
        at = rows_ptr + (n.to(tl.int64) * stride_n)[:, None] + (d.to(tl.int64) * stride_d)[None, :]
        total += tl.sum(tl.load(at, inside, other=0).to(tl.float64), 0)
    tl.store(bands_ptr + band * features + d, total, d < features)


@triton.jit
def _mean(
    bands_ptr,
    mean_ptr,
    nodes,
    features,
    bands,
    BLOCK_D: tl.constexpr,
):
    d = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    total = tl.zeros([BLOCK_D], tl.float64)
    for band in range(bands):
        total += tl.load(bands_ptr + band * features + d, d < features, other=0)
    tl.store(mean_ptr + d, total / nodes, d < features)


@triton.jit
def _scale_rows(
    rows_ptr,
    mean_ptr,
    unit_ptr,
    half_ptr,
    features,
    stride_n,
    stride_d,
    stride_unit_n,
    stride_unit_d,
    stride_half_n,
    stride_half_d,
    NEGLIGIBLE: tl.constexpr,
    CENTRED: tl.constexpr,
    HALF: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    n = tl.program_id(0).to(tl.int64)
    own = tl.zeros([BLOCK_D], tl.float64)
    left = tl.zeros([BLOCK_D], tl.float64)
    for first in range(0, features, BLOCK_D):
        d = first + tl.arange(0, BLOCK_D)
        at = rows_ptr + n * stride_n + d.to(tl.int64) * stride_d
        value = tl.load(at, d < features, other=0).to(tl.float64)
        own += value * value
        if CENTRED:
            value -= tl.load(mean_ptr + d, d < features, other=0)
        left += value * value
    norm = tl.sqrt(tl.sum(left))
    real = norm > NEGLIGIBLE * tl.sqrt(tl.sum(own))
    inverse = tl.where(real, 1.0 / tl.where(real, norm, 1.0), 0.0)
    for first in range(0, features, BLOCK_D):  # once more, from the cache
        d = first + tl.arange(0, BLOCK_D)
        at = rows_ptr + n * stride_n + d.to(tl.int64) * stride_d
        value = tl.load(at, d < features, other=0).to(tl.float64)
        if CENTRED:
            value -= tl.load(mean_ptr + d, d < features, other=0)
        unit = (value * inverse).to(tl.float32)
        at = unit_ptr + n * stride_unit_n + d.to(tl.int64) * stride_unit_d
        tl.store(at, unit, d < features)
        if HALF:
            at = half_ptr + n * stride_half_n + d.to(tl.int64) * stride_half_d
            tl.store(at, unit.to(tl.float16), d < features)


def unit_rows(
    embeddings_ND: torch.Tensor,
    *,
    centred: bool,
    unit_ND: torch.Tensor | None = None,
    half_ND: torch.Tensor | None = None,
    room_BD: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the rows at length one as float32; `half_ND`, where given, takes them as float16.

    Embeddings are float32 or float16. Any strides. The rule for rows that centring leaves next
    to nothing of is the reference's (`NEGLIGIBLE_NORM`). `room_BD`, of `unit_rows_room`, spares
    an allocation where `centred`.
    """
    nodes, features = embeddings_ND.shape
    device = embeddings_ND.device
    if unit_ND is None:
        unit_ND = torch.empty((nodes, features), dtype=torch.float32, device=device)
    if nodes == 0 or features == 0:
        return unit_ND
    config = launch_config("unit_rows", device)
    blocks = config.blocks
    if room_BD is None:
        room_BD = unit_rows_room(features, device=device)
    mean_D = room_BD[-1]
    if centred:
        bands = len(room_BD) - 1
        columns = triton.cdiv(features, blocks["BLOCK_D"])
        _sum_bands[(columns, bands)](
            embeddings_ND,
            room_BD,
            nodes,
            features,
            triton.cdiv(nodes, bands),
            *embeddings_ND.stride(),
            BLOCK_N=blocks["BLOCK_N"],
            BLOCK_D=blocks["BLOCK_D"],
            **config.options,
        )
        _mean[(columns,)](
            room_BD, mean_D, nodes, features, bands, BLOCK_D=blocks["BLOCK_D"], **config.options
        )
    _scale_rows[(nodes,)](
        embeddings_ND,
        mean_D,
        unit_ND,
        unit_ND if half_ND is None else half_ND,
        features,
        *embeddings_ND.stride(),
        *unit_ND.stride(),
        *(unit_ND if half_ND is None else half_ND).stride(),
        NEGLIGIBLE=NEGLIGIBLE_NORM,
        CENTRED=centred,
        HALF=half_ND is not None,
        BLOCK_D=min(blocks["ROW_D"], max(16, triton.next_power_of_2(features))),
        **config.options,
    )
    return unit_ND


def unit_rows_room(features: int, *, device: torch.device | str) -> torch.Tensor:
    """Room for the sums of `unit_rows`, to be kept from frame to frame: bands, then the mean."""
    device = torch.device(device)
    bands = launch_config("unit_rows", device).blocks["BANDS"]
    return torch.empty((bands + 1, features), dtype=torch.float64, device=device)
