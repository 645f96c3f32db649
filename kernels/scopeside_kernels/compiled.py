"""Compiles every kernel without a card, and reads what it takes of one.

    python -m scopeside_kernels.compiled [--target 90 ... | --write]

Triton gets a driver that knows a target but has no device behind it. The launchers then run as
they would on the card: Triton specialises and compiles what they launch, checks it against the
target's shared memory, and hands over a binary to load, which is measured instead. So the table
`resources.json` holds what is really launched by `examples`, not a list of signatures that would
have to be kept in step with it. Nothing is executed, and no result exists.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

from scopeside_kernels.examples import EXAMPLES
from scopeside_kernels.sources import fingerprint

TABLE = Path(__file__).with_name("resources.json")

SHARED_LIMIT_BYTES = {80: 166_912, 86: 101_376, 89: 101_376, 90: 232_448, 120: 101_376}
"""Most shared memory of one block, by compute capability: CUDA C++ Programming Guide, 163, 99,
99, 227 and 99 KiB."""

TARGETS = tuple(SHARED_LIMIT_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one compiled kernel takes: registers a thread, shared memory a block, and how many
    bytes of every thread's registers went to local memory instead (a spill: much slower)."""

    registers: int
    shared_bytes: int
    spill_bytes: int


class CardlessDriver(DriverBase):  # type: ignore[misc]  # Triton has no types
    """A driver for a target without a device: loading measures, launching does nothing."""

    def __init__(self, capability: int) -> None:
        super().__init__()
        self.loaded: dict[str, list[Resources]] = {}
        self._capability = capability
        # The names that Triton looks for.
        self.utils = SimpleNamespace(load_binary=self._load, get_device_properties=self._properties)
        self.launcher_cls = _no_launch

    @classmethod
    def is_active(cls) -> bool:
        return False

    def map_python_to_cpp_type(self, ty: str) -> str:
        return ty

    def get_current_target(self) -> Any:
        return GPUTarget("cuda", self._capability, 32)

    def get_current_device(self) -> int:
        """The capability: Triton keeps what it compiled by device, and targets must not mix."""
        return self._capability

    def get_current_stream(self, _device: int) -> int:
        return 0

    def get_active_torch_device(self) -> str:
        return "cpu"

    def get_benchmarker(self) -> Any:
        raise NotImplementedError("There is no card to measure on.")

    def _properties(self, _device: int) -> dict[str, int]:
        return {"max_shared_mem": SHARED_LIMIT_BYTES[self._capability]}

    def _load(
        self, name: str, binary: bytes, shared_bytes: int, _device: int
    ) -> tuple[int, int, int, int, int]:
        registers, spill_bytes = _measure(binary)
        self.loaded.setdefault(name, []).append(
            Resources(registers=registers, shared_bytes=shared_bytes, spill_bytes=spill_bytes)
        )
        return 1, 1, registers, spill_bytes, 1024


def _no_launch(_source: Any, _metadata: Any) -> Any:
    return lambda *_: None


def _measure(binary: bytes) -> tuple[int, int]:
    """Registers and stack bytes of the only function of a cubin, by NVIDIA's `cuobjdump`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(binary)
        text = subprocess.run(
            [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(path)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+) .*?LOCAL:(\d+)", text)
    if found is None:
        raise RuntimeError(f"cuobjdump says nothing of registers: {text!r}")
    return int(found[1]), int(found[2]) + int(found[3])


def compile_all(capability: int) -> dict[str, Resources]:
    """Compile what every example launches; keys are `example: kernel`, in order of launch."""
    driver = CardlessDriver(capability)
    triton.runtime.driver.set_active(driver)
    table: dict[str, Resources] = {}
    for example, launch in EXAMPLES.items():
        driver.loaded.clear()
        launch()
        for kernel, loads in driver.loaded.items():
            for nth, resources in enumerate(loads, start=1):
                table[f"{example}: {kernel.strip('_')}" + (f" {nth}" if nth > 1 else "")] = (
                    resources
                )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile every kernel without a card.")
    parser.add_argument("--target", type=int, choices=TARGETS, action="append")
    parser.add_argument("--write", action="store_true", help=f"refresh {TABLE.name}")
    arguments = parser.parse_args()
    if arguments.write and arguments.target:
        parser.error(f"{TABLE.name} holds all targets: --write goes without --target.")
    if triton.knobs.runtime.interpret:
        sys.exit("Nothing compiles while TRITON_INTERPRET is set: unset it.")
    targets = {
        str(capability): {name: asdict(found) for name, found in compile_all(capability).items()}
        for capability in arguments.target or TARGETS
    }
    made_of = {"triton": triton.__version__, "sources": fingerprint()}
    text = json.dumps({**made_of, "targets": targets}, indent=1)
    # One kernel a line, so that a change is seen as one.
    text = re.sub(r"\{\s+(\"registers\"[^}]*?)\s+\}", lambda row: _one_line(row[1]), text) + "\n"
    if arguments.write:
        TABLE.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


def _one_line(fields: str) -> str:
    return "{" + re.sub(r"\s+", " ", fields) + "}"


if __name__ == "__main__":
    main()
