"""All stages on a device agree with those of the CPU, one frame at a time or two."""

from __future__ import annotations

import logging
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from device_bench import (
    SIDE,
    SmallEncoder,
    misled,
    of_series,
    on_cpu,
    on_device,
    settings_of,
    two_phases,
)
from kernel_definitions import instead_of_kernels
from scopeside.device import answers, back, contrast, front, painting, plan
from scopeside.device.engines import kernel
from scopeside.device.host_card import HostCard
from scopeside.device.looks import DeviceLooks
from scopeside.device.plan import LANES
from scopeside.device.plans import PLANNED_KINDS
from scopeside.errors import DeviceLostError, DeviceMemoryError, DropError, DropReason
from scopeside.partitions import adjusted_rand, relabelled
from scopeside.stages.communities import LouvainClusterer, tidy, undivided

FRAMES = [two_phases(number, front=front_) for number, front_ in enumerate((0.5, 0.5, 0.75))]
KERNELS = (back, contrast, front, kernel)


@pytest.fixture(scope="module")
def runs():
    """The first two frames on the CPU, and by the kernels themselves."""
    settings = settings_of()
    return [
        [one.segment(frame) for frame in FRAMES[:2]]
        for one in (on_cpu(settings), on_device(settings))
    ]


@pytest.fixture
def quick(monkeypatch):
    """Definitions in place of kernels, for what is not about kernels."""
    instead_of_kernels(monkeypatch, *KERNELS)


@pytest.fixture(scope="module")
def alone():
    """Every frame by itself, by the definitions."""
    with pytest.MonkeyPatch.context() as patch:
        instead_of_kernels(patch, *KERNELS)
        device = on_device(settings_of())
        return [device.segment(frame) for frame in FRAMES]


def test_label_maps_are_those_of_the_cpu(runs):
    for here, there in zip(*runs, strict=True):
        assert there.label_map.labels_YX.dtype == np.uint16
        assert there.label_map.confidence_YX.dtype == np.uint8
        labels = [relabelled(one.label_map.labels_YX.ravel()) for one in (here, there)]
        assert adjusted_rand(*labels) >= 0.98
        np.testing.assert_array_equal(there.identified.ids_N, here.identified.ids_N)
        shares = [one.label_map.confidence_YX.astype(int) for one in (here, there)]
        # A chip's ballots are rounded: one of 64 may fall on the other side.
        assert np.abs(shares[0] - shares[1]).max() <= 5


def test_identities_contrast_and_graph_are_those_of_the_cpu(runs):
    for here, there in zip(*runs, strict=True):
        assert there.identified.identities == here.identified.identities
        for figure in ("low", "high", "flat", "nonfinite_px", "saturated_fraction"):
            assert getattr(there.image, figure) == getattr(here.image, figure)
        assert there.graph.edges == here.graph.edges
        assert there.graph.modularity == pytest.approx(here.graph.modularity, abs=1e-6)
        assert there.graph.communities == here.graph.communities


def test_communities_are_measured_on_the_map_that_is_published(runs):
    for frame, there in zip(FRAMES[:2], runs[1], strict=True):
        labels_YX = there.label_map.labels_YX
        assert sum(one.fraction for one in there.communities) == pytest.approx(1.0)
        for community in there.communities:
            mask_YX = labels_YX == community.identity.id
            assert community.area_px == mask_YX.sum()
            assert community.mean_intensity == pytest.approx(frame.image_YX[mask_YX].mean())
            ys, xs = np.nonzero(mask_YX)
            assert community.bbox_px == (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1)


def test_descriptors_and_fronts_are_those_of_the_cpu_for_a_label_map_alike(runs):
    for here, there in zip(*runs, strict=True):
        for mine, theirs in zip(here.communities, there.communities, strict=True):
            assert theirs.descriptors.keys() == mine.descriptors.keys()
            for name, value in mine.descriptors.items():
                told = theirs.descriptors[name]
                assert told == (None if value is None else pytest.approx(value, rel=0.02)), name
        for mine, theirs in zip(here.fronts, there.fronts, strict=True):
            assert theirs.between == mine.between
            assert theirs.position_px == pytest.approx(mine.position_px, abs=1.0)


def test_distances_to_a_reference_on_the_card_are_those_of_the_cpu(quick):
    cpu, device = on_cpu(settings_of()), on_device(settings_of())
    for one in (cpu, device):
        one.segment(FRAMES[0])
        assert one.memory.keep_reference() == (1, 2)
    here, there = (one.segment(FRAMES[2]) for one in (cpu, device))
    for mine, theirs in zip(here.communities, there.communities, strict=True):
        far = mine.descriptors["reference_distance"]
        assert theirs.descriptors["reference_distance"] == pytest.approx(far, abs=0.02)
    assert device.memory.reference_state().keys() == cpu.memory.reference_state().keys()


