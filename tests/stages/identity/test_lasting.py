"""Ids that were joined into others stay on the chips that still look like them."""

from __future__ import annotations

import numpy as np
import pytest

from scopeside.messages import Float32, Int64
from scopeside.prototypes import prototypes_of
from scopeside.stages.identity.gallery import Gallery
from scopeside.stages.identity.lasting import LASTING_SHARE, LEAST_CHIPS, lasting

ONE, OTHER = 1, 2
CHIPS = 20
BEFORE_N = np.repeat(np.array([ONE, OTHER]), CHIPS // 2)
JOINED_N = np.full(CHIPS, ONE)


def looks(materials_N: Int64) -> Float32:
    """Embeddings of two materials, far from unit length: material 1 along one axis, 2 the other."""
    random = np.random.default_rng(0)
    values_ND = random.uniform(0.0, 0.2, (len(materials_N), 6))
    values_ND[np.arange(len(materials_N)), materials_N - 1] += 1.0
    return (values_ND * random.uniform(0.1, 30.0, (len(materials_N), 1))).astype(np.float32)


@pytest.fixture
def gallery() -> Gallery:
    known = Gallery()
    prototypes = prototypes_of(looks(BEFORE_N), BEFORE_N - 1)
    for row in range(2):
        known.add(prototypes, row, frame=0)
    return known


def test_chips_that_still_look_like_a_lost_id_keep_it(gallery: Gallery) -> None:
    kept_N = lasting(BEFORE_N, JOINED_N, looks(BEFORE_N), gallery)
    assert kept_N.tolist() == BEFORE_N.tolist()
    assert JOINED_N.tolist() == [ONE] * CHIPS


def test_an_id_whose_chips_all_changed_is_gone(gallery: Gallery) -> None:
    kept_N = lasting(BEFORE_N, JOINED_N, looks(JOINED_N), gallery)
    assert kept_N.tolist() == JOINED_N.tolist()


def test_chips_that_changed_are_not_given_back(gallery: Gallery) -> None:
    now_N = BEFORE_N.copy()
    now_N[-4:] = ONE
    assert lasting(BEFORE_N, JOINED_N, looks(now_N), gallery).tolist() == now_N.tolist()


@pytest.mark.parametrize("left", range(CHIPS // 2 + 1))
def test_an_id_lasts_on_no_fewer_chips_than_its_share_and_a_community(
    gallery: Gallery, left: int
) -> None:
    now_N = JOINED_N.copy()
    now_N[CHIPS - left :] = OTHER
    lasts = left >= max(LEAST_CHIPS, LASTING_SHARE * CHIPS / 2)
    expected_N = now_N if lasts else JOINED_N
    assert lasting(BEFORE_N, JOINED_N, looks(now_N), gallery).tolist() == expected_N.tolist()


def test_an_id_that_is_still_in_the_frame_takes_no_chips_back(gallery: Gallery) -> None:
    ids_N = BEFORE_N.copy()
    ids_N[CHIPS // 2 : CHIPS // 2 + 5] = ONE
    assert lasting(BEFORE_N, ids_N, looks(BEFORE_N), gallery).tolist() == ids_N.tolist()


def test_a_chip_stays_with_what_it_was_never_part_of_however_it_looks(gallery: Gallery) -> None:
    before_N = BEFORE_N.copy()
    before_N[CHIPS // 2] = ONE
    kept_N = lasting(before_N, JOINED_N, looks(BEFORE_N), gallery)
    assert kept_N.tolist() == before_N.tolist()


def test_an_id_that_was_forgotten_is_not_given_back() -> None:
    kept_N = lasting(BEFORE_N, JOINED_N, looks(BEFORE_N), Gallery())
    assert kept_N.tolist() == JOINED_N.tolist()


def test_chips_without_any_embedding_are_left_alone(gallery: Gallery) -> None:
    kept_N = lasting(BEFORE_N, JOINED_N, np.zeros((CHIPS, 6), np.float32), gallery)
    assert set(kept_N.tolist()) <= {ONE, OTHER}
