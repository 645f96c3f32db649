from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import embeddings, labels
from scopeside.partitions import relabelled
from scopeside.prototypes import (
    MOST_GATHERED,
    Prototypes,
    distances,
    gathered,
    pooled,
    prototypes_of,
)


def unit(values_ND: np.ndarray) -> np.ndarray:
    return values_ND / np.linalg.norm(values_ND, axis=1, keepdims=True)


def test_prototypes_are_means_and_variances_of_unit_embeddings() -> None:
    labels_N = labels([5, 9, 2])
    values_ND = embeddings(labels_N, seed=0)
    looks = prototypes_of(values_ND, labels_N)
    for label in range(3):
        rows_ND = unit(values_ND)[labels_N == label]
        assert looks.means_KD[label] == pytest.approx(rows_ND.mean(axis=0), abs=1e-6)
        assert looks.variance_K[label] == pytest.approx(rows_ND.var(axis=0, ddof=1).sum(), rel=1e-3)
    assert looks.chips_K.tolist() == [5, 9, 2]


def test_brightness_of_a_chip_does_not_count() -> None:
    labels_N = labels([5, 5])
    values_ND = embeddings(labels_N, seed=0)
    brighter_ND = values_ND * np.linspace(0.5, 3.0, 10, dtype=np.float32)[:, None]
    first, second = (prototypes_of(each, labels_N) for each in (values_ND, brighter_ND))
    assert first.means_KD == pytest.approx(second.means_KD, abs=1e-6)


def test_lone_chip_is_taken_to_vary_like_the_others() -> None:
    looks = prototypes_of(embeddings(labels([8, 1]), seed=0), labels([8, 1]))
    assert looks.variance_K[1] == looks.variance_K[0] > 0
    alone = prototypes_of(embeddings(labels([1, 1, 1]), seed=0), labels([1, 1, 1]))
    assert alone.variance_K[0] > 0


def test_chips_of_zeros_are_their_own_prototype() -> None:
    values_ND = np.zeros((6, 4), np.float32)
    values_ND[3:] = 1.0
    looks = prototypes_of(values_ND, labels([3, 3]))
    assert looks.means_KD[0].tolist() == [0, 0, 0, 0]
    assert distances(looks, looks)[0, 0] == 0.0
    assert distances(looks, looks)[0, 1] == np.inf


def test_distance_is_that_of_the_means_in_units_of_the_spread() -> None:
    labels_N = labels([400, 300])
    values_ND = embeddings(labels_N, seed=1, distance=1.5, features=256)
    looks = prototypes_of(values_ND, labels_N)
    first_ND, second_ND = (unit(values_ND)[labels_N == label] for label in (0, 1))
    gap = np.linalg.norm(first_ND.mean(axis=0) - second_ND.mean(axis=0))
    spread = np.sqrt((first_ND.var(axis=0).sum() + second_ND.var(axis=0).sum()) / 2)
    assert distances(looks, looks)[0, 1] == pytest.approx(gap / spread, rel=0.01)


def test_few_chips_do_not_seem_farther_than_many() -> None:
    apart = []
    for sizes in ([400, 400], [400, 10]):
        looks = prototypes_of(embeddings(labels(sizes), seed=1, distance=0.5), labels(sizes))
        apart.append(distances(looks, looks)[0, 1])
    assert apart[1] == pytest.approx(apart[0], abs=0.15)


def test_two_samples_of_one_material_are_close_to_nothing_apart() -> None:
    labels_N = labels([100, 100])
    values_ND = embeddings(labels([200]), seed=3)
    looks = prototypes_of(values_ND, labels_N)
    assert distances(looks, looks)[0, 1] < 0.1


@given(st.lists(st.integers(0, 4), min_size=3, max_size=30))
def test_pooled_prototypes_are_those_of_the_union(labels_list: list[int]) -> None:
    labels_N = relabelled(np.array(labels_list))
    values_ND = embeddings(labels_N, seed=0)
    looks = prototypes_of(values_ND, labels_N)
    owner_K = np.arange(len(looks)) % 2
    union_N = relabelled(owner_K[labels_N])
    union = prototypes_of(values_ND, union_N)
    order = [owner_K[labels_N[np.flatnonzero(union_N == label)[0]]] for label in range(len(union))]
    shown = pooled(looks, owner_K, int(owner_K.max()) + 1).rows(np.array(order))
    assert shown.means_KD == pytest.approx(union.means_KD, abs=1e-6)
    assert shown.chips_K.tolist() == union.chips_K.tolist()


def test_parts_of_one_material_are_gathered_and_others_left() -> None:
    labels_N = labels([50, 50, 50, 50])
    centres_N = np.array([0, 1, 0, 1])[labels_N]
    looks = prototypes_of(embeddings(centres_N, seed=0), labels_N)
    assert gathered(looks, within=0.3).tolist() == [0, 1, 0, 1]
    assert gathered(looks, within=0.0).tolist() == [0, 1, 2, 3]
    assert gathered(looks, within=np.inf).tolist() == [0, 0, 0, 0]


