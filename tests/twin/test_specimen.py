"""The specimen from any place and at any magnification."""

from itertools import pairwise

import numpy as np
import pytest

from scopeside.twin.makeup import MAKEUPS, Kind
from scopeside.twin.specimen import Specimen
from scopeside.twin.view import View

MOSAIC = MAKEUPS["mosaic"]


def view(fov_m, *, pixels=64, x_m=0.0, y_m=0.0):
    return View(shape=(pixels, pixels), pixel_m=fov_m / pixels, x_m=x_m, y_m=y_m)


def specimen(name="mosaic", seed=3, **given):
    return Specimen(makeup=MAKEUPS[name], seed=seed, **given)


def test_two_views_of_a_place_agree_where_they_overlap():
    pixel_m = 2.0e-10
    left = View(shape=(64, 64), pixel_m=pixel_m, x_m=0.0, y_m=0.0)
    right = View(shape=(64, 64), pixel_m=pixel_m, x_m=20 * pixel_m, y_m=-8 * pixel_m)
    film = specimen()
    a, b = film.look(left, 0.0), film.look(right, 0.0)

    assert np.array_equal(a.kind_YX[:56, 20:], b.kind_YX[8:, :44])
    # Places are sums of floats: not the same bits, so fringes differ by what that is of a period.
    np.testing.assert_allclose(a.bright_YX[:56, 20:], b.bright_YX[8:, :44], atol=1e-3)


def test_a_specimen_depends_on_its_seed():
    there = view(100e-9)

    same = [specimen().look(there, 0.0).bright_YX for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], specimen(seed=4).look(there, 0.0).bright_YX)


def test_the_mosaic_has_every_kind_in_the_shares_of_its_make_up():
    shares = (
        np.bincount(specimen().kinds(view(900e-9, pixels=256), 0.0).ravel(), minlength=len(Kind))
        / 256**2
    )

    assert (shares > 0.01).all()
    film = 1.0 - shares[Kind.VACUUM]
    assert shares[Kind.AMORPHOUS] / film == pytest.approx(MOSAIC.amorphous_share, abs=0.08)
    assert shares[Kind.SECOND_PHASE] / film == pytest.approx(MOSAIC.second_phase_share, abs=0.08)


def test_beyond_its_edge_there_is_vacuum():
    beyond = view(50e-9, x_m=0.5 * MOSAIC.extent_m + 40e-9)
    look = specimen().look(beyond, 0.0)

    assert (look.kind_YX == Kind.VACUUM).all()
    assert look.bright_YX.min() > 1.2


def test_fringes_have_their_spacing_at_the_micrometre_too():
    film = specimen("film", front_lead_m=1e-6)
    for x_m in (0.0, 0.4e-6):
        look = film.look(view(13.7e-9, pixels=256, x_m=x_m, y_m=-x_m), 0.0)
        power = np.abs(np.fft.rfft2(look.bright_YX - look.bright_YX.mean())) ** 2
        k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :])
        strongest = k.ravel()[power.argmax()]
        assert 13.7e-9 / 256 / strongest == pytest.approx(MOSAIC.lattice_m, rel=0.05)


def test_fringes_fade_where_pixels_do_not_resolve_them():
    film = specimen("film", front_lead_m=1e-6)
    deviations = [film.look(view(fov_m), 0.0).bright_YX.std() for fov_m in (4e-9, 40e-9)]

    assert deviations[1] < 0.4 * deviations[0]


def test_dose_makes_a_crystal_amorphous_at_its_critical_dose():
    film = specimen("film", front_lead_m=1e-6)  # the front is far away
    there = view(20e-9, pixels=128)
    shares = []
    for relative in (0.0, 0.5, 1.0, 2.0):
        wanted = relative * MOSAIC.critical_e_per_m2 - film.dose.highest_e_per_m2
        electrons = wanted * (60e-9) ** 2
        film.dose.expose(0.0, 0.0, width_m=60e-9, height_m=60e-9, electrons=electrons)
        shares.append(float(np.mean(film.kinds(there, 0.0) == Kind.AMORPHOUS)))

    assert shares[0] == 0.0
    assert shares[1] < 0.1
    assert 0.0 < shares[2] < 1.0
    assert shares[3] > 0.9
    assert shares == sorted(shares)


def test_a_second_phase_and_precipitates_outlast_the_dose():
    film = specimen()
    there = view(600e-9, pixels=128)
    before = film.kinds(there, 0.0)
    film.dose.expose(0.0, 0.0, width_m=1e-6, height_m=1e-6, electrons=1e27 * 1e-12)
    after = film.kinds(there, 0.0)

    assert (after[before == Kind.CRYSTAL] == Kind.AMORPHOUS).all()
    assert np.array_equal(after[before != Kind.CRYSTAL], before[before != Kind.CRYSTAL])


def test_a_front_goes_its_way_and_never_back():
    film = specimen("film", front_lead_m=2e-9)
    there = view(30e-9, pixels=96)
    behind = [film.kinds(there, clock_s) == Kind.AMORPHOUS for clock_s in (0.0, 5.0, 10.0, 60.0)]

    for earlier, later in pairwise(behind):
        assert (later | ~earlier).all()
        assert later.mean() > earlier.mean()
    assert behind[-1].all()
