"""Novelty: high where a community has just come, low where it has always been."""

import numpy as np

from scopeside.steering.novelty import see
from steering_samples import CHIP_PX, halves, sample

PX = 1e-9


def moved(columns):
    return ((PX, 0.0, columns * PX), (0.0, PX, 0.0))


def test_what_a_front_has_passed_is_newest():
    seen = None
    for number, split in enumerate((20, 20, 20, 12)):
        seen = see(sample(halves(split=split), number=number), seen)
    novelty_YX = seen.novelty_YX()
    assert novelty_YX.shape == (16, 24)
    assert (novelty_YX[:, 12:20] == 1.0).all()
    assert np.allclose(novelty_YX[:, :12], 0.25)
    assert np.allclose(novelty_YX[:, 20:], 0.25)


def test_what_comes_into_view_is_new_and_the_rest_keeps_its_age():
    seen = see(sample(np.ones((16, 24)), pixel_to_stage=moved(0)), None)
    seen = see(sample(np.ones((16, 24)), pixel_to_stage=moved(2 * CHIP_PX)), seen)
    novelty_YX = seen.novelty_YX()
    assert (novelty_YX[:, : 24 - 2 * CHIP_PX] == 0.5).all()
    assert (novelty_YX[:, 24 - 2 * CHIP_PX :] == 1.0).all()


def test_another_series_begins_anew():
    seen = see(sample(halves()), None)
    assert (see(sample(halves(), series="other"), seen).novelty_YX() == 1.0).all()


def test_a_frame_of_another_shape_keeps_what_lies_over_the_same_pixels():
    seen = see(sample(np.ones((16, 24))), None)
    seen = see(sample(np.ones((16, 32))), seen)
    novelty_YX = seen.novelty_YX()
    assert (novelty_YX[:, :24] == 0.5).all()
    assert (novelty_YX[:, 24:] == 1.0).all()


def test_a_field_of_view_without_scale_compares_nothing():
    seen = see(sample(halves(), pixel_to_stage=((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))), None)
    assert (see(sample(halves(), pixel_to_stage=moved(0)), seen).novelty_YX() == 1.0).all()
