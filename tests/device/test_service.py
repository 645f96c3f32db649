"""The service with its stages on a device: frames over sockets, by the kernels' definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from device_bench import two_phases
from kernel_definitions import instead_of_kernels
from live import ipc_endpoints, running
from scopeside import assembly
from scopeside.device import assemble, back, contrast, front
from scopeside.device.engines import kernel
from scopeside.device.host_card import HostCard
from scopeside.device.painting import Painting
from scopeside.device.placement import Placement

COUNT = 6
SETS = [
    "device=cpu",
    "embed.backend=torch",
    "embed.precision=fp32",
    "service.frame_shape=[64,64]",
    "chips.size_px=32",
    "graph.resolution=0.5",
    "ingest.socket=pull",
]


@pytest.fixture
def on_card(monkeypatch):
    instead_of_kernels(monkeypatch, back, contrast, front, kernel)
    there = Placement(on_card=True, reason="all stages")
    monkeypatch.setattr(assembly, "place", lambda settings, choice: there)
    monkeypatch.setattr(assemble, "CudaCard", lambda place: HostCard())
    monkeypatch.setattr(assemble, "card_name", lambda place: "a card of the test")
    monkeypatch.setattr(assemble, "meter_of", lambda card: lambda: {"temperature_c": 41})


def collected(service, images, *, until):
    """Publish the images as one series and return the results that come, and the final totals."""
    with service.publisher(socket="push") as microscope:
        microscope.start("one")
        for number, image_YX in enumerate(images):
            microscope.frame(image_YX, number=number)
        results = []
        while len(results) < until:
            result = service.results.receive(20.0)
            assert result is not None, f"only {len(results)} results came"
            results.append(result)
    return results


def test_frames_come_back_in_order_and_status_tells_of_the_card(on_card, tmp_path):
    images = [two_phases(number).image_YX for number in range(COUNT)]
    with running(ipc_endpoints(tmp_path), sets=SETS) as service:
        results = collected(service, images, until=COUNT)
        status = service.status()
    assert [result.frame for result in results] == list(range(COUNT))
    assert all(result.labels_YX.shape == (64, 64) for result in results)
    assert all(len(result.communities) >= 2 for result in results)
    last = results[-1]
    assert last.accounting.segmented == COUNT
    assert not last.accounting.dropped
    assert {"upload", "embed", "identity", "download"} <= set(last.timing.stages_s)
    assert status["gpu"]["temperature_c"] == 41
    assert status["clusterer"] == "louvain/scopeside-parallel"
    assert status["replans"] == 1


def test_a_failure_on_the_card_costs_one_frame_and_the_rest_is_segmented(
    on_card, tmp_path, monkeypatch
):
    finished = Painting.finished
    calls = []

    def failing(self, *args):
        calls.append(args)
        if len(calls) == 4:  # two frames warm up
            raise torch.OutOfMemoryError("CUDA out of memory")
        return finished(self, *args)

    monkeypatch.setattr(Painting, "finished", failing)
    images = [two_phases(number).image_YX for number in range(COUNT)]
    with running(ipc_endpoints(tmp_path), sets=SETS) as service:
        results = collected(service, images, until=COUNT - 1)
        status = service.status()
    totals = status["totals"]
    assert status["gpu"]["out_of_memory"] == 1
    assert [result.frame for result in results] == [0, 2, 3, 4, 5]
    assert results[-1].accounting.dropped == {"compute": 1}
    assert totals["received"] == COUNT
    np.testing.assert_array_equal(results[-1].labels_YX > 0, np.ones((64, 64), bool))