def test_slices_of_one_cloud_are_gathered_though_the_outer_ones_lie_far_apart() -> None:
    values_ND = embeddings(labels([240]), seed=0)
    values_ND[:, 0] += np.linspace(0, 30, 240, dtype=np.float32)
    slices_N = labels([80] * 3)
    looks = prototypes_of(values_ND, slices_N)
    away = distances(looks, looks)
    within = 1.6 * max(away[0, 1], away[1, 2])
    assert away[0, 2] > within
    assert gathered(looks, within=within).tolist() == [0, 0, 0]


@given(st.integers(1, 8), st.floats(0.0, 3.0), st.integers(0, 5))
def test_groups_are_numbered_by_their_first_members(
    communities: int, within: float, seed: int
) -> None:
    labels_N = labels([6] * communities)
    owner_K = gathered(prototypes_of(embeddings(labels_N, seed=seed), labels_N), within=within)
    assert owner_K.tolist() == relabelled(owner_K).tolist()


def slowly_gathered(looks: Prototypes, *, within: float) -> list[int]:
    """The rule of `gathered` word for word: describe every group anew after every step."""
    owner_K = np.arange(len(looks))
    while owner_K.max() > 0:
        groups = pooled(looks, owner_K, int(owner_K.max()) + 1)
        pairs = [
            (distances(groups, groups)[low, high], low, high)
            for low in range(len(groups))
            for high in range(low + 1, len(groups))
        ]
        away, low, high = min(pairs)
        if away > within:
            break
        owner_K[owner_K == high] = low
        owner_K[owner_K > high] -= 1
    return owner_K.tolist()


@given(st.integers(1, 9), st.floats(0.05, 2.0), st.integers(0, 1000))
def test_gathering_describes_every_group_anew(communities: int, within: float, seed: int) -> None:
    labels_N = labels([5] * communities)
    looks = prototypes_of(
        embeddings(labels_N, seed=seed, distance=0.8, features=8, centres_seed=seed), labels_N
    )
    assert gathered(looks, within=within).tolist() == slowly_gathered(looks, within=within)


def test_what_was_apart_is_pooled_only_where_it_lies_nearer() -> None:
    labels_N = labels([200, 200])
    looks = prototypes_of(embeddings(labels_N, seed=0, distance=0.5, features=512), labels_N)
    away = distances(looks, looks)[0, 1]
    assert gathered(looks, within=1.1 * away).tolist() == [0, 0]
    assert gathered(looks, within=1.1 * away, kept=2, nearer=0.9 * away).tolist() == [0, 1]
    assert gathered(looks, within=1.3 * away, kept=2, nearer=1.1 * away).tolist() == [0, 0]


def test_dust_is_left_as_it_is() -> None:
    labels_N = labels([1] * (MOST_GATHERED + 1))
    looks = prototypes_of(embeddings(labels_N, seed=0), labels_N)
    assert gathered(looks, within=9.0).tolist() == labels_N.tolist()
    assert set(gathered(looks.rows(np.arange(9)), within=9.0).tolist()) == {0}


def test_distances_are_counted_in_a_unit_where_one_is_given() -> None:
    labels_N = labels([400, 400])
    values_ND = embeddings(labels_N, seed=0, distance=2.0)
    plain, halved = (prototypes_of(values_ND, labels_N, unit=unit) for unit in (1.0, 2.0))
    gap = float(np.linalg.norm(plain.means_KD[0] - plain.means_KD[1]))
    assert distances(plain, plain)[0, 1] == pytest.approx(gap, rel=0.02)
    assert distances(halved, halved)[0, 1] == pytest.approx(distances(plain, plain)[0, 1] / 2.0)


def test_a_tight_material_has_no_far_halves_where_a_unit_is_given() -> None:
    """In units of its own small spread they lie as far apart as two materials."""
    values_ND = embeddings(labels([200]), seed=0)
    tight_ND = values_ND.mean(axis=0) + 0.02 * (values_ND - values_ND.mean(axis=0))
    halves_N = (tight_ND[:, 0] > np.median(tight_ND[:, 0])).astype(np.int64)
    tight_ND[:, 0] += np.float32(0.3) * halves_N
    in_spreads, in_units = (prototypes_of(tight_ND, halves_N, unit=unit) for unit in (None, 0.7))
    assert distances(in_spreads, in_spreads)[0, 1] > 0.65
    assert distances(in_units, in_units)[0, 1] < 0.2


def test_the_unit_stays_with_rows_and_unions() -> None:
    labels_N = labels([9, 9])
    looks = prototypes_of(embeddings(labels_N, seed=0), labels_N, unit=0.7)
    assert looks.rows(np.array([1])).unit == 0.7
    assert pooled(looks, np.zeros(2, np.int64), 1).unit == 0.7
