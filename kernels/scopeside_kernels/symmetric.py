"""Neighbour lists joined both ways, after `reference.symmetric_csr`: CSR or ELL on the device.

Four launches, none of which waits for the host: count each row's edges, add the counts up, drop
every edge anywhere in its row, and put each row in order. Where an edge is dropped depends on
timing and only passes through scratch: an edge's final place is the number of smaller neighbours
in its row. So the bits are the reference's and the same from run to run.

A row has as many edges as others list it, up to N - 1, and putting it in order takes the square
of their number; kNN graphs have few rows of more than some hundred. Proven in Triton's
interpreter and compiled (see `resources.json`).

Shape suffixes: N rows (chips); K neighbours; E directed edges, room for all there can be; W width
of an ELL row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphTensors:
    """A symmetric graph on a device and the room in which it is made; reused from frame to frame.

    As CSR, `offsets` (N + 1, int64) says where rows begin in `neighbours` (int32) and `weights`
    (float32); `offsets[-1]` is how many of their places are in use, and the rest holds nothing in
    particular. As ELL, `neighbours` and `weights` are `(N, width)`, rows filled up with -1 and 0;
    a row of more edges than `width` keeps those of its lowest neighbours, and `degree_N` (int32),
    which always has the true number, tells.
    """

    width: int | None
    offsets: torch.Tensor
    degree_N: torch.Tensor
    neighbours: torch.Tensor
    weights: torch.Tensor
    cursor_N: torch.Tensor
    scratch_neighbours_E: torch.Tensor
    scratch_weights_E: torch.Tensor


def graph_tensors(
    nodes: int, k: int, *, device: torch.device | str, width: int | None = None
) -> GraphTensors:
    """Make room for the graph of that many rows with `k` neighbours; ELL where a width is given."""
    edges = 2 * nodes * k
    shape = (edges,) if width is None else (nodes, width)

    def zeros(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype, device=device)

    return GraphTensors(
        width=width,
        offsets=zeros(nodes + 1, dtype=torch.int64),
        degree_N=zeros(nodes),
        neighbours=zeros(*shape),
        weights=zeros(*shape, dtype=torch.float32),
        cursor_N=zeros(nodes),
        scratch_neighbours_E=zeros(edges),
        scratch_weights_E=zeros(edges, dtype=torch.float32),
    )


@triton.jit
def _edges(
    neighbours_ptr,
    similarities_ptr,
    nodes,
    k,
    stride_neighbour_n,
    stride_neighbour_k,
    stride_similarity_n,
    stride_similarity_k,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """A block of listed pairs: from, to, weight, whether joined, whether listed both ways."""
    e = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    row = e // k
    place = e % k
    listed = row < nodes
    at = neighbours_ptr + row * stride_neighbour_n + place * stride_neighbour_k
    other = tl.load(at, listed, other=0).to(tl.int64)
    at = similarities_ptr + row * stride_similarity_n + place * stride_similarity_k
    weight = tl.load(at, listed, other=0)
    back = tl.arange(0, BLOCK_K)[None, :]
    there = listed[:, None] & (back < k)
    at = neighbours_ptr + (other * stride_neighbour_n)[:, None] + back * stride_neighbour_k
    same = tl.load(at, there, other=-1).to(tl.int64) == row[:, None]
    at = similarities_ptr + (other * stride_similarity_n)[:, None] + back * stride_similarity_k
    weight_back = tl.load(at, there & same, other=-float("inf"))
    weight = tl.maximum(weight, tl.max(weight_back, 1))
    mutual = tl.max((there & same).to(tl.int32), 1) > 0
    return row, other, weight, listed & (weight > 0), mutual


@triton.jit
def _count(
    neighbours_ptr,
    similarities_ptr,
    degree_ptr,
    nodes,
    k,
    stride_neighbour_n,
    stride_neighbour_k,
    stride_similarity_n,
    stride_similarity_k,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    row, other, _, joined, mutual = _edges(
        neighbours_ptr,
        similarities_ptr,
        nodes,
        k,
        stride_neighbour_n,
        stride_neighbour_k,
        stride_similarity_n,
        stride_similarity_k,
        BLOCK_E,
        BLOCK_K,
    )
    tl.atomic_add(degree_ptr + row, 1, joined, sem="relaxed")
    tl.atomic_add(degree_ptr + other, 1, joined & (mutual == 0), sem="relaxed")


@triton.jit
def _scatter(
    neighbours_ptr,
    similarities_ptr,
    offsets_ptr,
    cursor_ptr,
    scratch_neighbours_ptr,
    scratch_weights_ptr,
    nodes,
    k,
    stride_neighbour_n,
    stride_neighbour_k,
    stride_similarity_n,
    stride_similarity_k,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    row, other, weight, joined, mutual = _edges(
        neighbours_ptr,
        similarities_ptr,
        nodes,
        k,
        stride_neighbour_n,
        stride_neighbour_k,
        stride_similarity_n,
        stride_similarity_k,
        BLOCK_E,
        BLOCK_K,
    )
    place = tl.load(offsets_ptr + row, joined, other=0)
    place += tl.atomic_add(cursor_ptr + row, 1, joined, sem="relaxed")
    tl.store(scratch_neighbours_ptr + place, other.to(tl.int32), joined)
    tl.store(scratch_weights_ptr + place, weight, joined)
    one_way = joined & (mutual == 0)
    place = tl.load(offsets_ptr + other, one_way, other=0)
    place += tl.atomic_add(cursor_ptr + other, 1, one_way, sem="relaxed")
    tl.store(scratch_neighbours_ptr + place, row.to(tl.int32), one_way)
    tl.store(scratch_weights_ptr + place, weight, one_way)


@triton.jit
def _order(
    offsets_ptr,
    scratch_neighbours_ptr,
    scratch_weights_ptr,
    neighbours_ptr,
    weights_ptr,
    width,
    ELL: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0)
    begin = tl.load(offsets_ptr + row)
    degree = (tl.load(offsets_ptr + row + 1) - begin).to(tl.int32)
    target = row.to(tl.int64) * width if ELL else begin
    for first in range(0, degree, BLOCK):
        place = first + tl.arange(0, BLOCK)
        mine = place < degree
        other = tl.load(scratch_neighbours_ptr + begin + place, mine, other=0)
        weight = tl.load(scratch_weights_ptr + begin + place, mine, other=0)
        rank = tl.zeros([BLOCK], tl.int32)
        for start in range(0, degree, BLOCK):
            rival_place = start + tl.arange(0, BLOCK)
            rival = tl.load(
                scratch_neighbours_ptr + begin + rival_place, rival_place < degree, other=2**31 - 1
            )
            rank += tl.sum((rival[None, :] < other[:, None]).to(tl.int32), 1)
        kept = mine & (rank < width) if ELL else mine
        tl.store(neighbours_ptr + target + rank, other, kept)
        tl.store(weights_ptr + target + rank, weight, kept)


def symmetric(
    neighbours_NK: torch.Tensor, similarities_NK: torch.Tensor, out: GraphTensors | None = None
) -> GraphTensors:
    """Join every row to its neighbours, both ways, with the rules of `reference.symmetric_csr`.

    Takes what `neighbours` returns: int32 and float32, of any strides. No row lists itself, or
    another twice.
    """
    nodes, k = neighbours_NK.shape
    if out is None:
        out = graph_tensors(nodes, k, device=neighbours_NK.device)
    for counter in (out.degree_N, out.cursor_N):
        counter.zero_()
    if out.width is not None:
        out.neighbours.fill_(-1)
        out.weights.zero_()
    if k == 0:
        out.offsets.zero_()
        return out
    config = launch_config("symmetric", neighbours_NK.device)
    block_e = config.blocks["BLOCK_E"]
    block_k = triton.next_power_of_2(k)
    grid = (triton.cdiv(nodes * k, block_e),)
    strides = (*neighbours_NK.stride(), *similarities_NK.stride())
    _count[grid](
        neighbours_NK,
        similarities_NK,
        out.degree_N,
        nodes,
        k,
        *strides,
        BLOCK_E=block_e,
        BLOCK_K=block_k,
        **config.options,
    )
    torch.cumsum(out.degree_N, 0, dtype=torch.int64, out=out.offsets[1:])
    _scatter[grid](
        neighbours_NK,
        similarities_NK,
        out.offsets,
        out.cursor_N,
        out.scratch_neighbours_E,
        out.scratch_weights_E,
        nodes,
        k,
        *strides,
        BLOCK_E=block_e,
        BLOCK_K=block_k,
        **config.options,
    )
    _order[(nodes,)](
        out.offsets,
        out.scratch_neighbours_E,
        out.scratch_weights_E,
        out.neighbours,
        out.weights,
        out.width or 0,
        ELL=out.width is not None,
        BLOCK=config.blocks["BLOCK_ROW"],
        **config.options,
    )
    return out
