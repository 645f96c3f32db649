from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import embeddings
from scopeside.messages import ChipGrid, Identified, Int32, Partition
from scopeside.partitions import community_count, relabelled
from scopeside.stages.identity import IdentityTracker, gallery
from scopeside.stages.identity.gallery import ABSENT_FRAMES
from scopeside.stages.identity.tracker import OVERLAP_REACH, PROOF_FRAMES, REACH

SIDE = 10
GRID = ChipGrid(shape=(352, 352), chip_px=64, stride_px=32)
CHIPS = SIDE * SIDE


def partition_of(labels_N: np.ndarray) -> Partition:
    labels_N = relabelled(labels_N)
    return Partition(
        labels_N=labels_N, communities=community_count(labels_N), resolution=0.5, modularity=0.5
    )


def front(columns: int, *, left: int = 1, right: int = 0) -> Int32:
    """Material of each chip: `left` of a front after so many columns, `right` beyond it."""
    material_RC = np.full((SIDE, SIDE), right, dtype=np.int32)
    material_RC[:, :columns] = left
    return material_RC.ravel()


TOGETHER = 0.65
APART = 0.0


class Stream:
    """Feeds a tracker with materials; every material has the same centre in all frames."""

    def __init__(self, merge_distance: float = TOGETHER) -> None:
        self.tracker = IdentityTracker(merge_distance=merge_distance)
        self._seed = 0

    def see(
        self,
        material_N: np.ndarray,
        *,
        communities_N: np.ndarray | None = None,
        grid: ChipGrid = GRID,
        distance: float = 2.0,
        changed_by: float = 0.0,
    ) -> Identified:
        """One frame; its communities are the materials unless given.

        Material 1 looks so far different from what it is, in spreads, and like none of the others.
        """
        self._seed += 1
        # One chip of each of 8 materials is appended so that centres never depend on the frame.
        all_N = np.concatenate([material_N, np.arange(8)])
        values_ND = embeddings(all_N, seed=self._seed, distance=distance)
        # Noise of one in every feature spreads as far as this direction is long.
        values_ND[all_N == 1] += np.float32(changed_by) * np.resize([1, -1], values_ND.shape[1])
        values_ND = values_ND[: len(material_N)]
        found_N = material_N if communities_N is None else communities_N
        return self.tracker.identify(partition_of(found_N), values_ND, grid)


def ids_of(identified: Identified, material_N: np.ndarray, material: int) -> set[int]:
    return set(identified.ids_N[material_N == material].tolist())


def test_first_frame_gives_ids_from_one_at_once_larger_communities_first() -> None:
    identified = Stream().see(front(3))
    assert ids_of(identified, front(3), 0) == {1}
    assert ids_of(identified, front(3), 1) == {2}
    assert identified.appeared == (1, 2)
    assert identified.vanished == ()
    assert [identity.chips for identity in identified.identities] == [70, 30]


def test_ids_stay_while_a_front_crosses_the_frame() -> None:
    stream = Stream()
    for columns in range(1, SIDE):
        identified = stream.see(front(columns))
        if columns == 1:
            crystal, amorphous = (ids_of(identified, front(1), k) for k in (0, 1))
        assert ids_of(identified, front(columns), 0) == crystal
        assert ids_of(identified, front(columns), 1) == amorphous
        assert identified.vanished == ()


def test_ids_survive_a_jump_of_the_stage_that_leaves_no_overlap() -> None:
    stream = Stream()
    first = stream.see(front(5))
    mirrored_N = front(5, left=0, right=1)
    second = stream.see(mirrored_N)
    for material in (0, 1):
        assert ids_of(second, mirrored_N, material) == ids_of(first, front(5), material)
    assert (second.appeared, second.vanished) == ((), ())


def test_jump_from_one_phase_to_another_is_not_taken_for_the_same() -> None:
    stream = Stream()
    first = stream.see(front(0))
    second = stream.see(front(SIDE))
    assert set(first.ids_N.tolist()) == {1}
    assert set(second.ids_N.tolist()) == {2}


FARTHER = 0.85
"""Farther than a prototype alone reaches (and than communities share an id), but not than it
reaches with full overlap."""


def test_material_that_changes_its_look_at_once_keeps_its_id_where_it_stays_in_place() -> None:
    assert max(REACH, TOGETHER) < FARTHER < REACH * (1 + OVERLAP_REACH)
    stream = Stream()
    for _ in range(3):
        stream.see(front(4))
    for _ in range(2 * PROOF_FRAMES):
        changed = stream.see(front(4), changed_by=FARTHER)
        assert ids_of(changed, front(4), 0) == {1}
        assert ids_of(changed, front(4), 1) == {2}
        assert changed.appeared == ()


