from __future__ import annotations

import numpy as np
import pytest

from planted import embeddings, labels
from scopeside.palette import color_of
from scopeside.prototypes import Prototypes, prototypes_of
from scopeside.stages.identity import gallery as module
from scopeside.stages.identity.gallery import ABSENT_FRAMES, MEMORY, Gallery


@pytest.fixture
def looks() -> Prototypes:
    return prototypes_of(embeddings(labels([8, 8, 8]), seed=0), labels([8, 8, 8]))


def test_ids_count_from_one_and_carry_their_prototypes(looks: Prototypes) -> None:
    gallery = Gallery()
    assert [gallery.add(looks, row, frame=0) for row in (2, 0)] == [1, 2]
    assert gallery.ids_J.tolist() == [1, 2]
    kept = gallery.prototypes()
    assert np.array_equal(kept.means_KD, looks.means_KD[[2, 0]])
    assert np.array_equal(kept.variance_K, looks.variance_K[[2, 0]])


def test_those_seen_last_are_told_in_the_order_of_their_ids(looks: Prototypes) -> None:
    gallery = Gallery()
    assert [part.shape for part in gallery.latest(2)] == [(0,), (0, 0)]
    for row in (2, 0, 1):
        gallery.add(looks, row, frame=0)
    gallery.attend(frozenset({1, 3}), frame=1)
    ids_J, means_JD = gallery.latest(2)
    assert ids_J.tolist() == [1, 3]
    assert np.array_equal(means_JD, looks.means_KD[[2, 1]])
    assert gallery.latest(5)[0].tolist() == [1, 2, 3]
    assert gallery.latest(1)[0].tolist() == [1]


def test_learning_moves_a_prototype_a_little_and_leaves_its_source_alone(
    looks: Prototypes,
) -> None:
    gallery = Gallery()
    gallery.add(looks, 0, frame=0)
    before_KD = looks.means_KD.copy()
    gallery.learn(1, looks, 1)
    expected_D = before_KD[0] + MEMORY * (before_KD[1] - before_KD[0])
    assert gallery.prototypes().means_KD[0] == pytest.approx(expected_D, abs=1e-6)
    assert np.array_equal(looks.means_KD, before_KD)


def test_vanishing_takes_patience_and_returning_none(looks: Prototypes) -> None:
    gallery = Gallery()
    gallery.add(looks, 0, frame=0)
    gallery.add(looks, 1, frame=0)
    assert gallery.attend(frozenset({1, 2}), frame=0) == ((1, 2), ())
    for frame in range(1, ABSENT_FRAMES):
        assert gallery.attend(frozenset({1}), frame=frame) == ((), ())
    assert gallery.attend(frozenset({1}), frame=ABSENT_FRAMES) == ((), (2,))
    assert gallery.attend(frozenset({1}), frame=ABSENT_FRAMES + 1) == ((), ())
    assert gallery.attend(frozenset({1, 2}), frame=ABSENT_FRAMES + 2) == ((2,), ())


def test_names_and_ages_are_told_of_known_ids_only(looks: Prototypes) -> None:
    gallery = Gallery()
    gallery.add(looks, 0, frame=3)
    assert gallery.set_name(1, "amorphous")
    assert not gallery.set_name(2, "ghost")
    identity = gallery.identity(1, chips=8, frame=7)
    assert (identity.name, identity.age, identity.chips) == ("amorphous", 4, 8)
    assert identity.color == color_of(1)
    assert gallery.set_name(1, None)
    assert gallery.identity(1, chips=8, frame=7).name is None


def test_memory_is_bounded_and_names_outlive_strangers(
    looks: Prototypes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    gallery = Gallery()
    for row in range(3):
        gallery.add(looks, row, frame=0)
    gallery.set_name(1, "kept")
    assert gallery.add(looks, 0, frame=ABSENT_FRAMES) is None  # all were just seen
    assert gallery.add(looks, 0, frame=ABSENT_FRAMES + 1) == 4
    assert gallery.ids_J.tolist() == [1, 3, 4]


def test_ids_end_where_the_label_map_does(
    looks: Prototypes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_ID", 2)
    gallery = Gallery()
    assert [gallery.add(looks, 0, frame=0) for _ in range(4)] == [1, 2, None, None]
