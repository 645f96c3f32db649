"""Numbers that belong to a place."""

import numpy as np

from scopeside.twin.hashing import uniform


def test_a_place_has_the_same_number_in_every_company():
    alone = uniform(3, 7, -5, 12)
    among = uniform(3, 7, np.arange(-9, 9)[None, :], np.arange(0, 20)[:, None])

    assert among[12, 4] == alone


def test_numbers_are_even_and_without_relation_to_their_neighbours():
    numbers = uniform(1, 2, np.arange(200)[None, :], np.arange(200)[:, None])

    assert abs(numbers.mean() - 0.5) < 0.01
    assert abs(numbers.var() - 1 / 12) < 0.002
    assert abs(np.corrcoef(numbers[:, 1:].ravel(), numbers[:, :-1].ravel())[0, 1]) < 0.02


def test_seed_use_and_both_coordinates_matter():
    numbers = [uniform(*key) for key in ((1, 2, 3, 4), (2, 2, 3, 4), (1, 3, 3, 4), (1, 2, 4, 3))]

    assert len({float(number) for number in numbers}) == 4
