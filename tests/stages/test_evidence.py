"""What probes of the rungs add up to."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.messages import Partition
from scopeside.partitions import community_count, relabelled
from scopeside.stages.evidence import HOLD, Evidence

STABLE, TOLERANCE = 0.8, 0.02


def split(*shares: int) -> Partition:
    labels_N = relabelled(np.repeat(np.arange(len(shares)), shares))
    return Partition(
        labels_N=labels_N,
        communities=community_count(labels_N),
        resolution=0.5,
        modularity=0.0,
    )


HALVES, WHOLE, QUARTERS = split(50, 50), split(100), split(25, 25, 25, 25)


def told(evidence: Evidence, answers: dict[tuple[int, int], list[Partition]]) -> Evidence:
    """Every rung finds halves; what thinned graphs beside it give is told, or halves too."""
    for rung in range(len(evidence)):
        for beside in evidence.asked(rung):
            thinned = answers.get((rung, beside), [HALVES])
            evidence.learn(rung, beside, HALVES, thinned, memory=1.0)
    return evidence


def test_finest_of_equals_is_preferred() -> None:
    assert (
        told(Evidence(4, reach=1, tolerance=TOLERANCE), {}).preferred(
            range(4), stable=STABLE, in_force=None
        )
        == 3
    )
    assert (
        told(Evidence(4, reach=1, tolerance=TOLERANCE), {}).preferred(
            range(1, 3), stable=STABLE, in_force=None
        )
        == 2
    )


def test_rung_whose_neighbour_finds_something_else_is_no_equal() -> None:
    evidence = told(Evidence(4, reach=1, tolerance=TOLERANCE), {(3, 2): [QUARTERS]})
    assert evidence.preferred(range(4), stable=STABLE, in_force=None) == 2
    assert evidence.stability_R.tolist() == [1.0] * 4


def test_without_reach_the_neighbours_are_not_asked() -> None:
    alone = Evidence(4, reach=0, tolerance=TOLERANCE)
    assert [list(alone.asked(rung)) for rung in range(4)] == [[0], [1], [2], [3]]
    told(alone, {}).learn(3, 2, HALVES, [QUARTERS], memory=1.0)
    assert alone.preferred(range(4), stable=STABLE, in_force=None) == 3


def test_neighbours_alone_make_no_split_stable() -> None:
    own = {(rung, rung): [QUARTERS] for rung in range(3)}
    assert (
        told(Evidence(3, reach=1, tolerance=TOLERANCE), own).preferred(
            range(3), stable=STABLE, in_force=None
        )
        is None
    )


def test_single_community_is_stable_and_no_evidence() -> None:
    evidence = Evidence(2, reach=1, tolerance=TOLERANCE)
    for rung in range(2):
        for beside in evidence.asked(rung):
            evidence.learn(rung, beside, WHOLE, [WHOLE], memory=1.0)
    assert evidence.stability_R.tolist() == [1.0, 1.0]
    assert evidence.preferred(range(2), stable=STABLE, in_force=None) is None


def test_draws_are_averaged_and_later_ones_remembered_in_part() -> None:
    evidence = Evidence(1, reach=1, tolerance=TOLERANCE)
    evidence.learn(0, 0, HALVES, [HALVES, WHOLE], memory=1.0)
    assert evidence.stability_R[0] == 0.5
    evidence.learn(0, 0, HALVES, [HALVES], memory=0.5)
    assert evidence.stability_R[0] == 0.75


@pytest.mark.parametrize(
    ("behind", "free", "held"),
    [(TOLERANCE - 0.005, 1, 1), (TOLERANCE + 0.005, 0, 1), (TOLERANCE + HOLD + 0.005, 0, 0)],
)
def test_rung_in_force_may_fall_farther_behind(behind: float, free: int, held: int) -> None:
    evidence = Evidence(2, reach=1, tolerance=TOLERANCE)
    state = {"splits": [[1.0, 1.0], [1.0, 1.0 - 2.0 * behind]], "stability": [1.0, 1.0]}
    evidence.restore(state)
    assert evidence.preferred(range(2), stable=STABLE, in_force=None) == free
    assert evidence.preferred(range(2), stable=STABLE, in_force=1) == held


@given(st.lists(st.floats(0.0, 1.0), min_size=9, max_size=9), st.floats(0.5, 0.95))
def test_preferred_rung_is_stable_and_what_is_remembered_prefers_it_too(
    values: list[float], stable: float
) -> None:
    evidence = Evidence(3, reach=1, tolerance=TOLERANCE)
    splits = np.reshape(values, (3, 3)).tolist()
    evidence.restore({"splits": splits, "stability": [1.0, 1.0, 1.0]})
    preferred = evidence.preferred(range(3), stable=stable, in_force=None)
    own = [splits[rung][rung] for rung in range(3)]
    assert (preferred is None) == (max(own) < stable)
    if preferred is not None:
        assert own[preferred] >= stable - HOLD
    again = Evidence(3, reach=1, tolerance=TOLERANCE)
    again.restore(json.loads(json.dumps(evidence.state())))
    assert again.preferred(range(3), stable=stable, in_force=None) == preferred


@pytest.mark.parametrize(
    "state",
    [
        {"splits": [[1.0]], "stability": [1.0, 1.0]},
        {"splits": [[1.0, 1.0], [1.0, 1.0]], "stability": [1.0]},
        {"splits": [[1.0, 1.0], [1.0, 1.0]], "stability": ["much", 1.0]},
    ],
)
def test_evidence_of_another_ladder_is_refused_whole(state: dict[str, object]) -> None:
    evidence = told(Evidence(2, reach=1, tolerance=TOLERANCE), {})
    with pytest.raises(ValueError, match=r"ladder|float"):
        evidence.restore(state)
    assert evidence.preferred(range(2), stable=STABLE, in_force=None) == 1
