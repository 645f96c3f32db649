"""Every kind of launch that the ops make, on tensors of a frame's usual size.

For compiling without a card (`compiled.py`) and for warming up. The tensors hold nothing in
particular. An example stands for what Triton compiles differently: dtypes, flags, block sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from scopeside_kernels.neighbours import Precision, neighbours
from scopeside_kernels.paint import paint
from scopeside_kernels.paint_tables import paint_tables
from scopeside_kernels.regions import regions
from scopeside_kernels.symmetric import graph_tensors, symmetric
from scopeside_kernels.unit_rows import unit_rows

FRAME = (1024, 1024)
EMBEDDINGS = (1024, 2048)


def _paint(chip_px: int, origins: int) -> None:
    y0 = np.arange(origins, dtype=np.int64)
    shape = (origins + chip_px - 1, origins + chip_px - 1)
    tables = paint_tables(y0, y0, chip_px, shape, device="cpu")
    paint(torch.zeros(origins**2, dtype=torch.uint16), tables)


def _regions(dtype: torch.dtype) -> None:
    regions(
        torch.zeros(FRAME, dtype=torch.uint16),
        torch.zeros(FRAME, dtype=torch.uint8),
        torch.zeros(FRAME, dtype=dtype),
        torch.zeros(12, dtype=torch.uint16),
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


EXAMPLES: Mapping[str, Callable[[], None]] = {
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
}
