"""Equal tiles: few, filled evenly, and none larger than allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.settings import ChipSettings, EmbedSettings, ServiceSettings, Settings
from scopeside.stages.embed.tiling import (
    CALL_CHIPS,
    configured_tiling,
    equal_tiles,
    tiles_abreast,
    tiles_of,
)


@given(inputs=st.integers(1, 20_000), most=st.integers(1, 4096))
def test_tiles_hold_all_inputs_in_as_few_calls_as_there_can_be(inputs, most):
    tiling = equal_tiles(inputs, most)
    assert tiling.batch <= most
    assert tiling.tiles * tiling.batch - tiling.padding == inputs
    assert (tiling.tiles - 1) * most < inputs  # one call fewer would not do
    assert tiling.tiles * (tiling.batch - 1) < inputs  # nor would smaller tiles


@given(inputs=st.integers(1, 20_000), batch=st.integers(1, 4096))
def test_a_compiled_batch_is_kept_and_the_last_tile_padded(inputs, batch):
    tiling = tiles_of(inputs, batch)
    assert tiling.batch == batch
    assert 0 <= tiling.padding < batch
    assert tiling.tiles * batch - tiling.padding == inputs


@given(inputs=st.integers(1, 2000), most=st.integers(1, 64), lanes=st.integers(1, 8))
def test_tiles_abreast_leave_no_lane_idle_that_smaller_or_larger_tiles_would_use(
    inputs, most, lanes
):
    def longest(tiling):
        return -(-tiling.tiles // lanes) * (tiling.batch + CALL_CHIPS)

    tiling = tiles_abreast(inputs, most, lanes)
    assert tiling.batch <= most
    assert tiling.tiles * tiling.batch - tiling.padding == inputs
    others = [tiles_of(inputs, batch) for batch in range(1, min(inputs, most) + 1)]
    assert longest(tiling) == min(longest(other) for other in others)


def settings_for(shape, batch=None, chip_px=64, threads=2):
    return Settings(
        chips=ChipSettings(size_px=chip_px),
        embed=EmbedSettings(batch=batch, threads=threads),
        service=ServiceSettings(frame_shape=shape),
    )


@pytest.mark.parametrize(
    ("shape", "device", "tiles", "batch"),
    [
        ((512, 512), "cpu", 10, 23),
        ((1024, 1024), "cpu", 42, 23),
        ((512, 512), "cuda:0", 1, 225),
        ((1024, 1024), "cuda:0", 1, 961),
        ((2048, 2048), "cuda:1", 4, 993),
        ((64, 64), "cpu", 1, 1),
    ],
)
def test_the_expected_frame_and_the_device_decide(shape, device, tiles, batch):
    tiling = configured_tiling(settings_for(shape), device)
    assert (tiling.tiles, tiling.batch) == (tiles, batch)


def test_a_batch_that_was_asked_for_is_the_most_on_any_device():
    for device in ("cpu", "cuda:0"):
        tiling = configured_tiling(settings_for((512, 512), batch=100), device)
        assert (tiling.tiles, tiling.batch, tiling.padding) == (3, 75, 0)


def test_one_lane_takes_the_largest_tiles_that_need_no_padding():
    tiling = configured_tiling(settings_for((512, 512), threads=1), "cpu")
    assert (tiling.tiles, tiling.batch, tiling.padding) == (9, 25, 0)
