"""The recorded streams: whether ids and label maps last from frame to frame without any truth.

Shapes: T frames; Y, X frame pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness import Row
from quality.encoders import configuration, known_as, mode_of
from quality.sets import data_folder
from scopeside.assembly import assemble, still_frame
from scopeside.evaluation import adjusted_rand_index, contingency
from scopeside.io import open_frames
from scopeside.messages import Array
from scopeside.ports import Embedder
from scopeside.testing.specimen import IrradiatedFilm

STAYED = 0.5
"""Overlap (intersection over union) from which a region is the same region one frame later."""
LEAST_AREA = 0.02
"""Share of the frame below which a region is a few chips, and no material to follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One series of frames; `still` where the scene stays what it is."""

    name: str
    chip_px: int
    still: bool
    why: str
    read: Callable[[], Iterator[Array]]


def _recorded(path: str) -> Callable[[], Iterator[Array]]:
    def read() -> Iterator[Array]:
        file = data_folder() / "streams" / path
        return iter(open_frames(file).frames()) if file.exists() else iter(())

    return read


def _still_film() -> Iterator[Array]:
    """One scene, new noise in every frame."""
    film = IrradiatedFilm(shape=(512, 512), seed=40)
    for number in range(24):
        yield film.expose(0.5 * film.dose_full_e_per_m2, number=number).counts_YX


STREAMS = (
    Stream(
        name="simulated, static",
        chip_px=64,
        still=True,
        why="One scene, fresh shot noise.",
        read=_still_film,
    ),
    Stream(
        name="swnt_growth_etem",
        chip_px=64,
        still=True,
        why="Nanotubes grow slowly; one gap of eleven frames.",
        read=_recorded("swnt_growth_etem/stack.tif"),
    ),
    Stream(
        name="lptem_nanorods",
        chip_px=64,
        still=True,
        why="A few dark rods smaller than a chip in one noisy field: it should stay one material.",
        read=_recorded("lptem_nanorods/frames"),
    ),
    Stream(
        name="agau_tilt_movie",
        chip_px=64,
        still=False,
        why="The specimen tilts, and contrast changes with it.",
        read=_recorded("agau_tilt_movie/stack_half_every4th.tif"),
    ),
    Stream(
        name="npg_tensile_brittle",
        chip_px=64,
        still=False,
        why="A sparse sample of a fracture: large jumps between frames.",
        read=_recorded("npg_tensile_brittle/stack.tif"),
    ),
)


def run(embedder: Embedder, stream: Stream, most: int | None = None) -> Row | None:
    """Segment a stream as the service would and compare each label map with the one before."""
    pipeline = assemble(
        configuration(known_as(embedder), mode_of(embedder), stream.chip_px), embedder
    )
    maps, communities = [], []
    for number, image_YX in enumerate(stream.read()):
        if number == most:
            break
        result = pipeline.segment(still_frame(image_YX, number=number, series=stream.name))
        maps.append(result.label_map.labels_YX)
        communities.append(len(result.communities))
    if len(maps) < 2:
        return None
    return {
        "stream": stream.name,
        "still": stream.still,
        "frames": len(maps),
        **stability(maps),
        "communities_median": float(np.median(communities)),
        "ids": len(np.unique(np.concatenate([np.unique(one) for one in maps]))),
    }


def stability(maps: list[Array]) -> Row:
    """Return id constancy and the agreement of consecutive frames.

    A frame keeps its ids when every region of the frame before that is still there (by overlap,
    whatever its id) wears the id it wore. `same_id` is the share of pixels that keep theirs,
    `ari` the agreement of the partitions, which no id enters.
    """
    pairs = list(itertools.pairwise(maps))
    return {
        "ids_constant": float(np.mean([ids_kept(*pair) for pair in pairs])),
        "same_id": float(np.mean([(before == after).mean() for before, after in pairs])),
        "ari": float(np.mean([adjusted_rand_index(contingency(*pair)) for pair in pairs])),
    }


def ids_kept(before_YX: Array, after_YX: Array) -> bool:
    """Whether each region that stayed in its place kept its id."""
    table = contingency(after_YX, before_YX)
    counts_KC = table.counts_KC.astype(np.float64)
    after_K, before_C = counts_KC.sum(axis=1), counts_KC.sum(axis=0)
    overlap_KC = counts_KC / (after_K[:, None] + before_C - counts_KC)
    for column in np.flatnonzero(before_C >= LEAST_AREA * counts_KC.sum()):
        row = overlap_KC[:, column].argmax()
        stayed = overlap_KC[row, column] >= STAYED
        if stayed and table.ids_K[row] != table.classes_C[column]:
            return False
    return True
