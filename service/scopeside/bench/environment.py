"""What a measurement was made on: machine, versions, commit, and how busy others kept it.

Needs nothing but the standard library, so that kernels can be measured where little is installed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGES = (
    *("numpy", "scipy", "torch", "openvino", "pyzmq", "msgpack", "scikit-network"),
    *(
        "opencv-python-headless",
        "hdrhistogram",
        "torch-tensorrt",
        "torch-tensorrt-rtx",
        "scopeside",
    ),
    *("triton", "tensorrt", "tensorrt-cu13", "tensorrt-rtx", "cupy-cuda13x", "cupy-cuda12x"),
    *("pylibcugraph-cu13", "pylibcugraph-cu12", "rmm-cu13", "nvidia-ml-py"),
)

UNKNOWN = "unknown"


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory, the system, and the NVIDIA cards."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }
    cards = gpus()
    return found | ({"gpus": cards} if cards else {})


def processor() -> str:
    """The processor's name with its family and model, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {key.strip(): value.strip() for key, value in named.items()}
    name, family, model = (values.get(key) for key in ("model name", "cpu family", "model"))
    return f"{name} (family {family}, model {model})" if name else platform.machine()


def gpus() -> list[dict[str, Any]]:
    """Name, memory and driver of every NVIDIA card; none where NVML or a card is absent."""
    try:
        import pynvml
    except ModuleNotFoundError:
        return []
    found: list[dict[str, Any]] = []
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            bytes_ = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
            found.append(
                {
                    "name": str(pynvml.nvmlDeviceGetName(handle)),
                    "memory_gib": round(bytes_ / 2**30, 1),
                    "driver": driver,
                }
            )
    return found


def busy_share() -> float | None:
    """Share of all cores' time that others used during the last second; None where unknown.

    What was running beside a benchmark explains more of its spread than anything else.
    """
    before = _ticks()
    if before is None:
        return None
    time.sleep(1.0)
    after = _ticks() or before
    total, idle = (late - early for late, early in zip(after, before, strict=True))
    return round(1.0 - idle / max(1, total), 2)


def _ticks() -> tuple[int, int] | None:
    try:
        line = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
    except OSError:
        return None
    ticks = [int(tick) for tick in line.split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def versions() -> dict[str, str]:
    """Versions of Python and of what decides the speed, and the commit."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found | {"commit": commit()}


PLACE = "service/scopeside/bench/environment.py"
"""Where this file lies in our own checkout."""


def commit() -> str:
    """The commit of our checkout that this file lies in, marked where its source was changed.

    Unknown where it was installed: the virtual environment may lie in somebody else's checkout.
    """
    folder = Path(__file__).resolve().parent
    try:
        if _git(folder, "ls-files", "--full-name", Path(__file__).name) != PLACE:
            return UNKNOWN
        root = _git(folder, "rev-parse", "--show-toplevel")
        name = _git(folder, "rev-parse", "--short=10", "HEAD")
        changed = _git(Path(root), "status", "--porcelain", "service", "kernels")
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return name + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    # Within one of git's own hooks these name the checkout that the hook runs in.
    elsewhere = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=elsewhere,
        capture_output=True,
        check=True,
        text=True,
        timeout=10,
    )
    return done.stdout.strip()
