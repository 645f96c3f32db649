"""A community that is only the border between two others is given to those."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import graph_of
from scopeside.looks import HostLooks
from scopeside.messages import Array, ChipGrid, Float32, Partition
from scopeside.partitions import community_count, modularity, relabelled
from scopeside.settings import Settings
from scopeside.stages.communities import borders, give_borders_away, tidied

GRID = ChipGrid((672, 672), 64, 32)
CENTRE = (GRID.rows - 1) / 2
FIELD, RIM, CORE = 0, 1, 2
BETWEEN_BOTH = (0.75, 0.8, 0.25)
"""A rim that shows both sides and something of its own."""
LIKE_NEITHER = (-0.3, 1.0, -0.3)
BEYOND_THE_FIELD = (1.0, 0.5, -0.5)
"""Near the field, and farther from the core than the field is."""


def rings(core: float, rim: float) -> Array:
    """A disc of `core` chips' radius in a field, and a rim of `rim` chips about it."""
    row_R, col_C = np.arange(GRID.rows), np.arange(GRID.cols)
    away_N = np.hypot(row_R[:, None] - CENTRE, col_C[None] - CENTRE).ravel()
    return np.where(away_N <= core, CORE, np.where(away_N <= core + rim, RIM, FIELD))


def stripes(*, beside: int) -> Array:
    """Columns of core, two chips wide, with a rim of one and a field of `beside` on either side."""
    period = [*[FIELD] * beside, RIM, CORE, CORE, RIM, *[FIELD] * beside]
    across_C = np.resize(period, GRID.cols)
    return np.broadcast_to(across_C, (GRID.rows, GRID.cols)).ravel()


def looks_of(kinds_N: Array, rim: tuple[float, float, float] = BETWEEN_BOTH) -> Float32:
    """Embeddings of field, rim and core: three directions, the rim's given by its shares."""
    centres_KD = np.eye(3, 6)
    centres_KD[RIM, :3] = rim
    noise_ND = 0.02 * np.random.default_rng(3).standard_normal((len(kinds_N), 6))
    return (centres_KD[kinds_N] + noise_ND).astype(np.float32)


def partition_of(labels_N: Array) -> Partition:
    found_N = relabelled(labels_N)
    return Partition(
        labels_N=found_N,
        communities=community_count(found_N),
        resolution=0.5,
        modularity=0.25,
        stability=0.75,
    )


GRAPH = graph_of([(node, node + 1, 1.0) for node in range(GRID.chips - 1)], nodes=GRID.chips)


def after(kinds_N: Array, looks_ND: Float32) -> Partition:
    looks = HostLooks(looks_ND)
    return give_borders_away(GRAPH, partition_of(kinds_N), looks, GRID, unit=0.7)


def test_rim_about_a_disc_is_given_to_disc_and_field_by_what_each_chip_looks_like() -> None:
    kinds_N = rings(4.0, 2.0)
    looks_ND = looks_of(kinds_N)
    inner_N = (kinds_N == RIM) & (rings(5.0, 1.0) == CORE)
    looks_ND[inner_N] = looks_ND[inner_N][:, [2, 1, 0, 3, 4, 5]]
    found = after(kinds_N, looks_ND)
    expected_N = relabelled(np.where((kinds_N == CORE) | inner_N, CORE, FIELD))
    assert found.labels_N.tolist() == expected_N.tolist()
    assert found.communities == 2
    assert found.modularity == modularity(GRAPH, found.labels_N, 0.5)
    assert (found.resolution, found.stability) == (0.5, 0.75)


@pytest.mark.parametrize("kinds_N", [rings(1.5, 2.0), stripes(beside=3)], ids=["disc", "stripes"])
def test_side_may_be_small_as_long_as_the_other_is_not(kinds_N: Array) -> None:
    """Every chip of the core touches the rim and the field; few of the field touch the core."""
    found = after(kinds_N, looks_of(kinds_N))
    assert found.labels_N.tolist() == relabelled(np.where(kinds_N == CORE, CORE, FIELD)).tolist()


