"""Every kind of launch that the ops make, on tensors of a frame's usual size.

For compiling without a card (`compiled.py`). The tensors hold nothing in particular; an example
stands for what Triton compiles differently: dtypes, flags, block sizes, whole numbers that are 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from scopeside_kernels.byteswap import byteswap
from scopeside_kernels.chip_tables import chip_tables
from scopeside_kernels.chips import chips
from scopeside_kernels.contrast import contrast_tensors, contrast_window
from scopeside_kernels.louvain import Rows, louvain
from scopeside_kernels.louvain.workspace import CARD, plan
from scopeside_kernels.neighbours import Precision, neighbours
from scopeside_kernels.normalise import normalise
from scopeside_kernels.paint import paint
from scopeside_kernels.paint_tables import paint_tables
from scopeside_kernels.regions import regions
from scopeside_kernels.symmetric import graph_tensors, symmetric
from scopeside_kernels.unit_rows import unit_rows

FRAME = (1024, 1024)
EMBEDDINGS = (1024, 2048)
MEASURED = 64
"""Communities in one launch of `regions`, as the service has it (`scopeside.device.lane.ASKED`)."""


def _paint(chip_px: int, origins: int) -> None:
    y0 = np.arange(origins, dtype=np.int64)
    shape = (origins + chip_px - 1, origins + chip_px - 1)
    tables = paint_tables(y0, y0, chip_px, shape, device="cpu")
    ids_N = torch.zeros(origins**2, dtype=torch.uint16)
    ballots_N = torch.zeros(origins**2, dtype=torch.uint8)
    paint(ids_N, tables, second_N=ids_N, ballots_N=ballots_N)


def _regions(dtype: torch.dtype) -> None:
    regions(
        torch.zeros(FRAME, dtype=torch.uint16),
        torch.zeros(FRAME, dtype=torch.uint8),
        torch.zeros(FRAME, dtype=dtype),
        torch.zeros(MEASURED, dtype=torch.uint16),
    )


def _unit_rows(dtype: torch.dtype) -> None:
    rows_ND = torch.zeros(EMBEDDINGS, dtype=dtype)
    half_ND = torch.empty(EMBEDDINGS, dtype=torch.float16)
    unit_rows(rows_ND, centred=True, half_ND=half_ND)
    unit_rows(rows_ND, centred=False)


def _neighbours(k: int, dtype: torch.dtype, precision: Precision = "tf32x3") -> None:
    neighbours(torch.zeros(EMBEDDINGS, dtype=dtype), k, precision=precision)


def _symmetric(k: int, width: int | None = None) -> None:
    nodes = EMBEDDINGS[0]
    symmetric(
        torch.zeros((nodes, k), dtype=torch.int32),
        torch.zeros((nodes, k)),
        graph_tensors(nodes, k, device="cpu", width=width),
    )


def _contrast(dtype: torch.dtype) -> None:
    frame_YX = torch.zeros(FRAME, dtype=dtype)
    found = contrast_tensors(dtype, device="cpu")
    contrast_window(frame_YX, 0.5, 99.5, out=found)
    normalise(frame_YX, found.window_2)


def _chips(
    dtype: torch.dtype, input_px: int, channels: int, precision: torch.dtype, *, last: bool = False
) -> None:
    origins = np.arange(0, FRAME[0] - 63, 32, dtype=np.int64)
    input_NCHW = torch.empty((8, channels, input_px, input_px), dtype=precision)
    if last:
        input_NCHW = input_NCHW.to(memory_format=torch.channels_last)
    chips(
        torch.zeros(FRAME, dtype=dtype),
        torch.zeros(2, dtype=torch.float64),
        chip_tables(origins, origins, 64, input_px, device="cpu"),
        input_NCHW,
    )


def _everything_smallest() -> None:
    """One of everything: Triton compiles a whole number that is 1 into the kernel."""
    one = np.zeros(1, dtype=np.int64)
    frame_YX, window_2 = torch.zeros((1, 1)), torch.zeros(2, dtype=torch.float64)
    byteswap(frame_YX)
    contrast_window(frame_YX, 0, 100)
    normalise(frame_YX, window_2)
    chips(frame_YX, window_2, chip_tables(one, one, 1, 1, device="cpu"), torch.zeros(1, 1, 1, 1))
    unit_rows(torch.zeros((1, 1)), centred=True)
    symmetric(*neighbours(torch.zeros((2, 1)), 1))
    labels_YX, confidence_YX = paint(
        torch.zeros(1, dtype=torch.uint16), paint_tables(one, one, 1, (1, 1), device="cpu")
    )
    regions(labels_YX, confidence_YX, frame_YX, torch.zeros(1, dtype=torch.uint16))


def _louvain(offset: torch.dtype, *, weighted: bool) -> None:
    nodes, width = EMBEDDINGS[0], 30
    offsets = torch.arange(0, nodes * width + 1, width, dtype=offset)
    neighbours_E = torch.zeros(nodes * width, dtype=torch.int32)
    weights_E = torch.ones(nodes * width) if weighted else None
    workspace = plan(nodes, nodes * width, device="cpu", blocks=CARD)
    louvain(Rows.from_csr(offsets, neighbours_E, weights_E), workspace)


def _byteswap() -> None:
    for dtype in (torch.uint16, torch.float32, torch.float64):
        byteswap(torch.zeros(FRAME, dtype=dtype))


EXAMPLES: Mapping[str, Callable[[], None]] = {
    "byteswap, 2, 4 and 8 bytes": _byteswap,
    "contrast, u1": lambda: _contrast(torch.uint8),
    "contrast, u2": lambda: _contrast(torch.uint16),
    "contrast, u4": lambda: _contrast(torch.uint32),
    "contrast, i2": lambda: _contrast(torch.int16),
    "contrast, i4": lambda: _contrast(torch.int32),
    "contrast, f2": lambda: _contrast(torch.float16),
    "contrast, f4": lambda: _contrast(torch.float32),
    "contrast, f8": lambda: _contrast(torch.float64),
    "chips, u2, copied, fp16": lambda: _chips(torch.uint16, 64, 1, torch.float16),
    "chips, u2, enlarged, fp32 x 3": lambda: _chips(torch.uint16, 224, 3, torch.float32),
    "chips, u2, enlarged, fp16 x 3, channels last": lambda: _chips(
        torch.uint16, 224, 3, torch.float16, last=True
    ),
    "chips, f4, shrunk, fp32": lambda: _chips(torch.float32, 32, 1, torch.float32),
    "chips, f8, enlarged, fp16": lambda: _chips(torch.float64, 224, 1, torch.float16),
    "paint, 64-px chips": lambda: _paint(64, 2),
    "paint, votes of 64 bits": lambda: _paint(512, 64),
    "regions, u2": lambda: _regions(torch.uint16),
    "regions, f4": lambda: _regions(torch.float32),
    "regions, f8": lambda: _regions(torch.float64),
    "unit rows, fp32": lambda: _unit_rows(torch.float32),
    "unit rows, fp16": lambda: _unit_rows(torch.float16),
    "15 neighbours, tf32x3": lambda: _neighbours(15, torch.float32),
    "64 neighbours, tf32x3": lambda: _neighbours(64, torch.float32),
    "15 neighbours, ieee": lambda: _neighbours(15, torch.float32, "ieee"),
    "64 neighbours, ieee": lambda: _neighbours(64, torch.float32, "ieee"),
    "15 neighbours, tf32": lambda: _neighbours(15, torch.float32, "tf32"),
    "15 neighbours, fp16": lambda: _neighbours(15, torch.float16),
    "64 neighbours, fp16": lambda: _neighbours(64, torch.float16),
    "15 neighbours to CSR": lambda: _symmetric(15),
    "64 neighbours to ELL": lambda: _symmetric(64, 192),
    "louvain, weighted, offsets of 64 bits": lambda: _louvain(torch.int64, weighted=True),
    "louvain, unweighted, offsets of 32 bits": lambda: _louvain(torch.int32, weighted=False),
    "everything smallest": _everything_smallest,
}
