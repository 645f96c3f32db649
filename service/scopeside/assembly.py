"""Puts a pipeline together from settings: the one place that knows which part is which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from scopeside import __version__
from scopeside.configuration import Configuration
from scopeside.device.placement import Placement, bound_memory, place
from scopeside.errors import BackendError, ConfigError, InputFileError
from scopeside.io import open_frames
from scopeside.messages import Array, Channel, Frame, Provenance
from scopeside.pipeline import Pipeline
from scopeside.ports import Embedder, Segmenter
from scopeside.settings import Settings
from scopeside.stages.communities import LouvainClusterer, ParallelClusterer
from scopeside.stages.descriptors import Descriptors, Detector
from scopeside.stages.embed import build_embedder, choose
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.labelmap import LabelMapper
from scopeside.stages.preprocess import Preprocess, finite_or, gain_of
from scopeside.stages.resolution import CommunityFinder
from scopeside.testing.specimen import IrradiatedFilm

if TYPE_CHECKING:
    from scopeside.stages.embed.chips import ChipsEmbedder

_HERE = Placement(on_card=False, reason="the embedder was given, and all else is on the CPU")


def assemble(configuration: Configuration, embedder: Embedder | None = None) -> Segmenter:
    """Build every stage of the pipeline, on a GPU where the settings put them there.

    Loads weights and compiles the encoder unless an `embedder` is given, beside which all else is
    on the CPU. Raises the fatal errors of its parts: WeightsError, BackendError, ConfigError for
    reference files.
    """
    settings = configuration.settings
    placement = _HERE
    if embedder is None:
        choice = choose(settings)
        placement = place(settings, choice)
        bound_memory(settings, choice)
    if settings.communities.engine == "cugraph" and not placement.on_card:
        raise BackendError(
            f"communities.engine = cugraph finds communities on a GPU, but {placement.reason};"
            " set communities.engine = auto."
        )
    embedder = embedder or build_embedder(settings)
    info = embedder.info
    provenance = Provenance(
        version=__version__,
        config=configuration.hash,
        weights_name=info.weights_name,
        weights_sha256=info.weights_sha256,
        embedder=info.name,
        clusterer="",
        device=info.device,
    )
    dark_YX = _reference_frame(settings.preprocess.dark, "preprocess.dark")
    flat_YX = _reference_frame(settings.preprocess.flat, "preprocess.flat")
    if placement.on_card:
        from scopeside.device.assemble import assemble_on_card

        return assemble_on_card(
            settings,
            # That of `embed.mode = chips`, or the stages would not be placed there.
            embedder=cast("ChipsEmbedder", embedder),
            provenance=provenance,
            dark_YX=dark_YX,
            flat_YX=flat_YX,
        )
    return _on_cpu(settings, embedder, provenance, dark_YX=dark_YX, flat_YX=flat_YX)


def _on_cpu(
    settings: Settings,
    embedder: Embedder,
    provenance: Provenance,
    *,
    dark_YX: Array | None,
    flat_YX: Array | None,
) -> Pipeline:
    """Put the CPU's stages around an embedder, which may compute elsewhere."""
    parallel = settings.communities.engine == "kernel"
    clusterer = ParallelClusterer() if parallel else LouvainClusterer()
    return Pipeline(
        settings,
        provenance=replace(provenance, clusterer=clusterer.name),
        preprocess=Preprocess(settings.preprocess, dark_YX=dark_YX, flat_YX=flat_YX),
        embedder=embedder,
        finder=CommunityFinder(clusterer, settings),
        tracker=IdentityTracker(
            merge_distance=settings.identity.merge_distance, unit=settings.distance_unit
        ),
        mapper=LabelMapper(),
        descriptors=Descriptors(
            settings.descriptors,
            unit=settings.distance_unit,
            encoder=provenance.encoder,
            detector=Detector(
                dark_YX=None if dark_YX is None else finite_or(dark_YX, 0.0),
                gain_YX=None if flat_YX is None else gain_of(flat_YX),
            ),
        ),
    )


def warm_up(pipeline: Segmenter, settings: Settings) -> None:
    """Compute simulated frames of the expected shape and pixels, so that the first real one finds
    everything compiled, loaded and allocated; nothing of them is remembered."""
    shape = settings.service.frame_shape
    pixels = np.dtype(f"<{settings.service.frame_dtype}")
    pipeline.plan(shape)
    film = IrradiatedFilm(shape=(max(8, shape[0]), max(8, shape[1])))
    for number in range(2):
        counts_YX = film.expose(film.dose_full_e_per_m2 / 2, number=number).counts_YX
        if pixels.kind != "f":
            counts_YX = np.minimum(counts_YX, np.iinfo(pixels).max)
        image_YX = counts_YX[: shape[0], : shape[1]].astype(pixels)
        pipeline.segment(still_frame(image_YX, number=number))
    pipeline.reset()


def still_frame(
    image_YX: Array,
    *,
    number: int = 0,
    series: str = "scopeside.warm-up",
    pixel_size_m: tuple[float, float] | None = None,
) -> Frame:
    """Wrap an image that came over no wire as the frame that the pipeline takes."""
    return Frame(
        series=series,
        number=number,
        t_ns=0,
        channels=(Channel(name="image", values=image_YX),),
        received_ns=0,
        received_s=0.0,
        pixel_size_m=pixel_size_m,
    )


def _reference_frame(path: Path | None, key: str) -> Array | None:
    if path is None:
        return None
    try:
        frames = open_frames(path)
        total_YX = np.zeros(frames.shape, np.float64)
        for frame_YX in frames.frames():
            if frame_YX.shape != frames.shape:
                raise InputFileError(
                    f"{path} holds frames of several shapes ({list(frames.shape)} and "
                    f"{list(frame_YX.shape)}): a reference is the mean of frames of one shape."
                )
            total_YX += frame_YX
        mean_YX: Array = (total_YX / len(frames)).astype(np.float32)
        return mean_YX
    except InputFileError as error:
        raise ConfigError(f"{key}: {error}") from None
