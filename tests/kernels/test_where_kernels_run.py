"""Tests of kernels put their tensors where the kernels run: a compiled one takes no host's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted((*HERE.glob("test_*_kernel.py"), *HERE.glob("test_*_on_gpu.py")))
ON_HOST = re.compile(
    r'device="cpu"'
    r"|torch\.from_numpy\([^()]*(\([^()]*\)[^()]*)*\)(?!\.to\(DEVICE)"
    r"|torch\.(zeros|ones|empty|full|tensor|arange)\((?![^\n]*device=)"
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_tensor_is_made_on_the_host_for_a_kernel(file: Path) -> None:
    assert [found[0] for found in ON_HOST.finditer(file.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "line", ['plan(5, 4, device="cpu")', "torch.from_numpy(f(x).y)", "torch.zeros((2, 2))"]
)
def test_such_a_tensor_would_be_found(line: str) -> None:
    assert ON_HOST.search(line)