def test_the_reference_is_of_the_last_frame_finished_whatever_was_begun_since(quick, monkeypatch):
    # A lane's embeddings are overwritten by the frame after the next, and nothing is remembered.
    monkeypatch.setattr(DeviceLooks, "learn", lambda *_: None)
    ahead, behind = on_device(settings_of()), on_device(settings_of())
    begun = [ahead.begin(FRAMES[0]), ahead.begin(FRAMES[1])]
    ahead.finish(begun[0])
    ahead.begin(FRAMES[2])
    ahead.memory.keep_reference()
    behind.segment(FRAMES[0])
    behind.memory.keep_reference()
    assert ahead.memory.reference_state() == behind.memory.reference_state()


def test_identities_outlast_the_pipeline_on_the_card(quick):
    before, after = on_device(settings_of()), on_device(settings_of())
    before.segment(FRAMES[0])
    before.tracker.set_name(1, "crystal")
    after.memory.restore_identities(before.memory.identity_state())
    expected, found = before.segment(FRAMES[1]), after.segment(FRAMES[1])
    assert found.identified.identities == expected.identified.identities
    assert found.identified.identities[0].name == "crystal"


def test_every_stage_of_the_cpu_has_its_time_and_so_have_the_copies(runs):
    here, there = (run[0].stages_s for run in runs)
    assert set(there) == set(here) | {"receive", "upload", "download"}
    assert list(there)[:3] == ["plan", "receive", "upload"]
    assert all(seconds >= 0 for seconds in there.values())
    assert [one.replanned for one in runs[1]] == [True, False]


def test_two_frames_on_the_card_give_the_answers_of_one_at_a_time(alone, quick):
    ahead = on_device(settings_of())
    begun = [ahead.begin(FRAMES[0]), ahead.begin(FRAMES[1])]
    found = [ahead.finish(begun[0])]
    begun.append(ahead.begin(FRAMES[2]))
    found += [ahead.finish(one) for one in begun[1:]]
    for one, together in zip(alone, found, strict=True):
        np.testing.assert_array_equal(together.label_map.labels_YX, one.label_map.labels_YX)
        np.testing.assert_array_equal(together.label_map.confidence_YX, one.label_map.confidence_YX)
        assert together.communities == one.communities


def test_what_the_card_guessed_of_ids_changes_nothing(quick):
    """Painted with the frame, and painted again, are the same to the last bit."""
    trusted, wrong = on_device(settings_of()), misled(on_device(settings_of()))
    # The front jumps, a frame of one phase alone comes, and the first comes back.
    fronts = (0.5, 0.5, 0.75, 0.0, 0.5)
    for number, front_ in enumerate(fronts):
        frame = two_phases(number, front=front_)
        here, there = trusted.segment(frame), wrong.segment(frame)
        np.testing.assert_array_equal(there.label_map.labels_YX, here.label_map.labels_YX)
        np.testing.assert_array_equal(there.label_map.confidence_YX, here.label_map.confidence_YX)
        assert there.communities == here.communities
    repainted = [one.figures()["gpu"]["repainted"] for one in (trusted, wrong)]
    assert 1 <= repainted[0] < len(fronts) - 1
    assert repainted[1] == len(fronts)


def test_a_name_of_an_id_is_told_though_nothing_is_painted_again(quick):
    device = on_device(settings_of())
    device.segment(FRAMES[0])
    device.tracker.set_name(1, "crystal")
    found = device.segment(FRAMES[1])
    assert device.figures()["gpu"]["repainted"] == 1
    assert found.communities[0].identity.name == "crystal"


def test_a_frame_begun_at_a_resolution_no_longer_in_force_is_divided_anew(quick):
    device = on_device(settings_of(graph={"resolution": 0.02}))
    begun = device.begin(FRAMES[0])
    # Below the least that the kernel's integers hold, scikit-network divides.
    assert device.finish(begun).graph.resolution == 0.02
    begun = device.begin(FRAMES[0])
    device.apply(settings_of(graph={"resolution": 0.5}), config_hash="new")
    found = device.finish(begun)
    expected = on_cpu(settings_of()).segment(FRAMES[0])
    assert found.provenance.config == "new"
    assert found.graph.resolution == 0.5
    assert found.graph.modularity == pytest.approx(expected.graph.modularity, abs=1e-6)


