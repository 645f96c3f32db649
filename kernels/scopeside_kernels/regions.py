"""Area, place, box, brightness and confidence of communities: one pass over the label map.

A program walks tiles of the frame, and in each the few labels that are there; what it finds it
adds to sums in registers, one place per community asked for, and stores once. A second launch
adds the programs' sums. There are no atomics: every order is fixed by the launch configuration.

Whole numbers (areas, moments, votes, intensities of integer frames) are summed exactly in 64
bits. Float intensities are summed in float64, in a tree per tile, then tile after tile, then
program after program: the same bits from run to run, and within a few float64 roundings of the
reference, whose order is another. Proven in Triton's interpreter and compiled (see
`resources.json`).

Shape suffixes: Y, X frame pixels; K communities; P programs; Q whole numbers kept of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config

QUANTITIES = 9
"""Area, sum of y, sum of x, y0, x0, y1, x1, sum of votes, finite pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionTensors:
    """`reference.Regions` on a device, and the room in which it is worked out.

    Reused from frame to frame, so that a series allocates nothing.
    """

    area_px_K: torch.Tensor
    centroid_K2: torch.Tensor
    bbox_K4: torch.Tensor
    mean_intensity_K: torch.Tensor
    confidence_K: torch.Tensor
    counts_PQK: torch.Tensor
    sums_PK: torch.Tensor


def region_tensors(
    communities: int,
    *,
    device: torch.device | str,
    float_image: bool,
    programs: int | None = None,
) -> RegionTensors:
    """Make room for that many communities of frames of floats, or of integers.

    A frame is divided among `programs`, those of the committed launch configuration when None.
    """
    device = torch.device(device)
    programs = programs or launch_config("regions", device).blocks["PROGRAMS"]

    def empty(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=device)

    return RegionTensors(
        area_px_K=empty(communities, dtype=torch.int64),
        centroid_K2=empty(communities, 2),
        bbox_K4=empty(communities, 4, dtype=torch.int64),
        mean_intensity_K=empty(communities),
        confidence_K=empty(communities),
        counts_PQK=empty(programs, QUANTITIES, communities, dtype=torch.int64),
        sums_PK=empty(programs, communities, dtype=torch.float64 if float_image else torch.int64),
    )


