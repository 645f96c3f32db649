"""Saved runs are opened by the readers that others use."""

import numpy as np
import pytest

from contract_messages import community
from saved import PERIOD_NS, labels_of, save, saved_message

# Readers of others may warn about each other.
pytestmark = pytest.mark.filterwarnings("ignore")

NAMED = [
    community(1, name="amorphous", color=(230, 159, 0)),
    community(2, color=(86, 180, 233)),
    community(3, color=(0, 158, 115)),
]
SCALE = [PERIOD_NS / 1e9, 0.2, 0.1]


def frame(n):
    return np.full((6, 8), 100 * n, "<u2")


@pytest.fixture
def run(tmp_path):
    return save(
        tmp_path / "run.zarr",
        *(
            saved_message(
                n, labels=labels_of(n), image=frame(n), size=(2e-10, 1e-10), communities=NAMED
            )
            for n in range(4)
        ),
    )


def test_the_reader_of_ome_zarr_finds_image_labels_colours_and_names(run):
    io = pytest.importorskip("ome_zarr.io", reason="ome-zarr is not installed")
    from ome_zarr.reader import Reader

    nodes = {str(node.zarr.basename()): node for node in Reader(io.parse_url(str(run / "0")))()}
    image, labels = nodes["0"], nodes["communities"]
    np.testing.assert_array_equal(image.data[0].compute(), np.stack([frame(n) for n in range(4)]))
    np.testing.assert_array_equal(
        labels.data[0].compute(), np.stack([labels_of(n) for n in range(4)])
    )
    assert [axis["unit"] for axis in image.metadata["axes"]] == [
        "second",
        "nanometer",
        "nanometer",
    ]
    for node in (image, labels):
        ((transformation,),) = node.metadata["coordinateTransformations"]
        assert transformation["scale"] == pytest.approx(SCALE)
    assert labels.metadata["color"][1] == pytest.approx([230 / 255, 159 / 255, 0, 1])
    assert labels.metadata["properties"][1]["name"] == "amorphous"
    assert labels.metadata["properties"][3]["id"] == 3


def test_the_reader_of_ome_zarr_finds_the_confidence_by_itself(run):
    io = pytest.importorskip("ome_zarr.io", reason="ome-zarr is not installed")
    from ome_zarr.reader import Reader

    (node,) = Reader(io.parse_url(str(run / "0/confidence")))()
    assert (node.data[0].compute() == 200).all()


def test_napari_gets_layers_from_its_plugin(run):
    plugin = pytest.importorskip("napari_ome_zarr", reason="napari-ome-zarr is not installed")
    read = plugin.napari_get_reader(str(run / "0"))
    layers = {kind: (data, options) for data, options, kind in read(str(run / "0"))}
    assert set(layers) == {"image", "labels"}
    data, options = layers["labels"]
    data = data[0] if isinstance(data, list) else data
    np.testing.assert_array_equal(np.asarray(data), np.stack([labels_of(n) for n in range(4)]))
    assert list(options["scale"]) == pytest.approx(SCALE)


def test_napari_shows_what_its_plugin_read(run):
    pytest.importorskip("napari_ome_zarr", reason="napari-ome-zarr is not installed")
    components = pytest.importorskip("napari.components", reason="napari is not installed")
    import npe2

    npe2.PluginManager.instance().discover()  # as napari's own start does
    viewer = components.ViewerModel()
    viewer.open(str(run / "0"), plugin="napari-ome-zarr")
    assert sorted(type(layer).__name__ for layer in viewer.layers) == ["Image", "Labels"]
    (labels,) = [layer for layer in viewer.layers if type(layer).__name__ == "Labels"]
    assert labels.get_color(1) == pytest.approx([230 / 255, 159 / 255, 0, 1], abs=0.01)