def test_a_series_holds_its_first_contrast_and_forgets_it_with_the_next(quick):
    settings = settings_of(preprocess={"contrast": "series"})
    brighter = two_phases(4)
    brighter = replace(
        brighter, channels=(replace(brighter.channels[0], values=3 * brighter.image_YX),)
    )
    flat = still(np.full((SIDE, SIDE), 7, np.uint16))
    frames = [flat, FRAMES[0], brighter, flat, of_series(brighter, "next"), FRAMES[1]]
    cpu, device = on_cpu(settings, LouvainClusterer()), on_device(settings, "cpu")
    # Two at a time: the window must be held in the order in which frames were begun.
    begun = [device.begin(frames[0])]
    found = []
    for frame in frames[1:]:
        begun.append(device.begin(frame))
        found.append(device.finish(begun.pop(0)))
    found.append(device.finish(begun.pop(0)))
    for frame, there in zip(frames, found, strict=True):
        here = cpu.segment(frame)
        assert (there.image.low, there.image.high) == (here.image.low, here.image.high)
        assert there.image.flat == here.image.flat
        assert there.graph.communities == here.graph.communities
        np.testing.assert_array_equal(there.identified.ids_N, here.identified.ids_N)


def test_resolution_by_stability_is_that_of_the_cpu_with_its_library(quick):
    settings = settings_of(graph={"resolution": "auto"})
    cpu, device = on_cpu(settings, LouvainClusterer()), on_device(settings, "cpu")
    for number in range(4):
        here, there = (one.segment(two_phases(number)) for one in (cpu, device))
        assert there.graph.resolution == here.graph.resolution
        assert there.graph.stability == pytest.approx(here.graph.stability, abs=1e-9)
        np.testing.assert_array_equal(there.identified.ids_N, here.identified.ids_N)


def test_borders_are_sought_in_what_is_the_same_on_the_card(quick, monkeypatch):
    asked = []

    def all_in_one(graph, partition, looks, grid, *, unit):
        labels_N = partition.labels_N
        asked.append((labels_N.tolist(), looks.means(labels_N), grid, unit))
        return undivided(graph, resolution=partition.resolution)

    monkeypatch.setattr(tidy, "give_borders_away", all_in_one)
    settings = settings_of(identity={"unit": 0.7})
    for one in (on_cpu(settings), on_device(settings)):
        assert one.segment(FRAMES[0]).graph.communities == 1
    here, there = asked
    assert there[0] == here[0]
    np.testing.assert_allclose(there[1], here[1], atol=1e-3)
    assert there[2:] == here[2:]


def test_more_communities_than_a_launch_counts_and_measures_come_out_the_same(
    alone, quick, monkeypatch
):
    for module in (front, answers, kernel):
        monkeypatch.setattr(module, "KEPT", 1)
    monkeypatch.setattr(painting, "ASKED", 1)
    found = on_device(settings_of()).segment(FRAMES[0])
    assert len(found.communities) == 2
    assert found.communities == alone[0].communities
    assert found.graph == alone[0].graph


def test_a_frame_smaller_than_a_chip_is_one_community_by_the_kernels_too():
    frame = still(np.random.default_rng(0).integers(0, 99, (20, 24)).astype(np.uint8))
    here, there = (one(settings_of()).segment(frame) for one in (on_cpu, on_device))
    assert there.graph.edges == 0
    np.testing.assert_array_equal(there.label_map.labels_YX, here.label_map.labels_YX)
    assert there.communities == here.communities


def test_pixels_that_no_card_takes_are_dropped():
    frame = still(np.zeros((8, 8), np.int64))
    with pytest.raises(DropError) as dropped:
        on_device(settings_of()).begin(frame)
    assert dropped.value.reason is DropReason.BAD_DTYPE


def test_after_a_recovery_what_was_begun_is_finished(alone, quick):
    device = on_device(settings_of())
    begun = [device.begin(FRAMES[0]), device.begin(FRAMES[1])]
    device.recover()
    found = [device.finish(one) for one in begun]
    assert [one.replanned for one in found] == [True, False]
    # Both in new lanes: on those that they were begun in, nobody has an id still.
    assert not any(one.track.lane.labels_YX.any() for one in begun)
    # The first frame alone was painted again, once, though both were begun twice.
    assert device.figures()["gpu"]["repainted"] == 1
    for expected, one in zip(alone, found, strict=False):
        np.testing.assert_array_equal(one.label_map.labels_YX, expected.label_map.labels_YX)


def test_a_card_that_takes_no_more_work_ends_the_process_with_its_own_code():
    class Dead(HostCard):
        def survives(self):
            return False

    with pytest.raises(DeviceLostError) as lost:
        on_device(settings_of(), card=Dead()).recover()
    assert lost.value.exit_code == 10
    assert "restart" in str(lost.value)


