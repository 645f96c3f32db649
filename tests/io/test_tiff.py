"""TIFF in the shapes that writers give it."""

import importlib.util
import logging

import numpy as np
import pytest
import tifffile
from PIL import Image

from scopeside.errors import InputFileError, MissingExtraError
from scopeside.io import open_frames, tiff

STACK = np.random.default_rng(2).integers(0, 4000, (7, 20, 30), dtype=np.uint16)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True},
        {"compression": "zlib"},
        {"bigtiff": True, "byteorder": ">"},
        {"contiguous": True, "metadata": {"axes": "TYX"}},
        {"metadata": None},
    ],
)
def test_a_stack_reads_back_frame_by_frame(tmp_path, options):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, **options)
    recording = open_frames(path)
    assert (len(recording), recording.shape) == (7, (20, 30))
    assert np.array_equal(np.stack(list(recording.frames())), STACK)
    assert np.array_equal(recording.frame(3), STACK[3])


def test_more_than_one_counting_axis_is_counted_through(tmp_path):
    path = tmp_path / "hyper.tif"
    hyper = STACK[:6].reshape(2, 3, 20, 30)
    tifffile.imwrite(path, hyper, imagej=True, metadata={"axes": "TZYX"})
    recording = open_frames(path)
    assert np.array_equal(np.stack(list(recording.frames())), STACK[:6])


@pytest.mark.parametrize("block_bytes", [1, 3000, 10**9])
def test_blocks_of_any_size_give_the_same_frames(tmp_path, monkeypatch, block_bytes):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK)
    monkeypatch.setattr(tiff, "_BLOCK_BYTES", block_bytes)
    assert np.array_equal(np.stack(list(open_frames(path).frames())), STACK)


def test_a_large_file_is_described_without_being_decoded_first(tmp_path, monkeypatch):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK)
    monkeypatch.setattr(tiff, "_EAGER_BYTES", 0)
    assert np.array_equal(np.stack(list(open_frames(path).frames())), STACK)


def test_colour_pages_become_luma(tmp_path):
    path = tmp_path / "colour.tif"
    colour = np.zeros((2, 8, 9, 3), np.uint8)
    colour[1, ..., 1] = 100
    tifffile.imwrite(path, colour, photometric="rgb")
    first, second = open_frames(path).frames()
    assert np.all(first == 0)
    assert np.all(second == round(0.587 * 100))


def test_calibration_comes_with_the_file(tmp_path):
    path = tmp_path / "calibrated.tif"
    tifffile.imwrite(
        path, STACK, imagej=True, resolution=(1e3 / 0.5, 1e3 / 0.25), metadata={"unit": "micron"}
    )
    y_m, x_m = open_frames(path).pixel_size_m
    assert (y_m, x_m) == pytest.approx((0.25e-9, 0.5e-9), rel=1e-3)


@pytest.mark.parametrize("eager_bytes", [0, 10**9])
def test_a_stack_cut_short_is_one_sentence_and_nothing_beside_it(
    tmp_path, monkeypatch, caplog, eager_bytes
):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, STACK, compression="zlib", metadata=None)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(tiff, "_EAGER_BYTES", eager_bytes)
    with pytest.raises(InputFileError, match=r"cut\.tif"):
        list(open_frames(path).frames())
    assert [record.getMessage() for record in caplog.records] == []
    assert logging.getLogger("tifffile").level == logging.NOTSET


def test_complex_tiffs_are_refused(tmp_path):
    path = tmp_path / "wave.tif"
    tifffile.imwrite(path, STACK.astype(np.complex64))
    with pytest.raises(InputFileError, match="complex"):
        open_frames(path)


def test_a_codec_that_is_not_installed_is_named_and_others_are_read(tmp_path):
    path = tmp_path / "packed.tif"
    Image.fromarray(STACK[0]).save(path, compression="tiff_lzw")
    if importlib.util.find_spec("imagecodecs") is None:
        with pytest.raises(MissingExtraError, match="imagecodecs"):
            open_frames(path)
    else:
        assert np.array_equal(open_frames(path).frame(0), STACK[0])
