"""The shared trunk: windows weighed exactly, frames padded and scaled, plans kept and dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.messages import ChipGrid
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.shared import SharedEmbedder, pool_windows, window_weights
from scopeside.stages.embed.simulated import film_image


def embedded(embedder, image_YX, grid):
    embedder.plan(grid)
    return embedder.embed(embedder.prepare(image_YX, grid), grid)


def image_of(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def slow_pool(map_hwD, starts_y, starts_x, size_px):
    """Every window's mean over the map blown up to single pixels."""
    pixels = map_hwD.astype(np.float64).repeat(32, axis=0).repeat(32, axis=1)
    return np.array(
        [
            pixels[y : y + size_px, x : x + size_px].mean(axis=(0, 1))
            for y in starts_y
            for x in starts_x
        ]
    )


@given(data=st.data())
def test_pooling_equals_the_mean_over_the_pixels_of_each_window(data):
    cells = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    size_px = data.draw(st.integers(1, 32 * min(cells)))
    starts = [
        np.array(data.draw(st.lists(st.integers(0, 32 * n - size_px), min_size=1, max_size=4)))
        for n in cells
    ]
    map_hwD = np.random.default_rng(0).random((*cells, 5), dtype=np.float32)
    weights = [window_weights(s, size_px, n) for s, n in zip(starts, cells, strict=True)]
    found_ND = pool_windows(map_hwD, *weights)
    np.testing.assert_allclose(found_ND, slow_pool(map_hwD, *starts, size_px), rtol=1e-5)


@given(start=st.floats(0, 160), size=st.floats(0.5, 96))
def test_weights_of_a_window_between_pixels_are_its_overlaps(start, size):
    (weight_h,) = window_weights(np.array([start]), size, 8)
    assert weight_h.sum() == pytest.approx(1.0, rel=1e-5)
    centre = (weight_h * (np.arange(8) * 32 + 16)).sum()
    # The cells' centroid is within half a cell of the window's, and exact for whole cells.
    assert abs(centre - (start + size / 2)) <= 16.001


@given(
    shape=st.tuples(st.integers(5, 150), st.integers(5, 150)),
    chip_px=st.sampled_from([16, 32, 48]),
    stride_px=st.integers(5, 16),
)
def test_any_frame_chip_and_stride_gives_one_finite_embedding_a_chip(
    weights, shape, chip_px, stride_px
):
    from stages_embed_fakes import FakeEncoder

    grid = ChipGrid(shape=shape, chip_px=chip_px, stride_px=stride_px)
    embedder = SharedEmbedder(FakeEncoder(), weights, input_px=32)
    found_ND = embedded(embedder, image_of(shape), grid)
    assert found_ND.shape == (grid.chips, 2048)
    assert np.isfinite(found_ND).all()


def test_input_is_the_frame_and_its_reflection(weights, fake_encoder):
    image_YX = image_of((70, 33))
    grid = ChipGrid(shape=(70, 33), chip_px=32, stride_px=16)
    embedder = SharedEmbedder(fake_encoder, weights, input_px=32)
    embedder.plan(grid)
    prepared = embedder.prepare(image_YX, grid)
    expected = np.pad(image_YX, ((0, 26), (0, 31)), mode="symmetric")
    np.testing.assert_array_equal(prepared[0, 0, 0], expected)


def test_frame_is_scaled_so_that_a_chip_covers_the_encoders_input(weights, fake_encoder):
    grid = ChipGrid(shape=(96, 48), chip_px=16, stride_px=8)
    embedder = SharedEmbedder(fake_encoder, weights, input_px=32)
    embedder.plan(grid)
    assert fake_encoder.compiled == [((1, 1, 192, 96), "map")]
    ramp_YX = np.broadcast_to(np.linspace(0, 1, 96, dtype=np.float32)[:, None], (96, 48))
    prepared = embedder.prepare(ramp_YX, grid)[0, 0, 0]
    halved_YX = prepared.reshape(96, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(halved_YX, ramp_YX, atol=0.3 / 95)
    assert (np.diff(prepared[:, 0]) >= 0).all()


def test_frame_that_is_one_chip_embeds_as_the_chip_does(weights, torch_encoder):
    image_YX = film_image((64, 64), seed=4)
    grid = ChipGrid(shape=(64, 64), chip_px=64, stride_px=32)
    shared = SharedEmbedder(torch_encoder, weights, input_px=64)
    chips = ChipsEmbedder(torch_encoder, weights, input_px=64, batch=1)
    np.testing.assert_allclose(
        embedded(shared, image_YX, grid), embedded(chips, image_YX, grid), rtol=1e-4, atol=1e-4
    )


def test_four_grids_stay_planned_and_the_fifth_drops_the_one_used_longest_ago(
    weights, fake_encoder
):
    embedder = SharedEmbedder(fake_encoder, weights, input_px=32)
    grids = [ChipGrid(shape=(32 * n, 64), chip_px=32, stride_px=16) for n in range(1, 6)]
    for grid in (*grids[:4], grids[0], grids[4], grids[0]):
        embedder.plan(grid)
    assert len(fake_encoder.compiled) == 5
    embedder.plan(grids[1])
    assert len(fake_encoder.compiled) == 6


def test_the_same_frame_gives_the_same_bits(weights, openvino_encoder):
    image_YX = film_image((96, 64), seed=4)
    grid = ChipGrid(shape=(96, 64), chip_px=64, stride_px=32)
    embedder = SharedEmbedder(openvino_encoder, weights, input_px=64)
    first_ND = embedded(embedder, image_YX, grid)
    np.testing.assert_array_equal(first_ND, embedded(embedder, image_YX, grid))
    assert embedder.info.name.startswith("shared/openvino")