@pytest.mark.parametrize(
    ("kinds_N", "looks", "why"),
    [
        (rings(4.0, 2.0), LIKE_NEITHER, "a layer of its own kind"),
        (rings(4.0, 2.0), BEYOND_THE_FIELD, "near one side, and not between the two"),
        (rings(3.0, 6.0), BETWEEN_BOTH, "wider than a chip touches"),
        (np.arange(GRID.chips) % 3, BETWEEN_BOTH, "everything touches everything"),
        (stripes(beside=2), BETWEEN_BOTH, "half of the field, and all of the core, touch both"),
        (np.where(rings(4.0, 2.0) == FIELD, FIELD, CORE), BETWEEN_BOTH, "two are no border"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_border_stays(
    kinds_N: Array, looks: tuple[float, float, float], why: str
) -> None:
    before = partition_of(kinds_N)
    told = HostLooks(looks_of(kinds_N, looks))
    assert give_borders_away(GRAPH, before, told, GRID, unit=0.7) is before, why


@pytest.mark.parametrize(("share", "communities"), [(0.85, 2), (0.75, 3)])
def test_most_chips_of_a_border_lie_between_its_sides(share: float, communities: int) -> None:
    """The others lie in the field, where they touch one side alone."""
    kinds_N = rings(4.0, 2.0)
    rim = np.count_nonzero(kinds_N == RIM)
    elsewhere = np.flatnonzero(kinds_N == FIELD)[: round(rim / share) - rim]
    kinds_N[elsewhere] = RIM
    assert after(kinds_N, looks_of(kinds_N)).communities == communities


def test_among_dust_no_border_is_looked_for() -> None:
    kinds_N = rings(4.0, 2.0)
    looks_ND = looks_of(kinds_N)
    corner_N = np.flatnonzero(kinds_N == FIELD)[: borders.MOST - 2]
    kinds_N[corner_N[:-1]] = 3 + np.arange(borders.MOST - 3)
    assert after(kinds_N, looks_ND).communities < borders.MOST
    kinds_N[corner_N[-1]] = borders.MOST
    assert after(kinds_N, looks_ND).communities == borders.MOST + 1


def test_two_rims_are_both_given_away() -> None:
    kinds_N = rings(4.0, 2.0)
    looks_ND = looks_of(kinds_N)
    right_N = np.arange(GRID.chips) % GRID.cols > CENTRE
    halves_N = np.where((kinds_N == RIM) & right_N, 3, kinds_N)
    assert after(halves_N, looks_ND).communities == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_chips_move_only_together_out_of_communities_that_are_gone(seed: int, kinds: int) -> None:
    random = np.random.default_rng(seed)
    coarse_RC = random.integers(0, kinds, (4, 4))
    blocks_RC = np.kron(coarse_RC, np.ones((5, 5), np.int64))
    labels_N = relabelled(blocks_RC[: GRID.rows, : GRID.cols].ravel())
    found = after(labels_N, random.standard_normal((GRID.chips, 6)).astype(np.float32))
    assert found.communities == community_count(found.labels_N)
    assert found.communities >= min(2, community_count(labels_N))
    home_K = [np.bincount(found.labels_N[labels_N == k]) for k in range(labels_N.max() + 1)]
    undivided = sum(np.count_nonzero(counts) == 1 for counts in home_K)
    assert undivided >= found.communities


@pytest.mark.parametrize(
    ("settings_given", "communities"),
    [
        ({}, 2),
        ({"communities": {"borders": "keep"}}, 3),
        ({"identity": {"merge_distance": 0}}, 3),
    ],
)
def test_borders_stay_where_the_settings_say_so(
    settings_given: dict[str, dict[str, object]], communities: int
) -> None:
    kinds_N = rings(4.0, 2.0)
    looks_ND = looks_of(kinds_N)
    found = tidied(
        GRAPH,
        partition_of(kinds_N),
        looks_ND,
        HostLooks(looks_ND),
        GRID,
        Settings.model_validate(settings_given),
    )
    assert found.communities == communities
