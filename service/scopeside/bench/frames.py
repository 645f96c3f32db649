"""Where the frames of a load come from: a recorded file, a stream of the test data, the simulator.

They are read once, before anything is measured, and offered in turn, forwards and backwards, so
that no jump from the last to the first frame disturbs a series.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from scopeside.errors import ConfigError, InputFileError
from scopeside.io import open_frames
from scopeside.messages import Array
from scopeside.settings import Settings
from scopeside.testing.specimen import IrradiatedFilm

DATA_VARIABLE = "SCOPESIDE_DATA"
HELD_BYTES = 2**30
"""Most bytes of frames held; a longer recording is cut there."""
DOSES = (0.3, 0.7)
"""Of the simulated film's full dose, over the frames: both phases are in all of them."""


class FrameSource(Protocol):
    """What a load is made of: anything with a name that yields images `(ny, nx)`.

    `scopeside.io.FrameFile` is one.
    """

    @property
    def name(self) -> str: ...

    def frames(self) -> Iterator[Array]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The images to offer, all of one shape, and in words what they are."""

    name: str
    kind: str
    images: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, int]:
        ny, nx = self.images[0].shape
        return ny, nx

    @property
    def dtype(self) -> str:
        return self.images[0].dtype.str

    def image(self, number: int) -> Array:
        """Return the image of frame `number`: forwards and backwards through all, for ever."""
        last = len(self.images) - 1
        if not last:
            return self.images[0]
        place = number % (2 * last)
        return self.images[min(place, 2 * last - place)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFilm:
    """The irradiation run of `scopeside simulate` between two doses."""

    shape: tuple[int, int]
    count: int
    name: str = "simulated film"

    def frames(self) -> Iterator[Array]:
        film = IrradiatedFilm(shape=self.shape)
        for number, dose in enumerate(np.linspace(*DOSES, self.count)):
            yield film.expose(dose * film.dose_full_e_per_m2, number=number).counts_YX


def load_for(
    settings: Settings, given: Path | None, environment: Mapping[str, str] = os.environ
) -> Load:
    """Return the frames that `given` or the settings of `bench` ask for.

    A given recording keeps its own shape. A stream of the test data is cut at its middle, or
    mirrored at its edges, to `service.frame_shape`; where it is not there, frames of that shape
    are simulated. Raises InputFileError as `open_frames` does.
    """
    if given is not None:
        return _loaded(open_frames(given), settings.bench.frames, kind="recorded")
    shape, count = settings.service.frame_shape, settings.bench.frames
    stream = _stream(settings, environment)
    if stream is not None:
        source = open_frames(stream)
        kind = f"recorded, cut or mirrored to {shape[0]} x {shape[1]}"
        if source.shape == shape:
            kind = "recorded"
        return _loaded(source, count, kind=kind, shape=shape, name=settings.bench.stream)
    return _loaded(SimulatedFilm(shape=shape, count=count), count, kind="simulated")


def _stream(settings: Settings, environment: Mapping[str, str]) -> Path | None:
    """Where the stream of the test data is; None where none is wanted or the data are absent."""
    folder = environment.get(DATA_VARIABLE)
    if settings.bench.stream is None or not folder:
        return None
    if not Path(folder).is_dir():
        raise ConfigError(
            f"{DATA_VARIABLE} = {folder} is no folder: unset it to measure simulated frames."
        )
    path = Path(folder) / "streams" / settings.bench.stream
    return path if path.exists() else None


def _loaded(
    source: FrameSource,
    count: int,
    *,
    kind: str,
    shape: tuple[int, int] | None = None,
    name: str | None = None,
) -> Load:
    images: list[Array] = []
    held = 0
    for image_YX in islice(source.frames(), count):
        fitting_YX = image_YX if shape is None else fitted(image_YX, shape)
        held += fitting_YX.nbytes
        if images and (held > HELD_BYTES or fitting_YX.shape != images[0].shape):
            break
        images.append(np.ascontiguousarray(fitting_YX))
    if not images:
        raise InputFileError(f"{source.name} holds no frame: nothing can be measured.")
    return Load(name=name or source.name, kind=kind, images=tuple(images))


def fitted(image_YX: Array, shape: tuple[int, int]) -> Array:
    """Return the middle of the image, mirrored at its edges where it is too small."""
    ny, nx = (min(have, want) for have, want in zip(image_YX.shape, shape, strict=True))
    y0, x0 = (image_YX.shape[0] - ny) // 2, (image_YX.shape[1] - nx) // 2
    middle_YX = image_YX[y0 : y0 + ny, x0 : x0 + nx]
    fitting_YX: Array = np.pad(
        middle_YX, ((0, shape[0] - ny), (0, shape[1] - nx)), mode="symmetric"
    )
    return fitting_YX
