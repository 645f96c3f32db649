"""Plain images, arrays and folders."""

import numpy as np
import pytest
from PIL import Image

from scopeside.errors import InputFileError
from scopeside.io import open_frames

GREY = np.random.default_rng(1).integers(0, 255, (20, 30), dtype=np.uint8)


def saved(tmp_path, name, values, **options):
    path = tmp_path / name
    Image.fromarray(values).save(path, **options)
    return path


def test_a_grey_image_is_one_frame_as_it_is(tmp_path):
    recording = open_frames(saved(tmp_path, "grey.png", GREY))
    assert (len(recording), recording.shape, recording.name) == (1, (20, 30), "grey")
    assert recording.dtype == np.uint8
    assert recording.pixel_size_m is None
    assert np.array_equal(recording.frame(0), GREY)


def test_sixteen_bits_stay_sixteen_bits(tmp_path):
    deep = GREY.astype(np.uint16) * 200
    recording = open_frames(saved(tmp_path, "deep.png", deep))
    assert recording.dtype == np.uint16
    assert np.array_equal(recording.frame(0), deep)


def test_colour_becomes_its_luma(tmp_path):
    colour = np.zeros((8, 9, 3), np.uint8)
    colour[:4, :, 0], colour[4:, :, 1] = 200, 100
    frame = open_frames(saved(tmp_path, "colour.png", colour)).frame(0)
    assert np.all(frame[:4] == round(0.299 * 200))
    assert np.all(frame[4:] == round(0.587 * 100))
    assert frame.dtype == np.uint8


def test_a_grey_picture_saved_as_colour_or_palette_keeps_its_values(tmp_path):
    colour = open_frames(saved(tmp_path, "rgb.png", np.dstack([GREY] * 3))).frame(0)
    Image.fromarray(GREY).convert("P").save(tmp_path / "palette.png")
    assert np.array_equal(colour, GREY)
    assert np.array_equal(open_frames(tmp_path / "palette.png").frame(0), GREY)


def test_transparency_is_ignored(tmp_path):
    see_through = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 3)])
    assert np.array_equal(open_frames(saved(tmp_path, "a.png", see_through)).frame(0), GREY)


def test_an_animation_is_a_stack(tmp_path):
    pictures = [Image.fromarray(np.full((6, 7), 40 * n, np.uint8)) for n in range(3)]
    pictures[0].save(tmp_path / "movie.gif", save_all=True, append_images=pictures[1:])
    recording = open_frames(tmp_path / "movie.gif")
    assert len(recording) == 3
    assert [int(frame.max()) for frame in recording.frames()] == [0, 40, 80]


@pytest.mark.parametrize(
    ("shape", "count", "frame_shape"),
    [
        ((5, 7), 1, (5, 7)),
        ((4, 5, 7), 4, (5, 7)),
        ((20, 30, 3), 1, (20, 30)),
        ((6, 20, 30, 4), 6, (20, 30)),
        ((9, 5, 4), 9, (5, 4)),
        ((2, 3, 3), 2, (3, 3)),
    ],
)
def test_arrays_are_frames_stacks_or_colour(tmp_path, shape, count, frame_shape):
    path = tmp_path / "array.npy"
    np.save(path, np.ones(shape, np.uint8))
    recording = open_frames(path)
    assert (len(recording), recording.shape) == (count, frame_shape)
    assert recording.frame(count - 1).shape == frame_shape


@pytest.mark.parametrize("shape", [(5,), (), (2, 3, 4, 5, 6), (0, 5), (3, 0, 5)])
def test_arrays_that_are_no_frames_are_refused_with_their_shape(tmp_path, shape):
    path = tmp_path / "array.npy"
    np.save(path, np.ones(shape))
    with pytest.raises(InputFileError) as refusal:
        open_frames(path)
    assert str(shape) in str(refusal.value)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputFileError, match="NumPy array"):
        open_frames(path)


def test_complex_arrays_are_refused(tmp_path):
    path = tmp_path / "wave.npy"
    np.save(path, np.ones((4, 4), complex))
    with pytest.raises(InputFileError, match="complex numbers"):
        open_frames(path)


def test_a_large_array_is_mapped_not_read(tmp_path):
    path = tmp_path / "stack.npy"
    stack = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=(3, 8, 8))
    stack[:] = 0
    stack.flush()
    recording = open_frames(path)
    stack[2] = 9
    stack.flush()
    assert np.all(recording.frame(2) == 9)


def test_a_folder_is_its_images_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        saved(tmp_path, f"frame_{number}.png", np.full((4, 5), number, np.uint8))
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / ".hidden.png").write_bytes(b"ignored")
    recording = open_frames(tmp_path)
    assert [int(frame[0, 0]) for frame in recording.frames()] == [1, 2, 10]
    assert recording.name == tmp_path.name
    assert recording.note == "3 files"


def test_frames_of_a_folder_may_differ_and_stacks_in_it_count(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 5), np.uint8))
    np.save(tmp_path / "b.npy", np.ones((6, 7), np.float32))
    recording = open_frames(tmp_path)
    assert [frame.shape for frame in recording.frames()] == [(4, 5), (4, 5), (6, 7)]
    assert recording.shape == (4, 5)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputFileError, match="holds no image"):
        open_frames(tmp_path)


def test_a_frame_out_of_range_is_an_index_error(tmp_path):
    recording = open_frames(saved(tmp_path, "grey.png", GREY))
    for index in (-1, 1):
        with pytest.raises(IndexError):
            recording.frame(index)


def test_a_member_deleted_meanwhile_is_said_when_it_is_read(tmp_path):
    for number in (1, 2):
        saved(tmp_path, f"{number}.png", GREY)
    recording = open_frames(tmp_path)
    (tmp_path / "2.png").unlink()
    assert np.array_equal(recording.frame(0), GREY)
    with pytest.raises(InputFileError, match=r"2\.png"):
        recording.frame(1)
