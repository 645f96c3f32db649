"""Frame numbers: against the plain way of remembering every one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scopeside.stages.numbers import MAX_GAPS, MAX_NUMBER, Arrival, FrameNumbers


@given(st.booleans(), st.lists(st.integers(0, 40), max_size=80), st.none() | st.integers(0, 60))
def test_agrees_with_remembering_every_number(
    started: bool, numbers: list[int], announced: int | None
) -> None:
    kept = FrameNumbers(0 if started else None)
    seen: set[int] = set()
    highest = -1
    for number in numbers:
        expected = (
            Arrival.DUPLICATE
            if number in seen
            else Arrival.NEW
            if number > highest
            else Arrival.LATE
        )
        assert kept.arrive(number) is expected
        seen.add(number)
        highest = max(highest, number)
        first = 0 if started else min(seen)
        assert kept.missing == highest + 1 - first - len(seen)
    if announced is not None:
        gaps = kept.missing
        kept.announce(announced)
        assert kept.missing == max(gaps, announced - len(seen))


def test_memory_stays_bounded_however_many_gaps_there_are() -> None:
    numbers = FrameNumbers(0)
    frames = 4 * MAX_GAPS
    for number in range(1, 2 * frames, 2):
        assert numbers.arrive(number) is Arrival.NEW
    assert numbers.missing == frames
    assert numbers.gaps == MAX_GAPS
    assert numbers.arrive(2 * frames - 2) is Arrival.LATE
    assert numbers.missing == frames - 1
    # Written off: it is late like any other, but its gap can no longer be closed.
    assert numbers.arrive(0) is Arrival.LATE
    assert numbers.missing == frames - 1


def test_insane_numbers_are_counted_and_capped() -> None:
    numbers = FrameNumbers(0)
    assert numbers.arrive(MAX_NUMBER) is Arrival.NEW
    assert numbers.missing == MAX_NUMBER
    assert numbers.arrive(MAX_NUMBER) is Arrival.DUPLICATE
    assert numbers.arrive(2**62) is Arrival.LATE
    assert numbers.missing == MAX_NUMBER - 1
    numbers.announce(2**64)
    assert numbers.missing == MAX_NUMBER


def test_nothing_is_missing_before_anything_came() -> None:
    assert FrameNumbers(0).missing == 0
    assert FrameNumbers().missing == 0


def test_joining_in_the_middle_counts_from_there() -> None:
    numbers = FrameNumbers()
    assert numbers.arrive(100) is Arrival.NEW
    assert numbers.missing == 0
    assert numbers.arrive(103) is Arrival.NEW
    assert numbers.missing == 2
    assert numbers.arrive(98) is Arrival.LATE
    assert numbers.missing == 3
