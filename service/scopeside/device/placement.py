"""Whether a card does all stages or the encoder alone, and why; imports nothing heavy."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

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
    return Placement(on_card=True, reason=f"all stages but identities on {choice.device}")


def _against(settings: Settings, choice: Choice) -> Iterator[str]:
    if settings.on_device == "encoder":
        yield "on_device = encoder was asked for"
    if importlib.util.find_spec("triton") is None:
        yield "Triton is not installed (pip install 'scopeside[gpu]')"
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
