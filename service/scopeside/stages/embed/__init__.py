"""The embedding stage: one vector for each chip of a frame."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scopeside.errors import BackendError, DeviceMemoryError
from scopeside.stages.embed.choose import Choice, choose
from scopeside.stages.embed.tiling import configured_grid, configured_tiling

if TYPE_CHECKING:
    from scopeside.ports import Embedder
    from scopeside.settings import Settings
    from scopeside.stages.embed.encoder import Encoder
    from scopeside.stages.embed.weights import Weights

log = logging.getLogger(__name__)

__all__ = ["Choice", "build_embedder", "build_encoder", "choose"]


def build_embedder(settings: Settings) -> Embedder:
    """Return the embedder that `settings` describe, compiled, checked, and planned for the frame
    shape that they name.

    With `embed.precision = "auto"` a fast precision that fails the check gives way to float32,
    and with `embed.backend = "auto"` a TensorRT that cannot be used to torch; either is said in
    the log. Raises WeightsError for unusable weights, BackendError where the backend asked for is
    absent, does not fit the GPU's memory or disagrees with torch in float32, MissingExtraError
    where torch is not installed.
    """
    choice = choose(settings)
    if choice.backend == "null":
        from scopeside.stages.embed.null import NullEmbedder

        return NullEmbedder()
    from scopeside.stages.embed.parity import CHIPS_PER_AXIS, require_parity
    from scopeside.stages.embed.torch_encoder import TorchEncoder
    from scopeside.stages.embed.weights import load_weights

    weights = load_weights(
        settings.embed.weights,
        cache=settings.service.cache,
        sha256=settings.embed.weights_sha256,
    )
    try:
        encoder = build_encoder(settings, choice, weights)
        batch = configured_tiling(settings, choice.device).batch
        embedder = _of_mode(settings, encoder, weights, batch=batch)
    except DeviceMemoryError:
        raise
    except BackendError as error:
        if choice.backend != "tensorrt" or settings.embed.backend != "auto":
            raise
        log.warning("computing by torch", extra={"because": str(error)})
        return build_embedder(_changed(settings, backend="torch"))
    if (choice.backend, choice.device, choice.precision) != ("torch", "cpu", "fp32"):
        yardstick = _of_mode(settings, TorchEncoder(weights), weights, batch=CHIPS_PER_AXIS**2)
        try:
            require_parity(embedder, yardstick, chip_px=settings.chips.effective_input_px)
        except BackendError as error:
            if settings.embed.precision != "auto" or choice.precision == "fp32":
                raise
            log.warning("computing in fp32", extra={"because": str(error)})
            return build_embedder(_changed(settings, precision="fp32"))
    _finish(encoder, embedder, settings)
    return embedder


def _finish(encoder: Encoder, embedder: Embedder, settings: Settings) -> None:
    """Build what TensorRT still lacks for the expected frames, and nothing after that."""
    from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder

    if isinstance(encoder, TensorRtEncoder):
        embedder.plan(configured_grid(settings))
        encoder.seal()


def _changed(settings: Settings, **values: str) -> Settings:
    embed = settings.embed.model_copy(update=values)
    return settings.model_copy(update={"embed": embed})


def _of_mode(settings: Settings, encoder: Encoder, weights: Weights, *, batch: int) -> Embedder:
    from scopeside.stages.embed.chips import ChipsEmbedder
    from scopeside.stages.embed.shared import SharedEmbedder

    input_px = settings.chips.effective_input_px
    if settings.embed.mode == "shared":
        return SharedEmbedder(encoder, weights, input_px=input_px)
    return ChipsEmbedder(encoder, weights, input_px=input_px, batch=batch)


def build_encoder(settings: Settings, choice: Choice, weights: Weights) -> Encoder:
    """Return the encoder of `choice` around `weights`."""
    from scopeside.stages.embed.torch_encoder import TorchEncoder

    threads = settings.embed.threads
    if choice.backend == "openvino":
        from scopeside.stages.embed.openvino_encoder import OpenVinoEncoder

        return OpenVinoEncoder(
            weights, precision=choice.precision, threads=threads, cache=settings.service.cache
        )
    if choice.backend == "tensorrt":
        from scopeside.stages.embed import tensorrt_library
        from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder

        return TensorRtEncoder(
            weights,
            tensorrt_library.TensorRtLibrary(choice.device),
            device=choice.device,
            precision=choice.precision,
            cache=settings.service.cache,
        )
    return TorchEncoder(weights, device=choice.device, precision=choice.precision, threads=threads)
