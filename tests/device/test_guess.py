"""What the card takes the ids to be follows from what is known, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from scopeside.device.guess import guess_ids, known_room
from scopeside.device.host_card import HostCard

ASKED, FEATURES, KEPT = 4, 6, 3
MEANS = np.eye(FEATURES, dtype=np.float32)


def guessed(known, labels_N, sums_KD):
    ids_N = torch.full((len(labels_N),), 99, dtype=torch.uint16)
    asked_A = torch.full((ASKED,), 99, dtype=torch.uint16)
    guess_ids(
        torch.tensor(labels_N, dtype=torch.int32),
        torch.from_numpy(np.asarray(sums_KD, np.float32)),
        known,
        ids_N=ids_N,
        asked_A=asked_A,
    )
    return ids_N.tolist(), asked_A.tolist()


def room(ids, means):
    known = known_room(ASKED, FEATURES, HostCard())
    # What was known before leaves nothing behind.
    known.send(np.array([7, 8, 9, 10]), 0.1 * MEANS[:4])
    told = known.send(np.array(ids, np.int64), np.asarray(means, np.float32))
    assert told.tolist() == ids + [0] * (ASKED - len(ids))
    return known


def test_a_communitys_chips_wear_the_nearest_identity():
    known = room([3, 40_000], MEANS[[0, 1]])
    # By group: three chips near the second axis, two near the first, one between them.
    sums_KD = [3 * (0.9 * MEANS[1] + 0.1 * MEANS[2]), 2 * MEANS[0], 0.4 * MEANS[0] + 0.6 * MEANS[1]]
    ids, asked = guessed(known, [0, 1, 0, 2, 1, 0], sums_KD)
    assert ids == [40_000, 3, 40_000, 40_000, 3, 40_000]
    assert asked == [3, 40_000, 0, 0]


def test_means_are_compared_and_not_sums():
    # The longer of two prototypes would win over the nearer one if sums were multiplied with them.
    known = room([1, 2], [0.5 * MEANS[0], MEANS[0] + MEANS[1]])
    ids, _ = guessed(known, [0] * 9, [9 * 0.6 * MEANS[0], 0 * MEANS[0], 0 * MEANS[0]])
    assert ids == [1] * 9


def test_what_lies_in_places_that_are_left_over_is_nobody():
    ids, _ = guessed(room([5, 6], MEANS[[0, 1]]), [0], [0.1 * MEANS[2], MEANS[0], MEANS[0]])
    assert ids[0] in (5, 6)


def test_where_nothing_is_known_no_chip_gets_an_id():
    known = known_room(ASKED, FEATURES, HostCard())
    known.send(np.empty(0, np.int64), np.empty((0, 0), np.float32))
    assert guessed(known, [0, 1], np.ones((KEPT, FEATURES))) == ([0, 0], [0] * ASKED)


def test_communities_beyond_the_sums_are_guessed_like_the_last():
    known = room([5, 6], MEANS[[0, 1]])
    ids, _ = guessed(known, [0, 1, 2, 3, 8], [MEANS[0], MEANS[0], MEANS[1]])
    assert ids == [5, 5, 6, 6, 6]
