"""Every Louvain kernel compiles for cards that are not here, and none spills registers."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="the kernels are written in Triton, which is not installed")

PROGRAM = r"""
import json, re, subprocess, sys, tempfile
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from scopeside_kernels.louvain.signatures import signatures

found = {}
for one in signatures():
    source = ASTSource(one.kernel, dict(one.types), dict(one.constants))
    target = GPUTarget("cuda", int(sys.argv[1]), 32)
    made = triton.compile(source, target=target, options={"num_warps": one.warps})
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        tool = triton.knobs.nvidia.cuobjdump.path
        command = [tool, "--dump-resource-usage", file.name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    use = re.search(r"REG:(\d+) STACK:(\d+) .*?LOCAL:(\d+)", text)
    found[one.name] = [int(use[1]), int(use[2]) + int(use[3]), made.metadata.shared]
json.dump(found, sys.stdout)
"""


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_without_a_card_and_do_not_spill(capability: int) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(capability)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(answer.stdout)
    assert len({name.partition(":")[0] for name in found}) == 11
    for name, (registers, spilled_bytes, shared_bytes) in found.items():
        assert spilled_bytes == 0, name
        assert registers <= 128, name
        assert shared_bytes <= 48 * 1024, name
