"""Frames of every pixel are corrected and stretched on a device as on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from kernel_definitions import instead_of_kernels
from scopeside.assembly import still_frame
from scopeside.device import contrast
from scopeside.device.contrast import Held, References, contrast_of, contrast_room, find_contrast
from scopeside.device.pixels import FrameKind, put
from scopeside.errors import DropError, DropReason
from scopeside.settings import PreprocessSettings
from scopeside.stages.preprocess import Preprocess
from scopeside_kernels.byteswap import byteswap
from scopeside_kernels.normalise import normalise

SHAPE = (9, 13)
CPU = torch.device("cpu")
PIXELS = ["|u1", "<u2", ">u2", "<u4", ">u4", "<i2", ">i2", "<i4", "<f2", "<f4", ">f4", "<f8", ">f8"]


def image_of(pixels, seed=0):
    dtype = np.dtype(pixels)
    random = np.random.default_rng(seed)
    if dtype.kind == "f":
        image_YX = random.normal(40, 9, SHAPE).astype(dtype)
        image_YX[2, 3], image_YX[4, 4] = np.nan, np.inf
        return image_YX
    limits = np.iinfo(dtype)
    image_YX = random.integers(
        limits.min, limits.max, SHAPE, dtype.newbyteorder("="), endpoint=True
    )
    image_YX[:2, :3] = limits.max
    return image_YX.astype(dtype)


def on_device(image_YX, settings, references, held=None):
    """Everything up to the image that chips would be cut from, and what is said of it."""
    frame = still_frame(image_YX)
    kind = FrameKind.of(frame)
    room = contrast_room(kind, references, CPU)
    pinned_YX = torch.empty(kind.shape, dtype=kind.dtype)
    put(frame.image_YX, pinned_YX)
    if kind.swapped:
        byteswap(pinned_YX, native_YX=pinned_YX)
    source_YX = find_contrast(pinned_YX, settings, held or Held(CPU), room)
    found = contrast_of(
        own=tuple(room.found.window_2.tolist()),
        window=tuple(room.window_2.tolist()),
        counts=(int(room.found.counts_2[0]), int(room.saturated_px)),
        pixels=image_YX.size,
    )
    return found, normalise(source_YX, room.opened_2).numpy()


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("pixels", PIXELS)
def test_the_cpus_image_and_figures_come_out_for_all_pixels(pixels, corrected, monkeypatch):
    if corrected:  # once by the kernel is enough for each kind of pixel
        instead_of_kernels(monkeypatch, contrast)
    random = np.random.default_rng(1)
    dark_YX = random.normal(3, 1, SHAPE) if corrected else None
    flat_YX = random.normal(1, 0.1, SHAPE) if corrected else None
    if corrected:
        flat_YX[0, 0] = 0.0
    image_YX = image_of(pixels)
    here = Preprocess(PreprocessSettings(), dark_YX=dark_YX, flat_YX=flat_YX)(still_frame(image_YX))
    found, values_YX = on_device(image_YX, PreprocessSettings(), References.of(dark_YX, flat_YX))
    for figure in ("low", "high", "flat", "nonfinite_px", "saturated_fraction"):
        assert getattr(found, figure) == getattr(here, figure)
    np.testing.assert_array_equal(values_YX, here.values_YX)


def test_a_window_is_held_from_the_first_frame_with_contrast(monkeypatch):
    instead_of_kernels(monkeypatch, contrast)
    settings = PreprocessSettings(contrast="series")
    here, held = Preprocess(settings), Held(CPU)
    flat_YX = np.full(SHAPE, 5, np.uint16)
    sequence = [flat_YX, image_of("<u2", 1), flat_YX, image_of("<u2", 2)]
    for image_YX in sequence:
        expected = here(still_frame(image_YX))
        found, values_YX = on_device(image_YX, settings, References(), held)
        assert (found.low, found.high, found.flat) == (expected.low, expected.high, expected.flat)
        np.testing.assert_array_equal(values_YX, expected.values_YX)
    with held.untouched():
        on_device(image_of("<u2", 3), settings, References(), held)
        held.forget()
    assert bool(held.have)
    held.forget()
    found, _ = on_device(image_of("<u2", 3), settings, References(), held)
    assert found.high == here(still_frame(image_of("<u2", 3), series="next")).high


@pytest.mark.parametrize("which", ["dark_YX", "flat_YX"])
def test_a_frame_that_a_reference_does_not_fit_is_dropped(which):
    references = References.of(**{"dark_YX": None, "flat_YX": None, which: np.ones((4, 4))})
    with pytest.raises(DropError, match=which[:4]) as dropped:
        references.require_fit(still_frame(image_of("<u2")))
    assert dropped.value.reason is DropReason.BAD_SHAPE
    references.require_fit(still_frame(np.ones((4, 4), np.uint8)))
