import numpy as np
import pytest
from PIL import Image

from scopeside.errors import OutputError
from scopeside.view.overlay import UNKNOWN, boundaries, grey, overlay, save_png, with_front

RED, BLUE = (200, 0, 0), (0, 0, 200)


def halves(rows=8, columns=10):
    labels = np.ones((rows, columns), dtype=np.uint16)
    labels[:, columns // 2 :] = 2
    return labels


def test_opacity_nought_shows_the_frame_and_one_the_colours():
    labels = halves()
    frame = np.arange(80, dtype=np.uint8).reshape(8, 10)
    bare = overlay(frame, labels, {1: RED, 2: BLUE}, opacity=0.0, outline_px=0)
    assert np.array_equal(bare, np.repeat(frame[:, :, None], 3, axis=2))
    full = overlay(frame, labels, {1: RED, 2: BLUE}, opacity=1.0, outline_px=0)
    assert np.array_equal(full[:, :5], np.broadcast_to(RED, (8, 5, 3)))
    assert np.array_equal(full[:, 5:], np.broadcast_to(BLUE, (8, 5, 3)))


def test_half_opacity_is_half_way_between_grey_and_colour():
    frame = np.full((8, 10), 100, dtype=np.uint8)
    mixed = overlay(frame, halves(), {1: RED, 2: BLUE}, opacity=0.5, outline_px=0)
    assert mixed[0, 0].tolist() == [150, 50, 50]


def test_the_outline_is_in_full_colour_on_both_sides():
    frame = np.full((8, 10), 100, dtype=np.uint8)
    drawn = overlay(frame, halves(), {1: RED, 2: BLUE}, opacity=0.0, outline_px=2)
    assert np.array_equal(drawn[:, 3:5], np.broadcast_to(RED, (8, 2, 3)))
    assert np.array_equal(drawn[:, 5:7], np.broadcast_to(BLUE, (8, 2, 3)))
    assert (drawn[:, :3] == 100).all()
    assert (drawn[:, 7:] == 100).all()


def test_pixels_without_label_stay_grey_and_ids_without_colour_are_noticed():
    labels = halves()
    labels[:4] = 0
    frame = np.full((8, 10), 60, dtype=np.uint8)
    drawn = overlay(frame, labels, {1: RED}, opacity=1.0, outline_px=1)
    assert (drawn[:4] == 60).all()
    assert drawn[6, 9].tolist() == list(UNKNOWN)
    assert drawn[6, 0].tolist() == list(RED)


def test_boundaries_are_found_along_both_axes():
    labels = np.ones((6, 6), dtype=np.uint16)
    labels[2:4, 2:4] = 2
    edge = boundaries(labels)
    assert edge[2:4, 2:4].all()
    assert edge[1, 2]
    assert edge[2, 1]
    assert not edge[0].any()
    assert not boundaries(np.ones((3, 3), dtype=np.uint16)).any()


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4", "<i4"])
def test_any_frame_becomes_grey_from_black_to_white(dtype):
    frame = np.linspace(0, 100, 2500).reshape(50, 50).astype(dtype)
    shown = grey(frame)
    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, 255)
    assert (np.diff(shown.ravel().astype(int)) >= 0).all()


def test_a_constant_frame_is_black_and_no_error():
    assert not grey(np.full((4, 4), 7, dtype=np.uint16)).any()


def test_the_front_is_drawn_where_it_lies():
    picture = np.zeros((3, 9, 3), dtype=np.uint8)
    drawn = with_front(picture, np.array([0.0, 4.0, 9.0]), width_px=1)
    white = (drawn == 255).all(axis=2)
    assert white.tolist()[1] == [column == 4 for column in range(9)]
    assert white[0].nonzero()[0].tolist() == [0]
    assert not picture.any()


def test_a_picture_is_written_whole_and_its_folder_made(tmp_path):
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    save_png(tmp_path / "new" / "a.png", picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "new" / "a.png")), picture)


def test_a_picture_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.png"):
        save_png(tmp_path / "file" / "a.png", np.zeros((2, 2, 3), dtype=np.uint8))
