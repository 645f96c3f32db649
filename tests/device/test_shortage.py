"""The card's memory runs out in the middle of a stream: the next frame has smaller tiles."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from device_bench import SmallEncoder, misled, on_device, settings_of, two_phases
from kernel_definitions import instead_of_kernels
from scopeside.device import back, contrast, front
from scopeside.device.engines import kernel
from scopeside.errors import DeviceMemoryError
from scopeside.partitions import relabelled
from scopeside.testing.cards import DiaryCard

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")


class Recording(SmallEncoder):
    """Remembers the tiles asked for; programs of more than `most` chips do not fit."""

    def __init__(self):
        super().__init__()
        self.most, self.tried = 4, []

    def device_program(self, tiles, shape_BCHW, head, *, captured):
        self.tried.append(shape_BCHW[0])
        if shape_BCHW[0] > self.most:
            raise torch.OutOfMemoryError("It does not fit.")
        return super().device_program(tiles, shape_BCHW, head, captured=captured)


@pytest.fixture
def card():
    return DiaryCard()


@pytest.fixture
def encoder():
    return Recording()


@pytest.fixture
def device(card, encoder, monkeypatch):
    """A pipeline that has segmented a frame, in tiles of four chips."""
    instead_of_kernels(monkeypatch, back, contrast, front, kernel)
    device = on_device(settings_of(), card=card, encoder=encoder)
    device.segment(two_phases())
    assert encoder.tried == [4]
    return device


def lost(device, card, *failures):
    """Let a frame fail for each of `failures`, and the pipeline recover from it."""
    for failure in failures:
        card.failures.append(failure)
        with pytest.raises(type(failure)):
            device.segment(two_phases(1))
        device.recover()


def test_the_next_frame_is_planned_anew_in_tiles_of_half_the_chips(device, card, encoder, caplog):
    before = device.segment(two_phases(2)).label_map
    with caplog.at_level(logging.WARNING):
        lost(device, card, FULL)
    found = device.segment(two_phases(2))
    assert found.replanned
    assert encoder.tried == [4, 2]
    maps = [one.labels_YX.ravel() for one in (before, found.label_map)]
    np.testing.assert_array_equal(*map(relabelled, maps))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "memory ran out" in line
    assert "tiles of 2 chips take the place of 4" in line
    figures = device.figures()["gpu"]
    assert (figures["tile_chips"], figures["out_of_memory"]) == (2, 1)


def test_tiles_are_halved_down_to_one_chip_and_then_that_is_said(device, card, encoder, caplog):
    with caplog.at_level(logging.WARNING):
        lost(device, card, FULL, FULL, FULL)
    assert encoder.tried == [4, 2, 1]
    assert "down to one chip" in caplog.records[-1].getMessage()
    device.segment(two_phases(2))
    assert encoder.tried == [4, 2, 1, 1]
    figures = device.figures()["gpu"]
    assert (figures["tile_chips"], figures["out_of_memory"]) == (1, 3)


def test_a_frame_begun_before_is_finished_in_the_smaller_tiles(device, card, encoder):
    first, second = (misled(device).begin(two_phases(number)) for number in (1, 2))
    card.failures.append(FULL)
    with pytest.raises(torch.OutOfMemoryError):
        device.finish(first)
    device.recover()
    assert device.finish(second).frame.number == 2
    assert encoder.tried == [4, 2]


def test_what_the_driver_says_of_memory_counts_and_other_errors_do_not(device, card, encoder):
    lost(device, card, RuntimeError("CUDA error: an illegal instruction was encountered"))
    device.segment(two_phases(1))
    assert encoder.tried == [4, 4]
    lost(device, card, RuntimeError("CUDA error: out of memory"))
    device.segment(two_phases(1))
    assert encoder.tried == [4, 4, 2]
    assert device.figures()["gpu"]["out_of_memory"] == 1


def test_what_fitted_before_and_no_longer_does_is_tried_in_ever_smaller_tiles(
    device, card, encoder
):
    encoder.most = 1
    lost(device, card, FULL)
    with pytest.raises(DeviceMemoryError):
        device.segment(two_phases(1))
    device.recover()
    device.segment(two_phases(1))
    assert encoder.tried == [4, 2, 1]


def test_a_kind_of_frame_that_never_fitted_leaves_the_tiles_as_they_are(device, encoder):
    encoder.most = 0
    with pytest.raises(DeviceMemoryError):
        device.begin(two_phases(1, shape=(96, 96)))
    device.recover()
    encoder.most = 4
    device.segment(two_phases(1))
    assert encoder.tried == [4, 4, 4, 4]