def test_material_that_changes_its_look_and_its_place_at_once_is_new() -> None:
    stream = Stream()
    for _ in range(3):
        stream.see(front(4))
    moved_N = front(4)[::-1].copy()
    for _ in range(2 * PROOF_FRAMES):
        changed = stream.see(moved_N, changed_by=FARTHER)
    assert ids_of(changed, moved_N, 0) == {1}
    assert ids_of(changed, moved_N, 1) == {3}


def test_material_that_is_changed_out_of_recognition_is_new_wherever_it_is() -> None:
    stream = Stream()
    for _ in range(3):
        stream.see(front(4))
    for _ in range(2 * PROOF_FRAMES):
        changed = stream.see(front(4), changed_by=2.0 * REACH * (1 + OVERLAP_REACH))
    assert ids_of(changed, front(4), 1) == {3}


def test_without_merging_parts_that_look_alike_are_told_apart_by_their_places() -> None:
    stream = Stream(APART)
    quarters_N = np.repeat(np.arange(4, dtype=np.int32), CHIPS // 4)
    first = stream.see(front(0), communities_N=quarters_N)
    assert len(first.identities) == 4
    for _ in range(8):
        later = stream.see(front(0), communities_N=quarters_N)
        assert np.array_equal(later.ids_N, first.ids_N)


def test_another_grid_is_matched_by_the_prototypes() -> None:
    stream = Stream()
    stream.see(front(4))
    wide = ChipGrid(shape=(352, 192), chip_px=64, stride_px=32)
    material_N = np.repeat(np.array([1, 0], dtype=np.int32), 25)
    identified = stream.see(material_N, grid=wide)
    assert ids_of(identified, material_N, 0) == {1}
    assert ids_of(identified, material_N, 1) == {2}


def test_phases_that_are_joined_for_some_frames_keep_their_ids() -> None:
    stream = Stream()
    stream.see(front(4))
    for _ in range(ABSENT_FRAMES + 2):
        identified = stream.see(front(4), communities_N=front(0))
        assert ids_of(identified, front(4), 0) == {1}
        assert ids_of(identified, front(4), 1) == {2}
        assert (identified.appeared, identified.vanished) == ((), ())
    assert [identity.chips for identity in identified.identities] == [60, 40]


def test_two_frames_without_a_material_are_no_loss_and_the_third_is() -> None:
    assert (ABSENT_FRAMES, PROOF_FRAMES) == (3, 2)  # as docs/adr/0005-identity.md says
    stream = Stream()
    stream.see(front(4))
    assert [stream.see(front(0)).vanished for _ in range(4)] == [(), (), (2,), ()]


def test_without_merging_what_is_joined_loses_its_id() -> None:
    stream = Stream(APART)
    stream.see(front(4))
    assert len(stream.see(front(4), communities_N=front(0)).identities) == 1


def test_on_another_grid_nothing_is_given_back() -> None:
    stream = Stream()
    stream.see(front(4))
    turned = ChipGrid(shape=(352, 192), chip_px=64, stride_px=32)
    material_N = np.repeat(np.array([1, 0], dtype=np.int32), 25)
    identified = stream.see(material_N, communities_N=0 * material_N, grid=turned)
    assert len(identified.identities) == 1


def test_something_new_gets_its_id_after_it_was_seen_often_enough() -> None:
    stream = Stream()
    stream.see(front(0))
    for _ in range(PROOF_FRAMES - 1):
        identified = stream.see(front(2))
        assert set(identified.ids_N.tolist()) == {1}
        assert identified.appeared == ()
    identified = stream.see(front(2))
    assert ids_of(identified, front(2), 1) == {2}
    assert identified.appeared == (2,)


def test_something_seen_once_now_and_then_gets_no_id() -> None:
    stream = Stream()
    for number in range(12):
        identified = stream.see(front(2 if number % 3 == 1 else 0))
        assert set(identified.ids_N.tolist()) == {1}


def test_material_that_went_away_returns_with_its_id_and_name() -> None:
    stream = Stream()
    stream.see(front(4))
    assert stream.tracker.set_name(2, "amorphous")
    gone = [stream.see(front(0)) for _ in range(ABSENT_FRAMES + 5)]
    assert [event for identified in gone for event in identified.vanished] == [2]
    back = stream.see(front(4))
    assert back.appeared == (2,)
    assert ids_of(back, front(4), 1) == {2}
    assert [identity.name for identity in back.identities] == [None, "amorphous"]


def test_oversplit_material_keeps_one_id() -> None:
    stream = Stream()
    stream.see(front(4))
    halves_N = front(4) + 2 * (np.arange(CHIPS) // (CHIPS // 2)).astype(np.int32)
    identified = stream.see(front(4), communities_N=halves_N)
    assert ids_of(identified, front(4), 0) == {1}
    assert ids_of(identified, front(4), 1) == {2}
    assert [identity.chips for identity in identified.identities] == [60, 40]


def test_oversplit_first_frame_has_one_id_a_material() -> None:
    halves_N = front(5) + 2 * (np.arange(CHIPS) // (CHIPS // 2)).astype(np.int32)
    identified = Stream().see(front(5), communities_N=halves_N)
    assert len(identified.identities) == 2


def test_without_merging_every_community_has_an_id_of_its_own() -> None:
    stream = Stream(APART)
    halves_N = front(5) + 2 * (np.arange(CHIPS) // (CHIPS // 2)).astype(np.int32)
    for _ in range(3):
        identified = stream.see(front(5), communities_N=halves_N)
        pairs = set(zip(identified.ids_N.tolist(), halves_N.tolist(), strict=True))
        assert len(pairs) == len(identified.identities) == 4
    assert identified.appeared == identified.vanished == ()


def test_identity_born_of_a_mixed_frame_does_not_swallow_what_is_told_apart_later() -> None:
    stream = Stream(0.9)
    whole_N = np.zeros(CHIPS, dtype=np.int32)
    assert len(stream.see(front(5), communities_N=whole_N, distance=1.2).identities) == 1
    for _ in range(PROOF_FRAMES):
        identified = stream.see(front(5), distance=1.2)
    assert len(identified.identities) == 2


def test_known_ids_are_known() -> None:
    stream = Stream()
    stream.see(front(5))
    assert [stream.tracker.knows(id_) for id_ in (0, 1, 2, 3)] == [False, True, True, False]


def test_age_counts_the_frames_since_an_identity_was_first_seen() -> None:
    stream = Stream()
    for _ in range(4):
        identified = stream.see(front(3))
    assert [identity.age for identity in identified.identities] == [3, 3]


def test_name_of_an_unknown_id_is_refused() -> None:
    stream = Stream()
    stream.see(front(0))
    assert not stream.tracker.set_name(7, "nobody")


def test_reset_begins_again_at_one_without_names() -> None:
    stream = Stream()
    stream.see(front(4))
    stream.tracker.set_name(1, "crystal")
    stream.tracker.reset()
    identified = stream.see(front(4))
    assert [(identity.id, identity.name) for identity in identified.identities] == [
        (1, None),
        (2, None),
    ]


def test_hostile_stream_of_ever_new_communities_stays_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "MOST", 20)
    monkeypatch.setattr(gallery, "LAST_ID", 60)
    tracker = IdentityTracker(merge_distance=APART)
    random = np.random.default_rng(0)
    for _ in range(40):
        values_ND = random.random((CHIPS, 8)).astype(np.float32) ** 4
        identified = tracker.identify(partition_of(random.integers(0, 30, CHIPS)), values_ND, GRID)
        assert 1 <= identified.ids_N.min() <= identified.ids_N.max() <= 60
        assert len(identified.identities) <= 20


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 4), min_size=25, max_size=25), min_size=1, max_size=8),
    st.booleans(),
)
def test_every_chip_has_an_id_and_every_id_is_described_once_whatever_comes(
    frames: list[list[int]], merge: bool
) -> None:
    grid = ChipGrid(shape=(192, 192), chip_px=64, stride_px=32)
    answers = []
    for _ in range(2):
        tracker = IdentityTracker(merge_distance=TOGETHER if merge else APART)
        run = []
        known: set[int] = set()
        before_N = np.zeros(25, dtype=np.uint16)
        for number, frame in enumerate(frames):
            partition = partition_of(np.array(frame))
            values_ND = embeddings(np.array([*frame, 4]), seed=number)[:25]
            identified = tracker.identify(partition, values_ND, grid)
            ids = [identity.id for identity in identified.identities]
            assert ids == sorted(set(identified.ids_N.tolist()))
            assert min(ids) >= 1
            assert sum(identity.chips for identity in identified.identities) == 25
            # A community is torn only where chips keep the id that they had.
            for community in range(partition.communities):
                inside_N = partition.labels_N == community
                kept_N = inside_N & (identified.ids_N == before_N)
                assert len(set(identified.ids_N[inside_N & ~kept_N].tolist())) <= 1
            assert merge or len(ids) == partition.communities
            before_N = identified.ids_N
            assert set(identified.appeared) <= set(ids)
            assert not set(identified.vanished) & set(ids)
            assert set(identified.appeared) >= set(ids) - known
            known |= set(ids)
            run.append((identified.ids_N.tobytes(), identified.appeared, identified.vanished))
        answers.append(run)
    assert answers[0] == answers[1]
