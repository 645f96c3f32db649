"""What this machine has: processor, memory, accelerator, and what the encoder will use."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scopeside.checks.finding import Finding
from scopeside.device.placement import place
from scopeside.errors import FatalError
from scopeside.settings import Settings

SECTION = "machine"
CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
"""Instruction sets that decide how fast the encoder runs, as Linux names them."""


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> Iterator[Finding]:
    """Describe processor, memory and GPUs; what the system does not tell is left out."""
    yield Finding(
        section=SECTION, name="python", value=f"{platform.python_version()} ({sys.platform})"
    )
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.is_file() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = model[1] if model else platform.processor() or platform.machine()
    yield Finding(section=SECTION, name="processor", value=name)
    yield Finding(section=SECTION, name="cores", value=f"{_cores()} usable by this process")
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    if flags:
        present = set(flags[1].split())
        found = [feature for feature in CPU_FEATURES if feature in present]
        yield Finding(
            section=SECTION, name="instructions", value=", ".join(found) or "none that matter here"
        )
    memory_bytes = _memory_bytes()
    if memory_bytes is not None:
        yield Finding(section=SECTION, name="memory", value=f"{memory_bytes / 2**30:.1f} GiB")
    yield _gpus()


def choice(settings: Settings) -> Iterator[Finding]:
    """Say what will embed, and why; or why nothing can."""
    from scopeside.stages.embed.choose import choose

    try:
        chosen = choose(settings)
    except FatalError as error:
        yield Finding(
            section="engine",
            name="encoder",
            value=str(error),
            ok=False,
            fix="Install the engine: pip install 'scopeside[cpu]', or change the settings.",
        )
        return
    yield Finding(
        section="engine",
        name="encoder",
        value=f"{chosen.backend}, {chosen.precision}, on {chosen.device}",
        ok=True,
    )
    for reason in chosen.reasons:
        yield Finding(section="engine", name="because", value=reason)
    yield Finding(section="engine", name="stages", value=place(settings, chosen).reason)


def cache(settings: Settings) -> Finding:
    """Say whether compiled models can be kept."""
    folder = settings.service.cache
    if folder is None:
        if importlib.util.find_spec("platformdirs") is None:
            return Finding(
                section="engine",
                name="cache",
                value="unknown: platformdirs is not installed",
                ok=False,
                fix="Install the engine: pip install 'scopeside[cpu]'.",
            )
        from platformdirs import user_cache_path

        folder = user_cache_path("scopeside", appauthor=False)
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return Finding(
        section="engine",
        name="cache",
        value=f"{folder} ({'writable' if writable else 'cannot be written'})",
        ok=writable,
        fix=None if writable else "Set service.cache to a folder of your own.",
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gpus() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(section=SECTION, name="gpu", value="unknown: torch is not installed")
    import torch

    if not torch.cuda.is_available():
        return Finding(section=SECTION, name="gpu", value="none that torch can use")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Finding(section=SECTION, name="gpu", value=", ".join(names))
