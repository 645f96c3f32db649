"""Builds the pipeline of a card from settings; everything here imports torch and Triton."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch

from scopeside.device.contrast import References
from scopeside.device.cuda_card import CudaCard
from scopeside.device.engines.choose import Engines
from scopeside.device.engines.crossovers import crossovers
from scopeside.device.engines.cugraph import CuGraphClusterer
from scopeside.device.engines.cugraph_library import PylibcugraphLibrary
from scopeside.device.engines.packages import missing_packages
from scopeside.device.meter import meter_of
from scopeside.device.pipeline import DevicePipeline
from scopeside.device.put_together import device_pipeline
from scopeside.messages import Array, Provenance
from scopeside.settings import Settings
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.encoder import DeviceEncoder
from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder
from scopeside.stages.embed.tiling import configured_grid


def assemble_on_card(
    settings: Settings,
    *,
    embedder: ChipsEmbedder,
    provenance: Provenance,
    dark_YX: Array | None,
    flat_YX: Array | None,
) -> DevicePipeline:
    """Take over the embedder's encoder, which has passed its check, and put the stages around it.

    Raises BackendError for an engine that was asked for by name and is not installed.
    """
    # Those that run on a card all leave inputs and outputs there.
    encoder = cast(DeviceEncoder, embedder.encoder)
    place = encoder.place
    card = CudaCard(place)
    engines = Engines(
        settings,
        crossovers(card_name(place)),
        cugraph=lambda: CuGraphClusterer(PylibcugraphLibrary(place)),
        has_cugraph=not missing_packages(),
    )
    return device_pipeline(
        settings,
        provenance=replace(provenance, clusterer=engines(configured_grid(settings).chips).name),
        encoder=encoder,
        batch=embedder.batch,
        card=card,
        references=References.of(dark_YX, flat_YX),
        engine_of=engines,
        meter=meter_of(card),
        # An engine goes with the last program that needs it, and would have to be loaded anew.
        # torch's network has no such thing, and its program here would only hold memory.
        keeps=embedder if isinstance(encoder, TensorRtEncoder) else None,
    )


def card_name(place: torch.device) -> str:
    """Return the card's name as its driver gives it."""
    return torch.cuda.get_device_name(place)
