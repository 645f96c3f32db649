"""With the built-in encoder: what a microscopist changes at once, and the specimen did not."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from scopeside.assembly import assemble, still_frame
from scopeside.configuration import load_settings
from scopeside.testing.specimen import IrradiatedFilm

SHAPE = (256, 256)
SHARP, BLURRED = 2, 3
ASTIGMATISM_PX = 2.0
"""Along the rows, it moves the crystal 0.9 of the unit away from itself and to within 0.7 of the
amorphous film: farther than a prototype alone reaches, and nearer to the wrong one."""


def test_phases_keep_their_ids_when_the_lens_becomes_astigmatic_from_one_frame_to_the_next() -> (
    None
):
    film = IrradiatedFilm(shape=SHAPE, seed=1)
    pipeline = assemble(
        load_settings(sets=["embed.mode=shared", f"service.frame_shape={list(SHAPE)}"])
    )
    ids = []
    for number in range(SHARP + BLURRED):
        counts_YX = film.expose(0.5 * film.dose_full_e_per_m2, number=number).counts_YX
        image_YX = counts_YX.astype(np.float32)
        if number >= SHARP:
            image_YX = gaussian_filter(image_YX, (0.0, ASTIGMATISM_PX))
        ids.append(pipeline.segment(still_frame(image_YX, number=number)).identified.ids_N)
    assert set(ids[0].tolist()) == {1, 2}
    assert all(np.mean(later == ids[0]) > 0.9 for later in ids[1:])
