import numpy as np
import pytest

import recorded
from scopeside.bench import frames
from scopeside.bench.frames import fitted, load_for
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError, InputFileError

STREAM = ["bench.stream=film", "service.frame_shape=[48,64]", "bench.frames=3"]


@pytest.fixture
def data(tmp_path):
    """Test data with one stream of five frames, each full of its own number."""
    folder = tmp_path / "streams"
    folder.mkdir()
    stack = np.arange(1, 6, dtype=np.uint8)[:, None, None] * np.ones((40, 80), np.uint8)
    np.save(folder / "film.npy", stack)
    return {"SCOPESIDE_DATA": str(tmp_path)}


def load(*sets, given=None, environment=None):
    return load_for(load_settings(sets=sets).settings, given, environment or {})


def test_a_given_recording_keeps_its_shape(tmp_path):
    np.save(tmp_path / "own.npy", np.zeros((4, 24, 32), np.uint16))
    found = load("bench.frames=3", *STREAM[:1], given=tmp_path / "own.npy")
    assert (found.name, found.kind, found.shape) == ("own", "recorded", (24, 32))
    assert (len(found.images), found.dtype) == (3, "<u2")


def test_a_recording_is_one_more_input(tmp_path):
    recorded.write(tmp_path / "film.h5", recorded.series_messages(frames=5))
    found = load("bench.frames=3", given=tmp_path / "film.h5")
    assert found.shape == (24, 32)
    assert all(np.array_equal(found.images[n], recorded.image(n)) for n in range(3))


def test_a_stream_of_the_test_data_is_brought_to_the_shape(data):
    found = load("bench.stream=film.npy", *STREAM[1:], environment=data)
    assert found.name == "film.npy"
    assert found.kind == "recorded, cut or mirrored to 48 x 64"
    assert found.shape == (48, 64)
    assert [int(image[0, 0]) for image in found.images] == [1, 2, 3]


@pytest.mark.parametrize("environment", [{}, {"SCOPESIDE_DATA": ""}, "data"])
def test_without_the_data_or_the_stream_frames_are_simulated(environment, data):
    found = load(*STREAM, environment=data if environment == "data" else environment)
    assert (found.kind, found.shape, len(found.images)) == ("simulated", (48, 64), 3)
    assert not np.array_equal(found.images[0], found.images[1])


def test_data_that_are_said_to_be_where_none_are_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"SCOPESIDE_DATA.*no folder"):
        load(*STREAM, environment={"SCOPESIDE_DATA": str(tmp_path / "absent")})


def test_an_absent_recording_is_named(tmp_path):
    with pytest.raises(InputFileError, match=r"absent\.tif"):
        load(given=tmp_path / "absent.tif")


def test_no_more_frames_are_held_than_memory_has_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "HELD_BYTES", 2500)
    np.save(tmp_path / "own.npy", np.zeros((8, 20, 50), np.uint8))
    assert len(load(given=tmp_path / "own.npy").images) == 2


def test_the_middle_is_cut_and_edges_are_mirrored():
    image_YX = np.arange(30).reshape(3, 10)
    assert fitted(image_YX, (3, 10)).tolist() == image_YX.tolist()
    assert fitted(image_YX, (1, 4)).tolist() == [[13, 14, 15, 16]]
    assert fitted(image_YX, (5, 2)).tolist() == [[4, 5], [14, 15], [24, 25], [24, 25], [14, 15]]
    assert fitted(image_YX, (3, 23)).shape == (3, 23)