class Tight(SmallEncoder):
    """Its programs fit the card only in tiles of at most `most`; `tried` are the batches."""

    def __init__(self, most):
        super().__init__()
        self.most, self.tried = most, []

    def device_program(self, tiles, shape_BCHW, head, *, captured):
        self.tried.append(shape_BCHW[0])
        if shape_BCHW[0] > self.most:
            raise torch.OutOfMemoryError("It does not fit.")
        return super().device_program(tiles, shape_BCHW, head, captured=captured)


def test_while_warming_up_tiles_are_halved_until_all_that_a_frame_needs_fits(alone, quick, caplog):
    encoder = Tight(most=1)
    device = on_device(settings_of(), encoder=encoder)
    with caplog.at_level(logging.WARNING):
        device.plan((SIDE, SIDE))
    assert encoder.tried == [4, 2, 1]
    assert "tiles of 4 do not fit" in caplog.text
    found = device.segment(FRAMES[0])
    assert not found.replanned
    assert device.figures()["gpu"] == {
        "title": HostCard().title,
        "planned": 1,
        "captured": True,
        "tile_chips": 1,
        "out_of_memory": 0,
        "repainted": 1,
    }
    np.testing.assert_array_equal(found.label_map.labels_YX, alone[0].label_map.labels_YX)
    device.recover()
    device.segment(FRAMES[0])
    assert encoder.tried[3:] == [1]


def test_where_not_even_tiles_of_one_fit_the_warm_up_ends_with_that(quick):
    encoder = Tight(most=0)
    with pytest.raises(DeviceMemoryError):
        on_device(settings_of(), encoder=encoder).plan((SIDE, SIDE))
    assert encoder.tried == [4, 2, 1]


def test_while_frames_come_a_plan_that_does_not_fit_drops_the_frame_and_shrinks_nothing(quick):
    encoder = Tight(most=0)
    with pytest.raises(DeviceMemoryError):
        on_device(settings_of(), encoder=encoder).begin(FRAMES[0])
    assert encoder.tried == [4]


def test_plans_of_other_frames_make_room_for_one_that_does_not_fit(quick, caplog, monkeypatch):
    """What the first attempt had made is let go before the second, or that would not fit either."""

    made, kept, left = plan.make_lane, [], []

    def make_lane(*args, **how):
        left.append(sum(one() is not None for one in kept))
        lane = made(*args, **how)
        kept.append(weakref.ref(lane.frame_YX))
        if len(kept) == LANES + 2:
            raise torch.OutOfMemoryError("full")
        return lane

    monkeypatch.setattr(plan, "make_lane", make_lane)
    device = on_device(settings_of())
    device.plan((SIDE, SIDE))
    with caplog.at_level(logging.WARNING):
        device.plan((SIDE, SIDE + 1))
    assert "forgetting plans" in caplog.text
    assert "do not fit" not in caplog.text
    assert device.figures()["gpu"]["planned"] == 1
    # Lanes alive before each: those of the first plan, the attempt beside it, and the second one.
    assert left == [0, 1, 2, 3, 0, 1]


def test_running_out_of_memory_is_told_as_that_though_ending_the_capture_fails_too(quick):
    class Full(HostCard):
        def captured(self, line, work, *, pool):
            try:
                raise torch.OutOfMemoryError("full")
            finally:
                raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(DeviceMemoryError, match="does not hold a plan"):
        on_device(settings_of(), card=Full()).begin(FRAMES[0])


def test_plans_that_another_thread_looks_at_do_not_change_under_it(quick):
    device = on_device(settings_of())
    device.plan((SIDE, SIDE))
    looking = iter(device._plans._plans.values())
    for columns in range(1, 6):
        device.plan((SIDE, SIDE + columns))
    assert len(list(looking)) == 1
    assert device.figures()["gpu"]["planned"] == PLANNED_KINDS
    made = device.replans
    device.plan((SIDE, SIDE + 2))  # the oldest but in use again
    device.plan((SIDE, SIDE + 7))
    device.plan((SIDE, SIDE + 2))
    assert device.replans == made + 1


def test_work_that_cannot_be_captured_is_launched_kernel_by_kernel(alone, quick, caplog):
    class NoGraphs(HostCard):
        def captured(self, line, work, *, pool):
            raise RuntimeError("operation not permitted when stream is capturing")

    device = on_device(settings_of(), card=NoGraphs())
    with caplog.at_level(logging.WARNING):
        found = device.segment(FRAMES[0])
    assert "could not be captured" in caplog.text
    assert device.figures()["gpu"]["captured"] is False
    np.testing.assert_array_equal(found.label_map.labels_YX, alone[0].label_map.labels_YX)


def still(image_YX):
    frame = two_phases()
    return replace(frame, channels=(replace(frame.channels[0], values=image_YX),))
