"""Puts a device pipeline together from parts that are ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scopeside.device.card import Card
from scopeside.device.contrast import Held, References
from scopeside.device.engines.engine import Engine, EngineClusterer
from scopeside.device.lines import Lines
from scopeside.device.pipeline import DevicePipeline
from scopeside.device.plan import Planner
from scopeside.messages import Provenance
from scopeside.settings import Settings
from scopeside.stages.descriptors import Descriptors, Detector
from scopeside.stages.embed.encoder import DeviceEncoder
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.resolution import CommunityFinder


def device_pipeline(
    settings: Settings,
    *,
    provenance: Provenance,
    encoder: DeviceEncoder,
    batch: int,
    card: Card,
    references: References,
    engine_of: Callable[[int], Engine],
    meter: Callable[[], Mapping[str, Any]],
    keeps: object = None,
) -> DevicePipeline:
    """Return the pipeline that computes on `card`; nothing is planned yet.

    `batch` is the tile that the encoder is known to fit the card with; `keeps` is held by it.
    """
    lines = Lines.of(card)
    with lines.compute.use():
        held = Held(card.device)
    return DevicePipeline(
        settings,
        provenance=provenance,
        planner=Planner(
            settings=settings,
            encoder=encoder,
            batch=batch,
            card=card,
            lines=lines,
            held=held,
            references=references,
        ),
        finder=CommunityFinder(EngineClusterer(engine_of), settings),
        tracker=IdentityTracker(
            merge_distance=settings.identity.merge_distance, unit=settings.distance_unit
        ),
        descriptors=Descriptors(
            settings.descriptors,
            unit=settings.distance_unit,
            encoder=provenance.encoder,
            detector=Detector(dark_YX=references.dark_YX, gain_YX=references.gain_YX),
        ),
        engine_of=engine_of,
        meter=meter,
        keeps=keeps,
    )
