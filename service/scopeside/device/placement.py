"""Whether a card does all stages or the encoder alone, and why, and how much of it may be taken."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scopeside.settings import Settings
from scopeside.stages.embed.choose import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """`on_card` says that the stages go where the encoder is; a sentence for people says why."""

    on_card: bool
    reason: str


def place(settings: Settings, choice: Choice) -> Placement:
    """Return where the stages are computed, for the encoder chosen."""
    if choice.device == "cpu" or choice.backend == "null":
        return Placement(on_card=False, reason="stages on the CPU, like the encoder")
    against = list(_against(settings, choice))
    if against:
        return Placement(
            on_card=False,
            reason=f"only the encoder on {choice.device}, all else on the CPU: {against[0]}",
        )
    return Placement(
        on_card=True, reason=f"all stages but identities and descriptors on {choice.device}"
    )


def _against(settings: Settings, choice: Choice) -> Iterator[str]:
    if settings.on_device == "encoder":
        yield "on_device = encoder was asked for"
    if importlib.util.find_spec("triton") is None:
        yield "Triton is not installed (pip install 'scopeside[gpu]')"
    elif not can_build_launchers():
        yield "Triton needs a C compiler (gcc or clang) and Python's headers for its launchers"
    if settings.embed.mode == "shared":
        yield "embed.mode = shared has no kernels"
    if settings.graph.edges == "threshold":
        yield "graph.edges = threshold has no kernels"
    if settings.preprocess.clahe:
        yield "preprocess.clahe has no kernel"
    if settings.preprocess.hot_pixel_sigma is not None:
        yield "preprocess.hot_pixel_sigma has no kernel"
    if choice.precision == "bf16":
        yield "chips are not cut in bf16"


def bound_memory(settings: Settings, choice: Choice) -> None:
    """Let torch take no more of a GPU's memory than the settings allow.

    Where that is not enough, a smaller tile is tried, as if the card had no more.
    """
    if choice.device == "cpu" or settings.device_memory == 1.0:
        return
    import torch

    torch.cuda.set_per_process_memory_fraction(settings.device_memory, torch.device(choice.device))


def can_build_launchers() -> bool:
    """Whether Triton finds what it compiles its launchers with: after its `runtime/build.py`."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    return compiler is not None and Path(sysconfig.get_path("include"), "Python.h").is_file()
