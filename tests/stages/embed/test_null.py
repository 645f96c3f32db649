"""The embedder without an encoder."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scopeside.messages import ChipGrid
from scopeside.stages.embed.null import CELLS, NullEmbedder
from scopeside_kernels import reference


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    chip_px=st.integers(4, 40),
    stride_px=st.integers(3, 20),
)
def test_features_are_the_means_of_the_chips_cells(shape, chip_px, stride_px):
    grid = ChipGrid(shape=shape, chip_px=chip_px, stride_px=stride_px)
    image_YX = np.random.default_rng(0).random(shape, dtype=np.float32)
    embedder = NullEmbedder()
    embedder.plan(grid)
    found_ND = embedder.embed(embedder.prepare(image_YX, grid), grid)
    chips_NHW = reference.chips(image_YX, grid.y0_R, grid.x0_C, chip_px, chip_px)
    edges = np.arange(CELLS + 1) * chip_px // CELLS
    for row in range(CELLS):
        for col in range(CELLS):
            cell = chips_NHW[:, edges[row] : edges[row + 1], edges[col] : edges[col + 1]]
            expected_N = cell.mean(axis=(1, 2), dtype=np.float64)
            np.testing.assert_allclose(found_ND[:, row * CELLS + col], expected_N, atol=1e-5)
    assert found_ND.shape == (grid.chips, embedder.info.features)
