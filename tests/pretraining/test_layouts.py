"""Layouts: every pixel has a material, and no material of a cut is a sliver."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.pretraining.layouts import (
    any_layout,
    blobs,
    crack,
    interface,
    layers,
    particles,
    polycrystal,
)

SHAPE = (72, 64)
LAYOUTS = (any_layout, interface, layers, blobs, particles, polycrystal)
materials_of_a_specimen = st.integers(2, 4)
seeds = st.integers(0, 10_000)


def shares(layout_YX, materials):
    return np.bincount(layout_YX.ravel(), minlength=materials) / layout_YX.size


@pytest.mark.parametrize("layout", LAYOUTS)
@given(materials=materials_of_a_specimen, seed=seeds)
def test_labels_are_those_of_the_materials(layout, materials, seed):
    layout_YX = layout(SHAPE, np.random.default_rng(seed), materials=materials)
    assert layout_YX.shape == SHAPE
    assert layout_YX.dtype == np.int64
    assert 0 <= layout_YX.min() <= layout_YX.max() < materials


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_seed_fixes_a_layout(layout):
    first_YX, again_YX, other_YX = (
        layout(SHAPE, np.random.default_rng(seed), materials=3) for seed in (5, 5, 6)
    )
    assert (first_YX == again_YX).all()
    assert (first_YX != other_YX).any()


@pytest.mark.parametrize("layout", [interface, blobs])
@given(materials=materials_of_a_specimen, seed=seeds)
def test_a_cut_gives_every_material_a_third_of_its_fair_share(layout, materials, seed):
    layout_YX = layout(SHAPE, np.random.default_rng(seed), materials=materials)
    # A pixel or two may fall on the other side of a cut.
    assert shares(layout_YX, materials).min() > 1.0 / (3.0 * materials) - 0.002


@given(materials=materials_of_a_specimen, seed=seeds)
def test_layers_give_every_material_a_third_of_a_bands_fair_share(materials, seed):
    layout_YX = layers(SHAPE, np.random.default_rng(seed), materials=materials)
    assert shares(layout_YX, materials).min() > 1.0 / (3.0 * (materials + 2)) - 0.002


def test_materials_of_layers_come_again():
    layout_YX = layers((64, 64), np.random.default_rng(0), materials=2)
    changes = [
        (np.diff(line) != 0).sum() for line in (*layout_YX, *layout_YX.T, np.diagonal(layout_YX))
    ]
    assert max(changes) >= 2


@given(seed=seeds)
def test_particles_lie_in_a_matrix_of_the_first_material(seed):
    layout_YX = particles(SHAPE, np.random.default_rng(seed), materials=2)
    assert 0.0 < shares(layout_YX, 2)[1] < 1.0


@given(seed=seeds)
def test_a_crack_is_thin(seed):
    assert crack((96, 96), np.random.default_rng(seed)).mean() < 0.5
