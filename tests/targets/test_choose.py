"""Points chosen from label maps, against SciPy's distances and regions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from scopeside.targets import STRATEGIES, choose

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def label_maps(draw, shapes=SHAPES):
    """Blobs, stripes and noise of up to three communities."""
    shape, seed = draw(shapes), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    smooth = draw(st.sampled_from([0.0, 0.0, 1.0, 3.0, 8.0]))
    fields = rng.standard_normal((draw(st.integers(1, 3)), *shape))
    fields = [ndimage.gaussian_filter(field, smooth) for field in fields]
    return (np.argmax(fields, axis=0) + 1).astype(np.uint16)


def clearances(labels_YX, community=1):
    """What SciPy says of the distance to the nearest pixel of anything else."""
    return ndimage.distance_transform_edt(np.pad(labels_YX == community, 1))[1:-1, 1:-1]


def maps_for(labels_YX, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "confidence_YX": rng.integers(0, 256, labels_YX.shape).astype(np.uint8),
        "novelty_YX": rng.random(labels_YX.shape).astype(np.float32),
    }


def places(targets):
    return [(int(target.y_px), int(target.x_px)) for target in targets]


@settings(max_examples=150, deadline=None)
@given(
    labels_YX=label_maps(),
    strategy=st.sampled_from(STRATEGIES),
    count=st.integers(1, 6),
    min_distance_px=st.sampled_from([0.0, 1.5, 4.0, 12.0]),
    one_per_region=st.booleans(),
    avoid_px=st.lists(st.tuples(st.floats(-3, 40), st.floats(-3, 40)), max_size=3),
)
def test_points_keep_every_promise(
    labels_YX, strategy, count, min_distance_px, one_per_region, avoid_px
):
    options = {
        "count": count,
        "strategy": strategy,
        "min_distance_px": min_distance_px,
        "one_per_region": one_per_region,
        "avoid_px": avoid_px,
        **maps_for(labels_YX),
    }
    targets = choose(labels_YX, 1, **options)
    assert len(targets) <= count
    regions_YX, _ = ndimage.label(labels_YX == 1)
    clearance_YX = clearances(labels_YX)
    for target, (y, x) in zip(targets, places(targets), strict=True):
        assert labels_YX[y, x] == 1
        assert target.region == regions_YX[y, x]
        assert target.clearance_px == pytest.approx(clearance_YX[y, x])
        assert target.confidence == options["confidence_YX"][y, x] / 255
    points = [(target.y_px, target.x_px) for target in targets] + list(avoid_px)
    for at, one in enumerate(points[: len(targets)]):
        for other in points[at + 1 :]:
            assert np.hypot(*np.subtract(one, other)) >= max(min_distance_px, 1.0) - 1e-9
    if one_per_region:
        assert len({target.region for target in targets}) == len(targets)
    assert choose(labels_YX, 1, **options) == targets


@settings(max_examples=120, deadline=None)
@given(
    labels_YX=label_maps(st.tuples(st.integers(1, 90), st.integers(1, 90))),
    avoid_px=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=2),
    min_distance_px=st.sampled_from([0.0, 5.0, 20.0]),
)
def test_interior_is_the_deepest_pixel_that_is_allowed(labels_YX, avoid_px, min_distance_px):
    allowed_YX = labels_YX == 1
    y_YX, x_YX = np.indices(labels_YX.shape)
    for y_px, x_px in avoid_px:
        allowed_YX &= np.hypot(y_YX - y_px, x_YX - x_px) >= max(1.0, min_distance_px)
    targets = choose(labels_YX, 1, avoid_px=avoid_px, min_distance_px=min_distance_px)
    assert len(targets) == int(allowed_YX.any())
    if targets:
        deepest = clearances(labels_YX)[allowed_YX].max()
        assert targets[0].clearance_px == pytest.approx(deepest)


@settings(max_examples=60, deadline=None)
@given(labels_YX=label_maps())
def test_interior_goes_through_the_regions_from_the_widest_to_the_narrowest(labels_YX):
    targets = choose(labels_YX, 1, count=2000)
    regions_YX, regions = ndimage.label(labels_YX == 1)
    widest = ndimage.maximum(clearances(labels_YX), regions_YX, range(1, regions + 1))
    assert [target.clearance_px for target in targets] == pytest.approx(sorted(widest)[::-1])


@settings(max_examples=60, deadline=None)
@given(labels_YX=label_maps(), count=st.integers(1, 5))
def test_scores_come_in_order_and_none_better_is_left(labels_YX, count):
    maps = maps_for(labels_YX)
    for strategy, score_YX in (
        ("high_confidence", maps["confidence_YX"].astype(float)),
        ("low_confidence", -maps["confidence_YX"].astype(float)),
        ("novelty", maps["novelty_YX"]),
    ):
        targets = choose(labels_YX, 1, count=count, strategy=strategy, one_per_region=False, **maps)
        found = [score_YX[place] for place in places(targets)]
        assert found == sorted(score_YX[labels_YX == 1], reverse=True)[: len(found)]
        assert len(found) == min(count, int((labels_YX == 1).sum()))


def test_boundary_lies_in_the_middle_of_the_border_and_not_at_the_frames_edge():
    labels_YX = np.ones((40, 60), np.uint16)
    labels_YX[:, 30:] = 2
    (target,) = choose(labels_YX, 1, strategy="boundary", count=3)
    assert (target.y_px, target.x_px) in {(19.0, 29.0), (20.0, 29.0)}
    assert target.clearance_px == 1.0


def test_a_community_that_fills_the_frame_has_an_interior_and_no_boundary():
    labels_YX = np.full((9, 15), 4, np.uint16)
    assert choose(labels_YX, 4, strategy="boundary") == ()
    (target,) = choose(labels_YX, 4)
    assert (target.y_px, target.clearance_px) == (4.0, 5.0)


def test_a_community_that_is_not_there_has_no_points():
    assert choose(np.ones((4, 4), np.uint16), 2, count=5) == ()


def test_random_points_follow_the_seed_and_reach_everywhere():
    labels_YX = np.ones((30, 30), np.uint16)
    by_seed = [places(choose(labels_YX, 1, strategy="random", seed=seed))[0] for seed in range(40)]
    assert len(set(by_seed)) > 30
    again = places(choose(labels_YX, 1, strategy="random", seed=7))[0]
    assert again == by_seed[7]


def test_every_pixel_is_given_once_before_there_are_no_more():
    labels_YX = np.ones((5, 6), np.uint16)
    for strategy in ("interior", "random"):
        targets = choose(labels_YX, 1, count=100, strategy=strategy, one_per_region=False)
        assert len(set(places(targets))) == 30 == len(targets)


def test_metres_follow_from_column_and_row():
    labels_YX = np.zeros((20, 30), np.uint16)
    labels_YX[4:7, 10:13] = 1
    (target,) = choose(labels_YX, 1, pixel_to_stage=((2e-9, 1e-9, 5e-6), (-1e-9, 3e-9, 7e-6)))
    assert (target.y_px, target.x_px) == (5.0, 11.0)
    assert target.stage_m == pytest.approx(
        (2e-9 * 11 + 1e-9 * 5 + 5e-6, -1e-9 * 11 + 3e-9 * 5 + 7e-6)
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strategy": "anywhere"}, "is not one of interior, boundary"),
        ({"strategy": "novelty"}, "needs novelty_YX"),
        ({"strategy": "low_confidence"}, "needs confidence_YX"),
        ({"count": 0}, "count must be at least 1"),
        ({"min_distance_px": float("nan")}, "min_distance_px must be 0 or more"),
        ({"confidence_YX": np.ones((3, 4), np.uint8)}, "confidence_YX has the shape"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options, says):
    with pytest.raises(ValueError, match=says):
        choose(np.ones((4, 4), np.uint16), 1, **options)
    with pytest.raises(ValueError, match="must have two axes"):
        choose(np.ones(4, np.uint16), 1)
