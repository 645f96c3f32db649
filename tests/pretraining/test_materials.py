"""Materials of one specimen can be told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.pretraining.materials import (
    FAINT,
    OFTEN,
    SHARES,
    any_material,
    any_texture,
    specimen_materials,
)
from scopeside.pretraining.textures import KINDS

seeds = st.integers(0, 100_000)


def test_the_ways_to_differ_are_all_there_are():
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(OFTEN.values()) == pytest.approx(1.0)


def test_every_kind_of_texture_is_drawn():
    random = np.random.default_rng(0)
    drawn = [any_texture(random).kind for _ in range(1500)]
    assert set(drawn) == set(KINDS) == set(OFTEN)
    for kind, share in OFTEN.items():
        assert drawn.count(kind) / len(drawn) == pytest.approx(share, abs=0.035)


@given(seed=seeds)
def test_plain_materials_are_told_by_their_brightness(seed):
    first, *others = specimen_materials(np.random.default_rng(seed), count=4)
    for other in others:
        if other.texture.kind == "plain":
            assert other.contrast == pytest.approx(FAINT)
            if first.texture.kind == "plain":
                assert other.brightness != first.brightness


@given(count=st.integers(1, 4), seed=seeds)
def test_each_material_differs_from_the_first(count, seed):
    first, *others = specimen_materials(np.random.default_rng(seed), count=count)
    assert len(others) == count - 1
    assert all(other != first for other in others)


@given(count=st.integers(2, 4), seed=seeds)
def test_no_two_materials_of_a_specimen_are_the_same(count, seed):
    materials = specimen_materials(np.random.default_rng(seed), count=count)
    assert len(set(materials)) == count


@given(seed=seeds)
def test_a_material_that_differs_in_brightness_alone_does_so_by_half_its_contrast(seed):
    first, other = specimen_materials(np.random.default_rng(seed), count=2)
    if other.texture == first.texture and other.contrast == first.contrast:
        change = abs(other.brightness / first.brightness - 1.0)
        assert change >= 0.8 * max(0.06, 0.5 * first.contrast) - 1e-9


@given(seed=seeds)
def test_materials_are_within_what_textures_and_detectors_take(seed):
    for material in specimen_materials(np.random.default_rng(seed), count=4):
        assert material.brightness >= 0.05
        assert 0.0 < material.contrast <= 0.5
        assert 2.6 <= material.texture.period_px <= 40.0
        assert 0.0 <= material.texture.shape <= 1.0
        assert 0.0 < material.texture.order <= 1.0


def test_a_seed_fixes_materials_and_textures():
    for draw in (any_material, any_texture):
        assert draw(np.random.default_rng(1)) == draw(np.random.default_rng(1))
        assert draw(np.random.default_rng(1)) != draw(np.random.default_rng(2))