@triton.jit
def _measure(
    labels_ptr,
    confidence_ptr,
    image_ptr,
    ids_ptr,
    counts_ptr,
    sums_ptr,
    ny,
    nx,
    communities,
    stride_id,
    stride_label_y,
    stride_label_x,
    stride_confidence_y,
    stride_confidence_x,
    stride_image_y,
    stride_image_x,
    SCALE: tl.constexpr,
    BLOCK_Y: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    NOBODY: tl.constexpr = 65536  # behind every uint16 label
    FLOATS: tl.constexpr = sums_ptr.dtype.element_ty == tl.float64
    SUM: tl.constexpr = sums_ptr.dtype.element_ty
    program = tl.program_id(0)
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    ids = tl.load(ids_ptr + k * stride_id, k < communities, other=0).to(tl.int32)
    ids = tl.where(k < communities, ids, -1)
    area = tl.zeros([BLOCK_K], tl.int64)
    moment_y = tl.zeros([BLOCK_K], tl.int64)
    moment_x = tl.zeros([BLOCK_K], tl.int64)
    y0 = tl.full([BLOCK_K], 2**31 - 1, tl.int32)
    x0 = tl.full([BLOCK_K], 2**31 - 1, tl.int32)
    y1 = tl.zeros([BLOCK_K], tl.int32)
    x1 = tl.zeros([BLOCK_K], tl.int32)
    votes = tl.zeros([BLOCK_K], tl.int64)
    finite = tl.zeros([BLOCK_K], tl.int64)
    brightness = tl.zeros([BLOCK_K], SUM)

    tiles_x = tl.cdiv(nx, BLOCK_X)
    for tile in range(program, tl.cdiv(ny, BLOCK_Y) * tiles_x, tl.num_programs(0)):
        y = (tile // tiles_x * BLOCK_Y + tl.arange(0, BLOCK_Y))[:, None]
        x = (tile % tiles_x * BLOCK_X + tl.arange(0, BLOCK_X))[None, :]
        inside = (y < ny) & (x < nx)
        wide_y = y.to(tl.int64)
        wide_x = x.to(tl.int64)
        label_at = labels_ptr + wide_y * stride_label_y + wide_x * stride_label_x
        label = tl.load(label_at, inside, other=0).to(tl.int32)
        label = tl.where(inside, label, NOBODY)
        vote_at = confidence_ptr + wide_y * stride_confidence_y + wide_x * stride_confidence_x
        vote = tl.load(vote_at, inside, other=0).to(tl.int32)
        image_at = image_ptr + wide_y * stride_image_y + wide_x * stride_image_x
        value = tl.load(image_at, inside, other=0).to(SUM)
        if FLOATS:
            usable = tl.abs(value) < float("inf")
            value = tl.where(usable, value * SCALE, 0.0)
        else:
            usable = inside

        name = tl.min(label)
        while name < NOBODY:
            place = ids == name
            if tl.max(place.to(tl.int32)) > 0:
                mine = label == name
                area += tl.where(place, tl.sum(mine.to(tl.int32)).to(tl.int64), 0)
                moment_y += tl.where(place, tl.sum(tl.where(mine, y, 0)).to(tl.int64), 0)
                moment_x += tl.where(place, tl.sum(tl.where(mine, x, 0)).to(tl.int64), 0)
                y0 = tl.where(place, tl.minimum(y0, tl.min(tl.where(mine, y, ny))), y0)
                x0 = tl.where(place, tl.minimum(x0, tl.min(tl.where(mine, x, nx))), x0)
                y1 = tl.where(place, tl.maximum(y1, tl.max(tl.where(mine, y + 1, 0))), y1)
                x1 = tl.where(place, tl.maximum(x1, tl.max(tl.where(mine, x + 1, 0))), x1)
                votes += tl.where(place, tl.sum(tl.where(mine, vote, 0)).to(tl.int64), 0)
                finite += tl.where(place, tl.sum((mine & usable).to(tl.int32)).to(tl.int64), 0)
                brightness += tl.where(place, tl.sum(tl.where(mine, value, 0)), 0)
            name = tl.min(tl.where(label > name, label, NOBODY))

    asked = k < communities
    counts = counts_ptr + program.to(tl.int64) * 9 * communities + k
    tl.store(counts, area, asked)
    tl.store(counts + communities, moment_y, asked)
    tl.store(counts + 2 * communities, moment_x, asked)
    tl.store(counts + 3 * communities, y0.to(tl.int64), asked)
    tl.store(counts + 4 * communities, x0.to(tl.int64), asked)
    tl.store(counts + 5 * communities, y1.to(tl.int64), asked)
    tl.store(counts + 6 * communities, x1.to(tl.int64), asked)
    tl.store(counts + 7 * communities, votes, asked)
    tl.store(counts + 8 * communities, finite, asked)
    tl.store(sums_ptr + program.to(tl.int64) * communities + k, brightness, asked)


@triton.jit
def _finish(
    counts_ptr,
    sums_ptr,
    area_ptr,
    centroid_ptr,
    bbox_ptr,
    intensity_ptr,
    confidence_ptr,
    programs,
    communities,
    SCALE: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    FAR: tl.constexpr = 2**31 - 1
    k = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    asked = k < communities
    area = tl.zeros([BLOCK_K], tl.int64)
    moment_y = tl.zeros([BLOCK_K], tl.int64)
    moment_x = tl.zeros([BLOCK_K], tl.int64)
    y0 = tl.full([BLOCK_K], FAR, tl.int64)
    x0 = tl.full([BLOCK_K], FAR, tl.int64)
    y1 = tl.zeros([BLOCK_K], tl.int64)
    x1 = tl.zeros([BLOCK_K], tl.int64)
    votes = tl.zeros([BLOCK_K], tl.int64)
    finite = tl.zeros([BLOCK_K], tl.int64)
    brightness = tl.zeros([BLOCK_K], sums_ptr.dtype.element_ty)
    for first in range(0, programs, BLOCK_P):
        p = (first + tl.arange(0, BLOCK_P)).to(tl.int64)[:, None]
        here = (p < programs) & asked[None, :]
        counts = counts_ptr + p * 9 * communities + k[None, :]
        area += tl.sum(tl.load(counts, here, other=0), 0)
        moment_y += tl.sum(tl.load(counts + communities, here, other=0), 0)
        moment_x += tl.sum(tl.load(counts + 2 * communities, here, other=0), 0)
        y0 = tl.minimum(y0, tl.min(tl.load(counts + 3 * communities, here, other=FAR), 0))
        x0 = tl.minimum(x0, tl.min(tl.load(counts + 4 * communities, here, other=FAR), 0))
        y1 = tl.maximum(y1, tl.max(tl.load(counts + 5 * communities, here, other=0), 0))
        x1 = tl.maximum(x1, tl.max(tl.load(counts + 6 * communities, here, other=0), 0))
        votes += tl.sum(tl.load(counts + 7 * communities, here, other=0), 0)
        finite += tl.sum(tl.load(counts + 8 * communities, here, other=0), 0)
        sums = sums_ptr + p * communities + k[None, :]
        brightness += tl.sum(tl.load(sums, here, other=0), 0)

    nothing = area == 0
    tl.store(area_ptr + k, area, asked)
    bbox = bbox_ptr + 4 * k
    tl.store(bbox, tl.where(nothing, 0, y0), asked)
    tl.store(bbox + 1, tl.where(nothing, 0, x0), asked)
    tl.store(bbox + 2, y1, asked)
    tl.store(bbox + 3, x1, asked)
    nan = float("nan")
    divisor = tl.where(nothing, 1, area).to(tl.float64)
    centroid = centroid_ptr + 2 * k
    tl.store(centroid, tl.where(nothing, nan, moment_y.to(tl.float64) / divisor), asked)
    tl.store(centroid + 1, tl.where(nothing, nan, moment_x.to(tl.float64) / divisor), asked)
    confidence = votes.to(tl.float64) / (255.0 * divisor)
    tl.store(confidence_ptr + k, tl.where(nothing, nan, confidence), asked)
    mean = brightness.to(tl.float64) / tl.where(finite == 0, 1, finite).to(tl.float64) * SCALE
    tl.store(intensity_ptr + k, tl.where(finite == 0, nan, mean), asked)


def regions(
    labels_YX: torch.Tensor,
    confidence_YX: torch.Tensor,
    image_YX: torch.Tensor,
    ids_K: torch.Tensor,
    *,
    out: RegionTensors | None = None,
) -> RegionTensors:
    """Measure the communities `ids_K` (any integer dtype) on a label map and its frame.

    The label map is uint16, its confidence uint8, the frame any dtype of the wire in this
    machine's byte order; all may have any strides. The answer is that of `reference.regions`.
    Raises ValueError for room made for frames of the other kind.
    """
    (ny, nx), communities = labels_YX.shape, len(ids_K)
    float_image = image_YX.dtype.is_floating_point
    if out is None:
        out = region_tensors(communities, device=labels_YX.device, float_image=float_image)
    if out.sums_PK.dtype.is_floating_point != float_image:
        raise ValueError(f"This room is not for frames of {image_YX.dtype}: see region_tensors.")
    if communities == 0:
        return out
    blocks = launch_config("regions", labels_YX.device).blocks
    programs = len(out.counts_PQK)
    # Sums of doubles near their limit would overflow: see `reference._sum_runs`.
    scale = 2.0**32 if image_YX.dtype == torch.float64 else 1.0
    block_k = min(blocks["BLOCK_K"], triton.next_power_of_2(communities))
    options = launch_config("regions", labels_YX.device).options
    _measure[(programs, triton.cdiv(communities, block_k))](
        labels_YX,
        confidence_YX,
        image_YX,
        ids_K,
        out.counts_PQK,
        out.sums_PK,
        ny,
        nx,
        communities,
        ids_K.stride(0),
        *labels_YX.stride(),
        *confidence_YX.stride(),
        *image_YX.stride(),
        SCALE=1.0 / scale,
        BLOCK_Y=blocks["BLOCK_Y"],
        BLOCK_X=blocks["BLOCK_X"],
        BLOCK_K=block_k,
        **options,
    )
    block_k = min(blocks["FINISH_K"], triton.next_power_of_2(communities))
    _finish[(triton.cdiv(communities, block_k),)](
        out.counts_PQK,
        out.sums_PK,
        out.area_px_K,
        out.centroid_K2,
        out.bbox_K4,
        out.mean_intensity_K,
        out.confidence_K,
        programs,
        communities,
        SCALE=scale,
        BLOCK_P=blocks["FINISH_P"],
        BLOCK_K=block_k,
        **options,
    )
    return out
