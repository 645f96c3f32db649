"""Ranges of numbers: against a plain set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scopeside.stages.number_ranges import NumberRanges

LOW_AND_HIGH = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted)


@given(st.lists(st.integers(0, 30) | LOW_AND_HIGH, max_size=40), LOW_AND_HIGH)
def test_agrees_with_a_set(steps: list[int | list[int]], asked: list[int]) -> None:
    ranges, plain = NumberRanges(), set[int]()
    for step in steps:
        if isinstance(step, int):
            assert ranges.discard(step) is (step in plain)
            plain.discard(step)
        else:
            for low, high in list(ranges.outside(*step)):
                ranges.add(low, high)
            plain |= set(range(step[0], step[1] + 1))
        assert {number for number in range(32) if number in ranges} == plain
        assert len(ranges) == sum(number - 1 not in plain for number in plain)
    outside = [set(range(low, high + 1)) for low, high in ranges.outside(*asked)]
    assert set().union(*outside) == set(range(asked[0], asked[1] + 1)) - plain
    assert sum(map(len, outside)) == len(set().union(*outside))
    if plain:
        assert ranges.lowest == min(plain)


def test_the_lowest_and_the_highest_range_can_be_taken_out() -> None:
    ranges = NumberRanges()
    for low, high in ((7, 7), (1, 3), (10, 12)):
        ranges.add(low, high)
    ranges.add(9, 8)
    assert (ranges.pop(0), ranges.pop(-1)) == ((1, 3), (10, 12))
    assert (len(ranges), 7 in ranges) == (1, True)
