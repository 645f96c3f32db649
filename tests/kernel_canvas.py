"""Tensors for kernels to write on and to read from, made to show writes gone astray.

A test module that imports this is skipped where Triton is not installed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET", "0") == "1" else "cuda"

Layout = Literal["packed", "margins", "transposed"]
LAYOUTS: tuple[Layout, ...] = ("packed", "margins", "transposed")


@dataclass(frozen=True)
class Canvas:
    """An output filled with a canary, with canaries around it as far as its layout has room."""

    view: torch.Tensor
    _whole: torch.Tensor
    _canary: float

    def read(self) -> NDArray[Any]:
        """What was written, after a check that nothing beside the output was."""
        written = self.view.cpu().numpy().copy()
        self.view.fill_(self._canary)
        outside = self._whole.cpu().numpy()
        assert (outside == outside.dtype.type(self._canary)).all(), "written beside the output"
        return written


def canvas(
    shape: tuple[int, ...], dtype: torch.dtype, layout: Layout = "margins", canary: float = 113
) -> Canvas:
    """An output of `shape` in one of the `LAYOUTS`, every element of it the canary."""
    if layout == "packed":
        whole = torch.full((int(np.prod(shape)) + 64,), canary, dtype=dtype, device=DEVICE)
        return Canvas(whole[: int(np.prod(shape))].view(shape), whole, canary)
    outer = tuple(length + 5 for length in (shape if layout == "margins" else shape[::-1]))
    whole = torch.full(outer, canary, dtype=dtype, device=DEVICE)
    view = whole[tuple(slice(2, -3) for _ in outer)]
    if layout == "transposed":
        view = view.permute(*reversed(range(view.dim())))
    return Canvas(view, whole, canary)


def there(values: NDArray[Any]) -> torch.Tensor:
    """The same values where the kernels run."""
    return torch.from_numpy(values).to(DEVICE)


def laid_out(values: NDArray[Any], layout: Layout) -> torch.Tensor:
    """The same values as an input in one of the `LAYOUTS`; packed ones are contiguous."""
    if layout == "packed":
        return torch.from_numpy(values.copy()).to(DEVICE)
    step = 2 if layout == "margins" else 1
    source = values if layout == "margins" else values.transpose()
    whole = np.zeros([length * step + 3 for length in source.shape], values.dtype)
    place = tuple(slice(1, 1 + step * length, step) for length in source.shape)
    whole[place] = source
    view = torch.from_numpy(whole).to(DEVICE)[place]
    return view if layout == "margins" else view.permute(*reversed(range(view.dim())))
