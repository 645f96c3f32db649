"""Label map: chips become pixels, pixels become communities with a place and a size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scopeside.messages import Channel, ChipGrid, Frame, Identified, Identity, LabelMap, Mixture
from scopeside.stages.labelmap import PLANNED_GRIDS, LabelMapper
from scopeside_kernels.reference import BALLOTS, paint


def frame_of(values: NDArray[Any], **metadata: Any) -> Frame:
    return Frame(
        series="a",
        number=0,
        t_ns=0,
        channels=(Channel(name="image", values=values),),
        received_ns=0,
        received_s=0.0,
        **metadata,
    )


def identified_as(ids: NDArray[Any]) -> Identified:
    names, chips = np.unique(ids, return_counts=True)
    return Identified(
        ids_N=ids.astype(np.uint16).ravel(),
        identities=tuple(
            Identity(id=name, color=(name % 256, 0, 0), name=None, age=1, chips=count)
            for name, count in zip(names.tolist(), chips.tolist(), strict=True)
        ),
    )


def whole(identified: Identified) -> Mixture:
    """No chip divides its votes."""
    ids_N = identified.ids_N
    return Mixture(second_N=ids_N, ballots_N=np.full(len(ids_N), BALLOTS, np.uint8))


def test_the_label_map_is_the_votes_of_the_chips() -> None:
    grid = ChipGrid((100, 150), 32, 16)
    random = np.random.default_rng(0)
    ids, second = random.integers(1, 5, (2, grid.chips)).astype(np.uint16)
    ballots = random.integers(33, 65, grid.chips).astype(np.uint8)
    mixture = Mixture(second_N=second, ballots_N=ballots)
    label_map = LabelMapper().paint(identified_as(ids), mixture, grid)
    labels, confidence = paint(
        ids, grid.y0_R, grid.x0_C, 32, grid.shape, second_N=second, ballots_N=ballots
    )
    np.testing.assert_array_equal(label_map.labels_YX, labels)
    np.testing.assert_array_equal(label_map.confidence_YX, confidence)


def test_frames_of_alternating_shapes_are_painted_as_if_alone() -> None:
    mapper = LabelMapper()
    shapes = [(40 + 9 * n, 90 - 7 * n) for n in range(PLANNED_GRIDS + 2)]
    for shape in (*shapes, *shapes[::-1]):
        grid = ChipGrid(shape, 16, 8)
        identified = identified_as(np.arange(grid.chips) % 3 + 1)
        label_map = mapper.paint(identified, whole(identified), grid)
        assert label_map.labels_YX.shape == shape
        alone = LabelMapper().paint(identified, whole(identified), grid)
        np.testing.assert_array_equal(label_map.labels_YX, alone.labels_YX)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", ">f4", "|u1"])
def test_communities_say_where_they_lie_and_how_bright_they_are(dtype: str) -> None:
    labels = np.ones((40, 60), np.uint16)
    labels[10:20, 30:50] = 300
    confidence = np.full(labels.shape, 255, np.uint8)
    confidence[labels == 300] = 51
    frame = frame_of(
        np.where(labels == 300, 200, 50).astype(dtype),
        pixel_to_stage=((2e-9, 1e-10, 1e-6), (3e-10, 4e-9, -5e-6)),
    )
    one, many = LabelMapper().communities(
        LabelMap(labels_YX=labels, confidence_YX=confidence), identified_as(labels), frame
    )
    assert (one.identity.id, many.identity.id) == (1, 300)
    assert (one.area_px, many.area_px) == (2200, 200)
    assert (one.fraction, many.fraction) == (2200 / 2400, 200 / 2400)
    assert many.centroid_px == (14.5, 39.5)
    assert many.bbox_px == (10, 30, 20, 50)
    assert one.bbox_px == (0, 0, 40, 60)
    assert (one.mean_intensity, many.mean_intensity) == (50.0, 200.0)
    assert (one.confidence, many.confidence) == (1.0, 0.2)
    assert many.stage_m == pytest.approx(
        (2e-9 * 39.5 + 1e-10 * 14.5 + 1e-6, 3e-10 * 39.5 + 4e-9 * 14.5 - 5e-6)
    )


def test_a_frame_without_a_pose_has_communities_without_one() -> None:
    labels = np.ones((8, 9), np.uint16)
    label_map = LabelMap(labels_YX=labels, confidence_YX=np.full(labels.shape, 255, np.uint8))
    (only,) = LabelMapper().communities(label_map, identified_as(labels), frame_of(labels))
    assert only.stage_m is None


def test_unlabelled_pixels_are_no_part_of_the_fraction() -> None:
    labels = np.zeros((10, 10), np.uint16)
    labels[:4] = 2
    labels[4:5] = 3
    label_map = LabelMap(labels_YX=labels, confidence_YX=np.full(labels.shape, 9, np.uint8))
    identified = identified_as(labels[labels > 0])
    two, three = LabelMapper().communities(label_map, identified, frame_of(labels))
    assert (two.fraction, three.fraction) == (0.8, 0.2)


def test_a_community_outvoted_everywhere_is_left_out() -> None:
    grid = ChipGrid((40, 40), 16, 4)
    ids = np.ones(grid.chips, np.uint16)
    ids[grid.chips // 2] = 2
    mapper, identified = LabelMapper(), identified_as(ids)
    label_map = mapper.paint(identified, whole(identified), grid)
    assert (label_map.labels_YX == 1).all()
    (only,) = mapper.communities(label_map, identified, frame_of(label_map.labels_YX))
    assert only.identity.id == 1
    assert only.fraction == 1.0


def test_brightness_of_pixels_that_are_not_finite_is_zero() -> None:
    labels = np.ones((6, 6), np.uint16)
    labels[:3] = 2
    values = np.full((6, 6), np.nan, np.float32)
    values[4, 4] = 12.0
    label_map = LabelMap(labels_YX=labels, confidence_YX=np.full(labels.shape, 255, np.uint8))
    one, two = LabelMapper().communities(label_map, identified_as(labels), frame_of(values))
    assert (one.mean_intensity, two.mean_intensity) == (12.0, 0.0)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    chip_px=st.integers(4, 20),
    stride_px=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_communities_share_out_the_whole_frame(
    shape: tuple[int, int], chip_px: int, stride_px: int, seed: int
) -> None:
    grid = ChipGrid(shape, chip_px, min(chip_px, stride_px))
    rng = np.random.default_rng(seed)
    identified = identified_as(rng.integers(1, 6, grid.chips))
    mapper = LabelMapper()
    label_map = mapper.paint(identified, whole(identified), grid)
    frame = frame_of(rng.integers(0, 1000, shape).astype(">u2"))
    communities = mapper.communities(label_map, identified, frame)
    assert (label_map.labels_YX > 0).all()
    assert (label_map.confidence_YX > 0).all()
    assert sum(community.area_px for community in communities) == shape[0] * shape[1]
    assert sum(community.fraction for community in communities) == pytest.approx(1)
    mean = sum(c.mean_intensity * c.fraction for c in communities)
    assert mean == pytest.approx(frame.image_YX.astype(float).mean())
    for community in communities:
        y0, x0, y1, x1 = community.bbox_px
        y, x = community.centroid_px
        assert 0 <= y0 <= y <= y1 - 1 < shape[0]
        assert 0 <= x0 <= x <= x1 - 1 < shape[1]
        assert 0 < community.confidence <= 1
