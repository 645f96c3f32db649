"""Over a longer stream the card's answers stay the CPU's, and no guess of ids is in them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from device_bench import misled, of_series, on_cpu, on_device, settings_of, two_phases
from kernel_definitions import instead_of_kernels
from scopeside.device import back, contrast, front
from scopeside.device.engines import kernel

SHAPE = (96, 128)
FRONTS = (0.25, 0.3, 0.4, 0.4, 0.55, 0.7, 0.0, 0.0, 1.0, 0.6, 0.5, 0.5)
UNIT = 0.02
"""The small network's chips of one phase are alike to the last digits: their spread is rounding."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    instead_of_kernels(monkeypatch, back, contrast, front, kernel)


def stream():
    """A front that wanders, vanishes to either side and comes back; now and then frames of other
    pixels come, which have lanes of their own; the series changes."""
    frames = [
        two_phases(n, front=front_, shape=SHAPE, dtype="<f4" if n in (4, 5, 8) else "<u2")
        for n, front_ in enumerate(FRONTS)
    ]
    return [of_series(frame, "one" if frame.number < 10 else "two") for frame in frames]


def two_at_a_time(device, frames):
    begun, found = [], []
    for frame in frames:
        begun.append(device.begin(frame))
        if len(begun) == device.lanes:
            found.append(device.finish(begun.pop(0)))
    return found + [device.finish(one) for one in begun]


@pytest.mark.parametrize("scope", ["series", "session"])
def test_a_wandering_front_is_followed_as_on_the_cpu(scope):
    settings = settings_of(identity={"scope": scope, "unit": UNIT})
    cpu, device, wrong = on_cpu(settings), on_device(settings), misled(on_device(settings))
    found = [two_at_a_time(one, stream()) for one in (device, wrong)]
    for frame, there, unguessed in zip(stream(), *found, strict=True):
        here = cpu.segment(frame)
        for one in (there, unguessed):
            np.testing.assert_array_equal(one.identified.ids_N, here.identified.ids_N)
            for answer in ("identities", "appeared", "vanished"):
                assert getattr(one.identified, answer) == getattr(here.identified, answer)
        np.testing.assert_array_equal(there.label_map.labels_YX, here.label_map.labels_YX)
        shares = [one.label_map.confidence_YX.astype(int) for one in (here, there)]
        # A chip's ballots are rounded: one of 64 may fall on the other side.
        assert np.abs(shares[0] - shares[1]).max() <= 5
        for map_ in ("labels_YX", "confidence_YX"):
            maps = [getattr(one.label_map, map_) for one in (there, unguessed)]
            np.testing.assert_array_equal(*maps)
        assert unguessed.communities == there.communities
        assert unguessed.fronts == there.fronts
    repainted = [one.figures()["gpu"]["repainted"] for one in (device, wrong)]
    assert repainted[0] < repainted[1] == len(FRONTS)
