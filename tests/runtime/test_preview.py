"""The newest result for eyes: when there is one, how it is scaled, how seldom it is made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import SMALL, two_phases
from scopeside.assembly import assemble, still_frame
from scopeside.configuration import load_settings
from scopeside.messages import Accounting
from scopeside.published import Published
from scopeside.runtime.preview import (
    PICTURE_EVERY_S,
    STALE_S,
    WATCHED_S,
    Previews,
    area_mean,
    nearest,
    scaled_shape,
)
from scopeside.wire.arrays import decode_array
from scopeside.wire.control import Preview


@pytest.fixture(scope="module")
def published():
    pipeline = assemble(load_settings(sets=SMALL))
    segmentation = pipeline.segment(still_frame(two_phases(), series="film", number=7))
    return Published(
        segmentation=segmentation,
        accounting=Accounting(received=1, segmented=1),
        published_ns=1,
        stages_s={"embed": 0.1},
        service_s=0.2,
        end_to_end_s=None,
    )


@pytest.fixture
def previews(published):
    made = Previews(corrected=False)
    made.put(published)
    return made


def ask(previews, **more):
    return previews.answer(Preview(v=1, cmd="preview", **more))


def test_before_the_first_result_there_is_nothing():
    assert ask(Previews(corrected=False), max_px=512) == {"seq": 0}


def test_without_a_size_the_result_comes_without_arrays(previews):
    reply = ask(previews)
    assert set(reply) == {"seq", "result"}
    result = reply["result"]
    assert (result["series"], result["frame"], result["shape"]) == ("film", 7, [96, 64])
    assert result["accounting"]["segmented"] == 1
    assert result["timing"]["stages"] == {"embed": 0.1}
    assert not {"labels", "confidence", "grid"} & set(result)


def test_the_result_that_one_has_is_not_sent_again(previews, published):
    seq = ask(previews)["seq"]
    assert ask(previews, after=seq, max_px=512) == {"seq": seq}
    previews.put(published)
    assert ask(previews, after=seq)["seq"] == seq + 1


def test_a_picture_shows_the_frame_with_its_labels(previews, published):
    reply = ask(previews, max_px=512, confidence=True)
    label_map = published.segmentation.label_map
    np.testing.assert_array_equal(decode_array(reply["labels"]), label_map.labels_YX)
    np.testing.assert_array_equal(decode_array(reply["confidence"]), label_map.confidence_YX)
    grey_YX = decode_array(reply["image"])
    assert grey_YX.dtype == np.uint8
    # As the pipeline sees it: its black is 0 and its white 255.
    seen_YX = published.segmentation.image.values_YX
    np.testing.assert_allclose(grey_YX / 255, seen_YX, atol=1 / 255)


def test_pictures_are_made_only_so_often_whoever_asks(published):
    now_s = [0.0]
    previews = Previews(corrected=False, now_s=lambda: now_s[0])
    previews.put(published)
    assert "image" in ask(previews, max_px=64)
    assert ask(previews, max_px=32, after=3) == {"seq": 3}
    now_s[0] = PICTURE_EVERY_S
    assert "image" in ask(previews, max_px=32, after=3)


@pytest.fixture
def clock_s():
    return [0.0]


@pytest.fixture
def watched(published, clock_s):
    """Previews that somebody watches: the first picture was just fetched."""
    made = Previews(corrected=False, now_s=lambda: clock_s[0])
    made.put(published)
    first = ask(made, max_px=64)
    return made, first["seq"]


def pictures(monkeypatch):
    """Count the pictures that are made from now on."""
    made = []
    draw = Previews._picture
    monkeypatch.setattr(
        Previews, "_picture", lambda self, *given: made.append(1) or draw(self, *given)
    )
    return made


def test_while_somebody_watches_pictures_are_made_when_a_result_went_out(
    watched, published, clock_s, monkeypatch
):
    previews, seq = watched
    clock_s[0] = PICTURE_EVERY_S
    made = pictures(monkeypatch)
    previews.put(published)
    assert len(made) == 1
    reply = ask(previews, max_px=64, after=seq)
    assert (reply["seq"], "image" in reply, len(made)) == (seq + 1, True, 1)


def test_a_picture_that_nobody_fetched_is_made_anew_only_when_stale(
    watched, published, clock_s, monkeypatch
):
    previews, seq = watched
    made = pictures(monkeypatch)
    for step in range(1, 5):
        clock_s[0] = step * PICTURE_EVERY_S
        previews.put(published)
    assert len(made) == 1
    clock_s[0] = PICTURE_EVERY_S + 1.01 * STALE_S
    previews.put(published)
    assert len(made) == 2
    assert ask(previews, max_px=64, after=seq)["seq"] == seq + 5


def test_nobody_watches_two_seconds_after_the_last_request(
    watched, published, clock_s, monkeypatch
):
    previews, _ = watched
    made = pictures(monkeypatch)
    clock_s[0] = 1.01 * WATCHED_S
    previews.put(published)
    assert not made


def test_who_comes_later_is_not_shown_what_was_drawn_for_those_before(watched, published, clock_s):
    previews, seq = watched
    clock_s[0] = PICTURE_EVERY_S
    previews.put(published)  # drawn, and fetched by nobody
    clock_s[0] = 60.0
    previews.put(published)
    assert ask(previews, max_px=64)["seq"] == seq + 2


def test_the_last_result_of_a_stream_that_pauses_is_shown(watched, published, clock_s):
    previews, seq = watched
    clock_s[0] = 0.1 * PICTURE_EVERY_S
    previews.put(published)  # too soon after the last picture
    assert ask(previews, max_px=64, after=seq) == {"seq": seq}
    clock_s[0] = 1.01 * STALE_S
    assert ask(previews, max_px=64, after=seq)["seq"] == seq + 1


def test_no_answer_tells_of_an_older_result_than_one_before_it(watched, published, clock_s):
    previews, seq = watched
    clock_s[0] = PICTURE_EVERY_S
    previews.put(published)  # drawn
    previews.put(published)
    assert ask(previews)["seq"] == seq + 2
    assert ask(previews, max_px=64, after=seq) == {"seq": seq}
    clock_s[0] = 2 * PICTURE_EVERY_S
    assert ask(previews, max_px=64, after=seq)["seq"] == seq + 2


def test_a_picture_that_cannot_be_made_is_the_askers_error_and_costs_no_result(
    watched, published, clock_s, monkeypatch
):
    previews, seq = watched

    def no_room(self, *given):
        raise MemoryError("no room")

    monkeypatch.setattr(Previews, "_picture", no_room)
    clock_s[0] = PICTURE_EVERY_S
    previews.put(published)
    clock_s[0] = 2 * PICTURE_EVERY_S
    with pytest.raises(MemoryError):
        ask(previews, max_px=64, after=seq)
    assert ask(previews)["seq"] == seq + 1


def test_another_size_is_made_when_asked_for(watched, published, clock_s):
    previews, seq = watched
    clock_s[0] = PICTURE_EVERY_S
    previews.put(published)
    clock_s[0] = 2 * PICTURE_EVERY_S
    reply = ask(previews, max_px=32, after=seq, confidence=True)
    assert decode_array(reply["image"]).shape == (32, 21)
    assert "confidence" in reply


def test_what_is_kept_has_no_normalised_pixels(previews, published):
    kept = previews._newest.published.segmentation
    assert not hasattr(kept.image, "values_YX")
    assert kept.frame is published.segmentation.frame


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 2048))
def test_a_scaled_shape_is_never_larger_and_keeps_its_proportions(ny, nx, max_px):
    height, width = scaled_shape((ny, nx), max_px)
    assert 1 <= height <= min(ny, max_px)
    assert 1 <= width <= min(nx, max_px)
    scale = min(1.0, max_px / max(ny, nx))
    assert abs(height - scale * ny) <= 1
    assert abs(width - scale * nx) <= 1


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i2", "<u4", "<f2", "<f4", ">f8"])
def test_a_smaller_frame_is_the_mean_of_what_it_covers(dtype):
    image_YX = (np.arange(64 * 96).reshape(64, 96) % 200).astype(dtype)
    smaller_YX = area_mean(image_YX, (16, 24))
    means_YX = image_YX.astype(np.float64).reshape(16, 4, 24, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(smaller_YX, means_YX, atol=0.51)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_a_smaller_label_map_has_only_labels_that_were_there(ny, nx, max_px):
    labels_YX = np.random.default_rng(ny * nx).integers(0, 9, (ny, nx)).astype(np.uint16)
    shape = scaled_shape((ny, nx), max_px)
    found_YX = nearest(labels_YX, shape)
    assert found_YX.shape == shape
    assert set(np.unique(found_YX)) <= set(np.unique(labels_YX))


@pytest.mark.parametrize("dtype", ["u1", "<u2"])
def test_a_smaller_label_map_has_the_label_in_the_middle_of_what_a_pixel_covers(dtype):
    labels_YX = np.random.default_rng(1).integers(0, 200, (96, 160)).astype(dtype)
    np.testing.assert_array_equal(nearest(labels_YX, (32, 32)), labels_YX[1::3, 2::5])
