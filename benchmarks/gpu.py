"""Everything that is measured on a card, one script after the other, whatever is installed.

    python benchmarks/gpu.py [--workload A ...] [--only kernels frames ...] [--repeats 100]

Runs `gpu_kernels.py`, `gpu_pipeline.py` and `table.py`, each also where one before it failed, and
exits with the worst code of them. Installs nothing: what is missing is named, in one sentence.
`--only` and `--workload` measure a part, for machines that end a command after some minutes.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("kernels", "encoders", "frames", "agreement", "engines")
WORKLOADS = ("A", "B", "C")
NEEDED = {
    "numpy": "numpy",
    "torch": "torch",
    "triton": "triton",
    "msgpack": "msgpack",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic_core",
    "annotated_types": "annotated-types",
    "typing_inspection": "typing-inspection",
    "typing_extensions": "typing_extensions",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "sknetwork": "scikit-network",
}
"""Modules that the scripts import, and the packages that bring them."""
BETTER = {
    "torch_tensorrt": "torch-tensorrt",
    "cupy": "cupy-cuda13x",
    "pylibcugraph": "pylibcugraph-cu13",
    "pynvml": "nvidia-ml-py",
}
"""Without these some rows say what they lack."""


def missing(modules: dict[str, str]) -> list[str]:
    """Return the packages of those that are not installed; imports none of them."""
    return [name for module, name in modules.items() if importlib.util.find_spec(module) is None]


def commands(arguments: argparse.Namespace) -> list[list[str]]:
    """Return the scripts to run, with their words."""
    repeats = ["--repeats", str(arguments.repeats)]
    some = ["--workload", *arguments.workload]
    parts = [part for part in PARTS[1:] if part in arguments.only]
    found = []
    if "kernels" in arguments.only:
        found.append(["gpu_kernels.py", *repeats, *some])
    if parts:
        frames = ["--frames", str(arguments.frames)]
        found.append(["gpu_pipeline.py", *repeats, *frames, *some, "--only", *parts])
    return [*found, ["table.py"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workload", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args()
    lacking = missing(NEEDED)
    if lacking:
        print(
            f"Not installed for {sys.executable}, and needed: {', '.join(lacking)}; install them"
            " there at the versions of constraints.txt, or unpack their wheels into a folder on"
            " PYTHONPATH."
        )
        return 2
    for name in missing(BETTER):
        print(f"  without {name}: the rows that need it will say so", flush=True)
    worst = 0
    for script, *words in commands(arguments):
        print(f"{script} {' '.join(words)}", flush=True)
        code = subprocess.run([sys.executable, str(HERE / script), *words]).returncode
        if code:
            print(f"  {script} ended with {code}", flush=True)
        worst = max(worst, abs(code))
    return min(worst, 255)


if __name__ == "__main__":
    sys.exit(main())
