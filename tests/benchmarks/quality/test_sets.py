from __future__ import annotations

import numpy as np
import pytest

from quality.sets import IGNORED, PROTOCOLS, ROOT, data_folder, recoded

REAL = [one for one in PROTOCOLS if one.real]


def test_classes_are_renamed_and_ignored():
    classes = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    assert recoded(classes, {0: 1, 1: 0, 2: IGNORED, 3: 0}).tolist() == [[1, 0, IGNORED, 0]]
    assert recoded(classes, {0: 0}, others=1).tolist() == [[0, 1, 1, 1]]


def test_a_class_that_the_protocol_does_not_name_is_an_error():
    with pytest.raises(ValueError, match="classes beside"):
        recoded(np.array([[0, 7]], dtype=np.uint8), {0: 0})


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda one: one.name)
def test_a_frame_and_its_truth_fit_the_protocol(protocol):
    found = protocol.frames(1)
    if not found:
        pytest.skip(f"no real data under {data_folder()}: set SCOPESIDE_DATA")
    (frame,) = found
    assert frame.image_YX.shape == frame.truth_YX.shape
    assert frame.image_YX.ndim == 2
    assert min(frame.image_YX.shape) >= 4 * protocol.chip_px
    assert set(np.unique(frame.truth_YX)) - {IGNORED} == set(range(protocol.k))
    assert protocol.grid(frame.image_YX.shape).chips <= 2300


@pytest.mark.parametrize("protocol", REAL, ids=lambda one: one.name)
def test_the_frames_are_always_the_same_ones(protocol):
    found = protocol.frames(2)
    if not found:
        pytest.skip(f"no real data under {data_folder()}: set SCOPESIDE_DATA")
    again = protocol.frames(2)
    assert [frame.name for frame in found] == [frame.name for frame in again]
    assert protocol.frames(1)[0].name == found[0].name


def test_without_data_a_set_has_no_frames(monkeypatch, tmp_path):
    monkeypatch.setenv("SCOPESIDE_DATA", str(tmp_path))
    assert all(not protocol.frames() for protocol in REAL)


def test_simulated_scenes_can_be_recorded_anew():
    protocol = next(one for one in PROTOCOLS if not one.real)
    (frame,) = protocol.frames(1)
    assert np.array_equal(frame.expose(1.0, 0), frame.image_YX)
    assert not np.array_equal(frame.expose(1.0, 1), frame.image_YX)
    assert frame.expose(0.25, 0).mean() == pytest.approx(frame.image_YX.mean() / 4, rel=0.01)


def test_the_page_says_how_each_set_is_scored():
    page = (ROOT / "docs" / "quality.md").read_text("utf-8")
    for one in PROTOCOLS:
        assert f"| {one.name} | {one.chip_px} | {', '.join(one.classes)} |" in page
