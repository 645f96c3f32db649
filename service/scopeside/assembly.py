"""Puts a pipeline together from settings: the one place that knows which part is which."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scopeside import __version__
from scopeside.configuration import Configuration
from scopeside.errors import ConfigError, InputFileError
from scopeside.io import open_frames
from scopeside.messages import Array, Channel, Frame, Provenance
from scopeside.pipeline import Pipeline
from scopeside.ports import Embedder
from scopeside.settings import Settings
from scopeside.stages.communities import LouvainClusterer
from scopeside.stages.embed import build_embedder
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.labelmap import LabelMapper
from scopeside.stages.preprocess import Preprocess
from scopeside.stages.resolution import CommunityFinder
from scopeside.testing.specimen import IrradiatedFilm


def assemble(configuration: Configuration, embedder: Embedder | None = None) -> Pipeline:
    """Build every stage of the pipeline.

    Loads weights and compiles the encoder unless an `embedder` is given. Raises the fatal
    errors of its parts: WeightsError, BackendError, ConfigError for reference files.
    """
    settings = configuration.settings
    embedder = embedder or build_embedder(settings)
    clusterer = LouvainClusterer()
    info = embedder.info
    return Pipeline(
        settings,
        provenance=Provenance(
            version=__version__,
            config=configuration.hash,
            weights_name=info.weights_name,
            weights_sha256=info.weights_sha256,
            embedder=info.name,
            clusterer=clusterer.name,
            device=info.device,
        ),
        preprocess=Preprocess(
            settings.preprocess,
            dark_YX=_reference_frame(settings.preprocess.dark, "preprocess.dark"),
            flat_YX=_reference_frame(settings.preprocess.flat, "preprocess.flat"),
        ),
        embedder=embedder,
        finder=CommunityFinder(clusterer, settings),
        tracker=IdentityTracker(
            merge_distance=settings.identity.merge_distance, unit=settings.distance_unit
        ),
        mapper=LabelMapper(),
    )


def warm_up(pipeline: Pipeline, settings: Settings) -> None:
    """Compute simulated frames of the expected shape, so that the first real one finds
    everything compiled, loaded and allocated; nothing of them is remembered."""
    shape = settings.service.frame_shape
    pipeline.plan(shape)
    film = IrradiatedFilm(shape=(max(8, shape[0]), max(8, shape[1])))
    for number in range(2):
        counts_YX = film.expose(film.dose_full_e_per_m2 / 2, number=number).counts_YX
        pipeline.segment(still_frame(counts_YX[: shape[0], : shape[1]], number=number))
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
