from __future__ import annotations

import numpy as np

from quality.streams import ids_kept, stability


def split(column: int, left: int = 1, right: int = 2) -> np.ndarray:
    return np.where(np.arange(40) < column, left, right) * np.ones((40, 1), dtype=np.uint16)


def test_regions_that_stay_and_keep_their_ids():
    assert ids_kept(split(20), split(20))
    assert ids_kept(split(20), split(23))


def test_an_id_that_changes_where_nothing_moved_is_noticed():
    assert not ids_kept(split(20), split(20, right=3))
    assert not ids_kept(split(20), split(20, left=2, right=1))


def test_what_moved_away_or_is_very_small_is_not_held_against_the_ids():
    columns = np.arange(40)
    across = np.where((columns >= 10) & (columns < 30), 5, 2) * np.ones((40, 1), dtype=np.uint16)
    assert ids_kept(split(20), across)
    dust = split(20).copy()
    dust[:3, :3] = 7
    assert ids_kept(dust, split(20))


def test_agreement_of_the_partition_asks_no_id():
    found = stability([split(20), split(20, left=8, right=9)])
    assert found == {"ids_constant": 0.0, "same_id": 0.0, "ari": 1.0}
    still = stability([split(20)] * 3)
    assert still == {"ids_constant": 1.0, "same_id": 1.0, "ari": 1.0}
