"""Layers of napari's own viewer model; they need napari, which has an environment of its own."""

import numpy as np
import pytest

from contract_messages import community, packed, result
from saved import labels_of
from scopeside.client.result import Result
from scopeside.viewer.feed import View
from scopeside.viewer.layers import LiveLayers

pytestmark = pytest.mark.filterwarnings("ignore")


def view(n, *, shape=(6, 8), image=True, size=(1e-9, 2e-9), communities=None, dtype="<u2"):
    labels = labels_of(n, shape)
    one = Result.from_bytes(packed(result(n, labels=labels, communities=communities)))
    frame = (100 + n * np.ones(shape)).astype(dtype)
    frame[0, 0] = 50
    return View(result=one, image_YX=frame if image else None, pixel_size_m=size)


@pytest.fixture
def viewer():
    components = pytest.importorskip("napari.components", reason="napari is not installed")
    return components.ViewerModel()


def test_the_first_view_makes_layers_and_the_next_renews_them(viewer):
    layers = LiveLayers(viewer)
    layers.show(view(0))
    made = list(viewer.layers)
    viewer.layers["communities"].opacity = 0.9
    viewer.layers["frame"].contrast_limits = (0, 7)
    layers.show(view(1))
    assert list(viewer.layers) == made
    assert [layer.name for layer in made][-1] == "communities"
    np.testing.assert_array_equal(viewer.layers["communities"].data, labels_of(1))
    assert viewer.layers["frame"].data[1, 1] == 101
    assert (viewer.layers["confidence"].data == 200).all()
    assert viewer.layers["communities"].opacity == 0.9  # what a person set stays
    assert tuple(viewer.layers["frame"].contrast_limits) == (0, 7)
    assert "run-1, frame 1" in viewer.title


def test_colours_and_names_are_those_of_the_service(viewer):
    layers = LiveLayers(viewer)
    layers.show(view(0, communities=[community(1, color=(230, 159, 0))]))
    layers.show(
        view(
            1,
            communities=[
                community(1, name="amorphous", color=(230, 159, 0)),
                community(2, color=(86, 180, 233)),
            ],
        )
    )
    labels = viewer.layers["communities"]
    assert labels.get_color(1) == pytest.approx([230 / 255, 159 / 255, 0, 1], abs=0.01)
    assert labels.get_color(2) == pytest.approx([86 / 255, 180 / 255, 233 / 255, 1], abs=0.01)
    assert list(labels.features["name"]) == ["amorphous", "community 2"]


def test_frames_of_another_kind_begin_layers_anew(viewer):
    layers = LiveLayers(viewer)
    layers.show(view(0))
    assert list(viewer.layers["frame"].scale) == pytest.approx([1.0, 2.0])
    assert str(viewer.layers["frame"].units[0]) == "nanometer"
    layers.show(view(1, shape=(4, 5), dtype=">f4", size=None))
    assert viewer.layers["communities"].data.shape == (4, 5)
    assert viewer.layers["frame"].data.dtype == np.dtype("f4")
    assert list(viewer.layers["frame"].scale) == [1.0, 1.0]


def test_a_layer_that_was_closed_comes_again_below_the_labels(viewer):
    layers = LiveLayers(viewer)
    layers.show(view(0, image=False))
    layers.show(view(1))
    viewer.layers.remove("confidence")
    layers.show(view(2))
    names = [layer.name for layer in viewer.layers]
    assert sorted(names) == ["communities", "confidence", "frame"]
    assert names[-1] == "communities"
