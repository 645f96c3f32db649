"""A lab's own micrographs as specimens, and the sentences about what cannot be trained on."""

import pickle

import numpy as np
import pytest

from scopeside.errors import InputFileError
from scopeside.pretraining.archive import FLOOR, Archive
from scopeside.pretraining.specimens import MARGIN_PX
from scopeside.stages.embed.simulated import normalised
from small_training import write_micrographs

FRAME_PX = 96
SIDE_PX = FRAME_PX + 2 * MARGIN_PX


def archive_of(*paths):
    return Archive(paths, frame_px=FRAME_PX)


def drawn(archive, seed=0):
    return archive.specimen(np.random.default_rng(seed))


def test_a_specimen_is_a_part_of_a_frame_with_mean_1_and_no_layout(tmp_path):
    write_micrographs(tmp_path / "a.tif")
    archive = archive_of(tmp_path / "a.tif")
    assert len(archive) == 2
    for seed in range(8):
        specimen = drawn(archive, seed)
        assert specimen.layout_YX is None
        assert specimen.bright_YX.shape == (SIDE_PX, SIDE_PX)
        assert specimen.bright_YX.dtype == np.float32
        assert specimen.bright_YX.min() > 0
        assert float(specimen.bright_YX.mean()) == pytest.approx(1.0, abs=1e-4)


def test_a_frame_of_just_the_size_is_drawn_whole_in_all_eight_ways(tmp_path):
    (frame_YX,) = write_micrographs(tmp_path / "a.tif", (SIDE_PX, SIDE_PX), count=1)
    archive = archive_of(tmp_path / "a.tif")
    bright_YX = normalised(frame_YX) + np.float32(FLOOR)
    turned = [np.rot90(one, turns) for one in (bright_YX, bright_YX[:, ::-1]) for turns in range(4)]
    seen = set()
    for seed in range(60):
        specimen_YX = drawn(archive, seed).bright_YX
        whole_YX = specimen_YX * bright_YX.mean()
        (way,) = [n for n, one in enumerate(turned) if np.allclose(one, whole_YX, atol=1e-5)]
        seen.add(way)
    assert seen == set(range(8))


def test_a_seed_fixes_what_is_drawn(tmp_path):
    write_micrographs(tmp_path / "a.tif")
    archive = archive_of(tmp_path / "a.tif")
    assert (drawn(archive, 1).bright_YX == drawn(archive, 1).bright_YX).all()
    assert (drawn(archive, 1).bright_YX != drawn(archive, 2).bright_YX).any()


def test_a_folder_is_everything_readable_below_it(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write_micrographs(tmp_path / "a.tif", count=3)
    write_micrographs(tmp_path / "deep" / "er" / "b.tif", count=2)
    (tmp_path / "deep" / "notes.unknown").write_text("not a micrograph")
    assert len(archive_of(tmp_path)) == 5


def test_frames_that_are_too_small_are_left_out_beside_larger_ones(tmp_path):
    write_micrographs(tmp_path / "a.tif", count=3)
    write_micrographs(tmp_path / "b.tif", (SIDE_PX, SIDE_PX - 1), count=4)
    assert len(archive_of(tmp_path)) == 3


def test_frames_that_are_all_too_small_are_refused_with_the_size_that_is_needed(tmp_path):
    write_micrographs(tmp_path / "a.tif", (SIDE_PX, SIDE_PX - 1))
    write_micrographs(tmp_path / "b.tif", (64, 300))
    with pytest.raises(InputFileError, match=r"120 x 120 pixels .*a\.tif, has 120 x 119\."):
        archive_of(tmp_path)


def test_a_folder_without_a_micrograph_is_refused(tmp_path):
    (tmp_path / "notes.unknown").write_text("not a micrograph")
    with pytest.raises(InputFileError, match=r"holds no file of micrographs"):
        archive_of(tmp_path)


def test_a_path_that_is_absent_is_refused(tmp_path):
    with pytest.raises(InputFileError, match=r"absent cannot be opened"):
        archive_of(tmp_path / "absent")


def test_pixels_that_are_not_finite_become_the_median_of_the_others(tmp_path):
    frame_YX = np.random.default_rng(0).normal(1000.0, 10.0, (SIDE_PX, SIDE_PX)).astype("f4")
    frame_YX[:4, :8] = np.array([np.nan, np.inf, -np.inf, 1000.0] * 2)
    np.save(tmp_path / "a.npy", frame_YX)
    specimen_YX = drawn(archive_of(tmp_path / "a.npy")).bright_YX
    assert np.isfinite(specimen_YX).all()
    # Zeros in place of them would have been the darkest of all, and widened no window.
    middle = np.median(specimen_YX)
    for corner_YX in (specimen_YX[:8, :8], specimen_YX[-8:, :8], specimen_YX[:8, -8:]):
        assert abs(np.median(corner_YX) - middle) < 0.3
    assert (np.abs(specimen_YX - middle) < 1e-3).sum() >= 24


@pytest.mark.parametrize("value", [np.nan, np.inf, 7.0])
def test_a_frame_that_shows_nothing_is_a_flat_specimen(tmp_path, value):
    np.save(tmp_path / "a.npy", np.full((SIDE_PX, SIDE_PX), value, np.float32))
    specimen_YX = drawn(archive_of(tmp_path / "a.npy")).bright_YX
    assert specimen_YX == pytest.approx(np.ones_like(specimen_YX))


def test_an_archive_can_be_handed_to_another_process_and_draws_the_same_there(tmp_path):
    write_micrographs(tmp_path / "a.tif")
    archive = archive_of(tmp_path)
    drawn(archive)
    other = pickle.loads(pickle.dumps(archive))
    assert (drawn(other, 5).bright_YX == drawn(archive, 5).bright_YX).all()
