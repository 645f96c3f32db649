"""Batches: fixed by seed and number, of the shapes that the objective takes."""

from dataclasses import replace

import numpy as np
import pytest

from scopeside.pretraining.archive import Archive
from scopeside.pretraining.batches import CHIP_PX, EXPOSURES, Batch, Plan, drawn_batch
from small_training import PLAN, write_micrographs

ARRAYS = ("inputs_BHW", "cosine_SPP", "weight_SPP", "common_S")
PLANS = {
    "small": PLAN,
    "several": Plan(frame_px=128, chips_specimens=3, chips_each=5, shared_specimens=2),
}


def same(one: Batch, other: Batch) -> bool:
    return one.mode == other.mode and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS
    )


@pytest.fixture
def archive(tmp_path):
    write_micrographs(tmp_path / "a.tif")
    return Archive([tmp_path], frame_px=PLAN.frame_px)


@pytest.mark.parametrize("number", [0, 1])
def test_seed_and_number_fix_a_batch_and_others_give_another(number):
    batch = drawn_batch(PLAN, seed=1, number=number)
    assert same(batch, drawn_batch(PLAN, seed=1, number=number))
    assert not same(batch, drawn_batch(PLAN, seed=2, number=number))
    assert not same(batch, drawn_batch(PLAN, seed=1, number=number + 2))


def test_modes_take_turns():
    modes = [drawn_batch(PLAN, seed=0, number=number).mode for number in range(6)]
    assert modes == ["shared", "chips"] * 3


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_batch_of_chips_has_the_shapes_documented(plan):
    assert_shapes(
        drawn_batch(plan, seed=3, number=1), plan.chips_specimens, plan.chips_each, CHIP_PX
    )


@pytest.mark.parametrize(("plan", "windows"), [(PLAN, 4), (PLANS["several"], 9), (Plan(), 25)])
def test_a_batch_of_frames_has_the_shapes_documented(plan, windows):
    batch = drawn_batch(plan, seed=3, number=2)
    assert_shapes(batch, plan.shared_specimens, windows, plan.frame_px)


def assert_shapes(batch, specimens, each, side_px):
    pairs = (specimens, EXPOSURES * each, EXPOSURES * each)
    inputs = specimens * EXPOSURES * (each if batch.mode == "chips" else 1)
    assert batch.inputs_BHW.shape == (inputs, side_px, side_px)
    assert batch.inputs_BHW.dtype == np.float32
    assert batch.cosine_SPP.shape == batch.weight_SPP.shape == pairs
    assert batch.cosine_SPP.dtype == batch.weight_SPP.dtype == np.float32
    assert batch.common_S.shape == (specimens,)
    assert batch.common_S.dtype == np.bool_


@pytest.mark.parametrize("number", range(6))
def test_inputs_and_weights_are_within_0_and_1(number):
    batch = drawn_batch(PLAN, seed=8, number=number)
    for array in (batch.inputs_BHW, batch.weight_SPP):
        assert np.isfinite(array).all()
        assert 0.0 <= array.min() <= array.max() <= 1.0
    assert np.abs(batch.cosine_SPP).max() <= 1.0 + 1e-5


def test_now_and_then_the_second_exposure_is_inverted_and_not_compared_with_the_first():
    common = [bool(drawn_batch(PLAN, seed=0, number=n).common_S[0]) for n in range(60)]
    assert 0 < common.count(False) < common.count(True)


def test_nearly_every_specimen_shows_chips_that_are_surely_of_two_materials():
    batches = [drawn_batch(Plan(), seed=7, number=number) for number in range(8)]
    telling = [
        bool(((cosine_PP < 0.0) & (weight_PP > 0.5)).any())
        for batch in batches
        for cosine_PP, weight_PP in zip(batch.cosine_SPP, batch.weight_SPP, strict=True)
    ]
    assert np.mean(telling) > 0.9


@pytest.mark.parametrize("number", [0, 1])
def test_specimens_of_an_archive_compare_places(archive, number):
    plan = replace(PLAN, archive_share=1.0)
    batch = drawn_batch(plan, seed=4, number=number, archive=archive)
    assert (batch.cosine_SPP == 1.0).all()
    assert batch.weight_SPP.max() < 1.0 + 1e-6
    assert same(batch, drawn_batch(plan, seed=4, number=number, archive=archive))


def test_chips_of_an_archive_show_one_place_in_both_exposures(archive):
    plan = replace(PLAN, archive_share=1.0, chips_each=6)
    weights = []
    for number in range(1, 12, 2):
        batch = drawn_batch(plan, seed=4, number=number, archive=archive)
        weights.extend(np.diagonal(batch.weight_SPP[0], offset=plan.chips_each))
    # Less than all only where drift has taken the place out of one of the frames.
    assert np.mean(np.array(weights) > 0) > 0.9
    assert max(weights) == 1.0


def test_an_archive_is_drawn_from_as_often_as_the_plan_says(archive):
    def real(share, number):
        plan = replace(PLAN, archive_share=share)
        return (drawn_batch(plan, seed=0, number=number, archive=archive).cosine_SPP == 1.0).all()

    assert not any(real(0.0, number) for number in range(10))
    assert 0 < sum(real(0.5, number) for number in range(20)) < 20
