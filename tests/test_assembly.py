"""Warming up shows the pipeline the frames that it will get."""

from __future__ import annotations

import numpy as np
import pytest

from scopeside.assembly import warm_up
from scopeside.settings import Settings


class Noting:
    """A pipeline that only notes what it is given."""

    def __init__(self):
        self.planned, self.images, self.resets = [], [], 0

    def plan(self, shape):
        self.planned.append(shape)

    def segment(self, frame):
        self.images.append(frame.image_YX)

    def reset(self):
        self.resets += 1


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_it_warms_up_with_the_expected_shape_and_pixels_and_forgets_them(dtype):
    pipeline = Noting()
    expected = {"frame_shape": (40, 6), "frame_dtype": dtype}
    warm_up(pipeline, Settings.model_validate({"service": expected}))
    assert pipeline.planned == [(40, 6)]
    assert [image.shape for image in pipeline.images] == [(40, 6)] * 2
    assert {image.dtype for image in pipeline.images} == {np.dtype(f"<{dtype}")}
    # Counts that a pixel does not hold are cut off, not wrapped: the film stays a film.
    assert all(image.min() >= 0 and image.std() > 0 for image in pipeline.images)
    assert pipeline.resets == 1
