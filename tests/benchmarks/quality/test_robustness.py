from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quality import robustness
from quality.robustness import MEAN_COUNTS, VARIANTS, exposed, records
from quality.sets import Labelled

images = hnp.arrays(np.float32, (5, 8), elements=st.floats(0, 1000, width=32))


def a_frame() -> Labelled:
    image = np.linspace(10, 200, 64 * 48, dtype=np.float32).reshape(64, 48)
    return Labelled(name="ramp", image_YX=image, truth_YX=np.zeros((64, 48), np.uint8))


def test_an_exposure_has_the_dose_that_was_asked_for():
    image = a_frame().image_YX
    for dose in (1.0, 0.1):
        counts = exposed(image, dose=dose, seed=3)
        assert counts.mean() == pytest.approx(MEAN_COUNTS * dose, rel=0.02)
    assert np.array_equal(exposed(image, dose=1.0, seed=3), exposed(image, dose=1.0, seed=3))
    assert not np.array_equal(exposed(image, dose=1.0, seed=3), exposed(image, dose=1.0, seed=4))


def test_an_empty_or_negative_frame_is_exposed_as_dark():
    assert not exposed(np.zeros((4, 4)), dose=1.0, seed=0).any()
    assert not exposed(np.full((4, 4), -1.0), dose=1.0, seed=0).any()


@given(images)
def test_turning_a_label_map_back_undoes_the_turn(image):
    assert np.array_equal(robustness.turned_back(robustness.turned(image)), image)


@given(images)
def test_inverting_twice_gives_the_image_back(image):
    twice = robustness.inverted(robustness.inverted(image))
    np.testing.assert_allclose(twice, image, atol=1e-3)


@given(images)
def test_gain_and_offset_keep_the_order_of_brightness(image):
    for change in (robustness.gain, robustness.offset):
        order = np.argsort(image, axis=None, kind="stable")
        assert (np.diff(change(image).ravel()[order]) >= 0).all()


def test_every_variant_is_recorded_and_differs_from_the_first():
    found = records(a_frame())
    assert set(found) == {"first", *VARIANTS}
    for name, variant in VARIANTS.items():
        assert variant.back(found[name]).shape == found["first"].shape
        assert not np.array_equal(found[name], found["first"])


def test_a_simulated_scene_is_exposed_by_its_simulation():
    asked = []

    def expose(dose, seed):
        asked.append((dose, seed))
        return np.full((8, 6), 100.0 * dose)

    frame = Labelled(
        name="scene",
        image_YX=np.ones((8, 6)),
        truth_YX=np.zeros((8, 6), np.uint8),
        expose=expose,
    )
    found = records(frame)
    assert (found["1/10 dose"] == 10.0).all()
    assert len({seed for _, seed in asked}) == len(asked)
