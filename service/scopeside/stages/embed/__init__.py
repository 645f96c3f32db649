"""The embedding stage: one vector for each chip of a frame."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scopeside.errors import BackendError
from scopeside.stages.embed.choose import Choice, choose

if TYPE_CHECKING:
    from scopeside.ports import Embedder
    from scopeside.settings import Settings
    from scopeside.stages.embed.encoder import Encoder
    from scopeside.stages.embed.weights import Weights

log = logging.getLogger(__name__)

__all__ = ["Choice", "build_embedder", "build_encoder", "choose"]


def build_embedder(settings: Settings) -> Embedder:
    """Return the embedder that `settings` describe, compiled and checked.

    With `embed.precision = "auto"` a fast precision that fails the check gives way to float32,
    which is said in the log. Raises WeightsError for unusable weights, BackendError where the
    backend asked for is absent or disagrees with torch in float32, MissingExtraError where
    torch is not installed.
    """
    choice = choose(settings)
    if choice.backend == "null":
        from scopeside.stages.embed.null import NullEmbedder

        return NullEmbedder()
    from scopeside.stages.embed.parity import require_parity
    from scopeside.stages.embed.torch_encoder import TorchEncoder
    from scopeside.stages.embed.weights import load_weights

    weights = load_weights(
        settings.embed.weights,
        cache=settings.service.cache,
        sha256=settings.embed.weights_sha256,
    )
    embedder = _of_mode(settings, build_encoder(settings, choice, weights), weights)
    if (choice.backend, choice.device, choice.precision) != ("torch", "cpu", "fp32"):
        yardstick = _of_mode(settings, TorchEncoder(weights), weights)
        try:
            require_parity(embedder, yardstick, chip_px=settings.chips.effective_input_px)
        except BackendError as error:
            if settings.embed.precision != "auto" or choice.precision == "fp32":
                raise
            log.warning("computing in fp32", extra={"because": str(error)})
            return build_embedder(_in_full_precision(settings))
    return embedder


def _in_full_precision(settings: Settings) -> Settings:
    embed = settings.embed.model_copy(update={"precision": "fp32"})
    return settings.model_copy(update={"embed": embed})


def _of_mode(settings: Settings, encoder: Encoder, weights: Weights) -> Embedder:
    from scopeside.stages.embed.chips import ChipsEmbedder
    from scopeside.stages.embed.shared import SharedEmbedder

    input_px = settings.chips.effective_input_px
    if settings.embed.mode == "shared":
        return SharedEmbedder(encoder, weights, input_px=input_px)
    return ChipsEmbedder(encoder, weights, input_px=input_px, batch=settings.embed.batch)


def build_encoder(settings: Settings, choice: Choice, weights: Weights) -> Encoder:
    """Return the encoder of `choice` around `weights`."""
    from scopeside.stages.embed.torch_encoder import TorchEncoder

    threads = settings.embed.threads
    if choice.backend == "openvino":
        from scopeside.stages.embed.openvino_encoder import OpenVinoEncoder

        return OpenVinoEncoder(
            weights, precision=choice.precision, threads=threads, cache=settings.service.cache
        )
    return TorchEncoder(weights, device=choice.device, precision=choice.precision, threads=threads)
