"""Textures that repeat, read from near and from afar."""

import numpy as np
import pytest

from scopeside.testing.lattice import amorphous_speckle, smooth_field
from scopeside.twin.tile import Tile

CELL_M = 1e-9


def tile(values):
    return Tile(values_YX=values, cell_m=CELL_M)


def test_at_its_own_cells_a_tile_is_its_values_and_repeats():
    values = np.random.default_rng(1).standard_normal((16, 16)).astype(np.float32)
    places = CELL_M * (np.arange(40) - 20 + 0.5)  # the middles of cells
    read = tile(values).at(places - 0.5 * CELL_M, places - 0.5 * CELL_M, pixel_m=CELL_M)

    shifted = np.roll(values, (-12, -12), axis=(0, 1))  # the tile's origin lies at the 20th place
    np.testing.assert_allclose(read[:16, :16], shifted, atol=1e-5)
    np.testing.assert_allclose(read[16:32, :16], read[:16, :16], atol=1e-5)


def test_a_grid_and_its_points_read_the_same():
    field = tile(smooth_field((32, 32), length_px=3.0, generator=np.random.default_rng(2)))
    x, y = CELL_M * np.linspace(-7, 30, 9), CELL_M * np.linspace(3, 11, 5)
    points = field.at(*np.meshgrid(x, y), pixel_m=0.3 * CELL_M)

    np.testing.assert_allclose(field.at(x, y, pixel_m=0.3 * CELL_M), points, atol=1e-6)


def test_what_is_too_fine_fades_and_what_is_coarse_stays():
    generator = np.random.default_rng(3)
    fine = tile(amorphous_speckle((256, 256), period_px=6.0, generator=generator))
    coarse = tile(smooth_field((256, 256), length_px=20.0, generator=generator))
    x = 16 * CELL_M * np.arange(64)
    deviation = {
        name: field.at(x, x, pixel_m=16 * CELL_M).std()
        for name, field in (("fine", fine), ("coarse", coarse))
    }

    assert deviation["fine"] < 0.1
    assert deviation["coarse"] == pytest.approx(1.0, abs=0.2)


def test_a_level_lies_where_the_cells_that_it_joins_lie():
    field = tile(smooth_field((256, 256), length_px=24.0, generator=np.random.default_rng(4)))
    x = CELL_M * np.linspace(0, 200, 50)

    np.testing.assert_allclose(
        field.at(x, x, pixel_m=4 * CELL_M), field.at(x, x, pixel_m=CELL_M), atol=0.08
    )
