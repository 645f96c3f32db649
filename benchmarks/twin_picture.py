"""Draw docs/images/twin.png: an overview as a survey takes it, its label maps, and the truth.

.venv/bin/python benchmarks/twin_picture.py
"""

from __future__ import annotations

import itertools

import numpy as np

from harness import ROOT
from scopeside.assembly import assemble, still_frame
from scopeside.configuration import load_settings
from scopeside.messages import Array
from scopeside.palette import color_of
from scopeside.twin.microscope import Microscope
from scopeside.view.overlay import grey, overlay, save_png

SEED, FIELDS, FOV_M = 2, 4, 55e-9
SHRINK = 3


def main() -> None:
    scope = Microscope(seed=SEED, fov_m=FOV_M, beam="exposing")
    segmenter = assemble(load_settings([ROOT / "examples" / "twin.toml"]))
    frames, labels, truths = [], [], []
    middles_m = FOV_M * (np.arange(FIELDS) - 0.5 * (FIELDS - 1))
    for y_m, x_m in itertools.product(middles_m, middles_m):
        scope.move(x_m, y_m)
        exposure = scope.expose()
        frame = still_frame(exposure.counts_YX, number=exposure.number, series="picture")
        frames.append(exposure.counts_YX)
        labels.append(segmenter.segment(frame).label_map.labels_YX)
        truths.append(exposure.truth.kind_YX.astype(np.uint16) + 1)
    whole = grey(stitched(frames))
    plain = np.repeat(whole[..., None], 3, axis=2)
    found, true = stitched(labels), stitched(truths)
    tiles = [plain, painted(whole, found), painted(whole, as_found(true, found))]
    gap = np.full((len(whole), 8 * SHRINK, 3), 255, np.uint8)
    row = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    save_png(ROOT / "docs" / "images" / "twin.png", shrunk(row))


def stitched(fields: list[Array]) -> Array:
    rows = [np.hstack(fields[first : first + FIELDS]) for first in range(0, FIELDS**2, FIELDS)]
    whole_YX: Array = np.vstack(rows)
    return whole_YX


def as_found(true_YX: Array, found_YX: Array) -> Array:
    """Give each kind the id of the community that has most of it, where no larger kind has it."""
    named_YX = np.zeros_like(true_YX)
    kinds, counts = np.unique(true_YX, return_counts=True)
    taken: set[int] = set()
    for kind in kinds[np.argsort(-counts)].tolist():
        inside_YX = true_YX == kind
        most = int(np.bincount(found_YX[inside_YX]).argmax())
        named = most if most not in taken else int(found_YX.max()) + kind
        taken.add(named)
        named_YX[inside_YX] = named
    return named_YX


def painted(grey_YX: Array, labels_YX: Array) -> Array:
    colors = {int(id_): color_of(int(id_)) for id_ in np.unique(labels_YX)}
    return overlay(grey_YX, labels_YX, colors, opacity=0.5)


def shrunk(picture_YX3: Array) -> Array:
    """Every pixel the mean of SHRINK x SHRINK."""
    ny, nx = (length // SHRINK for length in picture_YX3.shape[:2])
    blocks = picture_YX3[: ny * SHRINK, : nx * SHRINK].reshape(ny, SHRINK, nx, SHRINK, 3)
    small_YX3: Array = blocks.mean(axis=(1, 3)).astype(np.uint8)
    return small_YX3


if __name__ == "__main__":
    main()
