"""napari's thread worker feeds the layers, with Qt but without a screen."""

import time

import numpy as np
import pytest

from live import ipc_endpoints, running, two_phases
from scopeside import cli
from scopeside.viewer.feed import Feed

pytestmark = pytest.mark.filterwarnings("ignore")

SOON_S = 60.0


def test_results_of_a_service_reach_the_layers_by_naparis_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    components = pytest.importorskip("napari.components", reason="napari is not installed")
    qt = pytest.importorskip("qtpy.QtWidgets", reason="Qt is not installed")
    from scopeside.viewer.app import attach

    app = qt.QApplication.instance() or qt.QApplication([])
    endpoints = ipc_endpoints(tmp_path)
    viewer = components.ViewerModel()
    with running(endpoints) as service, service.publisher() as publisher:
        worker = attach(viewer, Feed(endpoints.results, frames=endpoints.frames))
        assert publisher.wait_for_subscriber(SOON_S)
        publisher.start("film")
        until_s = time.monotonic() + SOON_S
        while "frame" not in viewer.layers:
            assert time.monotonic() < until_s, "nothing is shown"
            publisher.frame(two_phases())
            time.sleep(0.05)
            app.processEvents()
        worker.quit()
        while worker.is_running:
            assert time.monotonic() < until_s, "the worker does not end"
            app.processEvents()
            time.sleep(0.01)
    np.testing.assert_array_equal(viewer.layers["frame"].data, two_phases())
    assert viewer.layers["communities"].data.shape == two_phases().shape


def test_without_napari_the_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "napari", None)
    assert cli.main(["napari"]) == 8
    assert "scopeside[napari]" in capsys.readouterr().err
