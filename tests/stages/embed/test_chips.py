"""Chip by chip: order, padding of the last tile, and plans that compile once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.messages import ChipGrid
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.simulated import film_image
from scopeside_kernels import reference
from stages_embed_fakes import FakeEncoder


def embedded(embedder, image_YX, grid):
    embedder.plan(grid)
    return embedder.embed(embedder.prepare(image_YX, grid), grid)


def image_of(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@given(
    shape=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    chip_px=st.sampled_from([8, 20, 32]),
    batch=st.integers(1, 9),
)
def test_each_chip_gets_its_own_embedding_whatever_the_batch(weights, shape, chip_px, batch):
    grid = ChipGrid(shape=shape, chip_px=chip_px, stride_px=max(4, chip_px // 2))
    image_YX = image_of(shape)
    tiled = ChipsEmbedder(FakeEncoder(), weights, input_px=32, batch=batch)
    found_ND = embedded(tiled, image_YX, grid)
    program = FakeEncoder().compile((1, 1, 32, 32), "pool")
    chips_NHW = reference.chips(image_YX, grid.y0_R, grid.x0_C, chip_px, 32)
    expected = np.empty((grid.chips, 1, 2048), np.float32)
    program(chips_NHW[:, None, None], expected)
    np.testing.assert_array_equal(found_ND, expected[:, 0])


def test_a_new_grid_never_compiles_again(weights, fake_encoder):
    embedder = ChipsEmbedder(fake_encoder, weights, input_px=32, batch=4)
    for shape in ((64, 64), (96, 64), (40, 200)):
        grid = ChipGrid(shape=shape, chip_px=32, stride_px=16)
        assert embedded(embedder, image_of(shape), grid).shape == (grid.chips, 2048)
    assert fake_encoder.compiled == [((4, 1, 32, 32), "pool")]


def test_frames_after_the_first_reuse_the_buffer_and_give_fresh_embeddings(weights, fake_encoder):
    embedder = ChipsEmbedder(fake_encoder, weights, input_px=32, batch=4)
    grid = ChipGrid(shape=(64, 64), chip_px=32, stride_px=16)
    first = embedder.prepare(image_of((64, 64), 1), grid)
    first_ND = embedder.embed(first, grid)
    kept_ND = first_ND.copy()
    second = embedder.prepare(image_of((64, 64), 2), grid)
    second_ND = embedder.embed(second, grid)
    assert np.shares_memory(first, second)
    np.testing.assert_array_equal(first_ND, kept_ND)
    assert not np.array_equal(first_ND, second_ND)


def test_shapes_that_alternate_share_one_buffer_once_all_are_planned(weights, fake_encoder):
    embedder = ChipsEmbedder(fake_encoder, weights, input_px=32, batch=4)
    shapes = [(64, 64), (160, 96), (32, 32)]
    grids = [ChipGrid(shape=shape, chip_px=32, stride_px=16) for shape in shapes]
    for grid in grids:
        embedder.plan(grid)
    buffer = embedder.prepare(image_of(shapes[1]), grids[1])
    for turn in range(3):
        for shape, grid in zip(shapes, grids, strict=True):
            image_YX = image_of(shape, turn)
            prepared = embedder.prepare(image_YX, grid)
            assert np.shares_memory(prepared, buffer)
            alone = ChipsEmbedder(FakeEncoder(), weights, input_px=32, batch=4)
            assert np.array_equal(embedder.embed(prepared, grid), embedded(alone, image_YX, grid))


def test_padding_of_the_last_tile_does_not_change_real_embeddings(weights, openvino_encoder):
    image_YX = film_image((64, 160), seed=2)
    grid = ChipGrid(shape=(64, 160), chip_px=64, stride_px=48)
    whole = ChipsEmbedder(openvino_encoder, weights, input_px=64, batch=4)
    padded_ND = embedded(whole, image_YX, grid)
    assert grid.chips == 3
    wider = ChipGrid(shape=(64, 208), chip_px=64, stride_px=48)
    filled_ND = embedded(whole, np.pad(image_YX, ((0, 0), (0, 48))), wider)
    assert wider.chips == 4
    np.testing.assert_array_equal(padded_ND, filled_ND[:3])


@pytest.mark.parametrize("name", ["torch_encoder", "openvino_encoder"])
def test_info_names_mode_backend_weights_and_device(request, weights, name):
    encoder = request.getfixturevalue(name)
    info = ChipsEmbedder(encoder, weights, input_px=64, batch=4).info
    assert info.name == f"chips/{encoder.name}/fp32"
    assert (info.weights_name, info.weights_sha256) == (weights.name, weights.sha256)
    assert (info.device, info.features) == (encoder.device, 2048)
