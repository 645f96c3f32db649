"""Frame numbers: against the plain way of remembering every one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scopeside.stages.numbers import MAX_GAPS, MAX_NUMBER, Arrival, FrameNumbers


@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=80),
    st.none() | st.integers(0, 60),
)
def test_agrees_with_remembering_every_number(
    started: bool, frames: list[tuple[int, bool]], announced: int | None
) -> None:
    kept = FrameNumbers(0 if started else None)
    good: set[int] = set()
    rejected: set[int] = set()
    for number, intact in frames:
        if intact:
            expected = (
                Arrival.DUPLICATE
                if number in good
                else Arrival.NEW
                if number > max(good, default=-1)
                else Arrival.LATE
            )
            assert kept.arrive(number) is expected
            good.add(number)
        else:
            kept.reject(number)
            rejected.add(number)
        first = 0 if started else min(good, default=0)
        assert kept.missing == len(set(range(first, max(good, default=-1) + 1)) - good - rejected)
    if announced is not None:
        gaps = kept.missing
        kept.announce(announced)
        assert kept.missing == max(gaps, announced - len(good | rejected))


def test_a_damaged_number_however_large_moves_nothing() -> None:
    numbers = FrameNumbers(0)
    assert numbers.arrive(0) is Arrival.NEW
    for absurd in (2**40, MAX_NUMBER):
        numbers.reject(absurd)
        assert numbers.missing == 0
    assert [numbers.arrive(number) for number in (1, 2)] == [Arrival.NEW] * 2
    assert numbers.missing == 0


def test_first_good_copy_of_a_damaged_frame_is_new_while_nothing_followed_it() -> None:
    numbers = FrameNumbers(0)
    for number in (0, 1):
        numbers.reject(number)
        assert numbers.arrive(number) is Arrival.NEW
        assert numbers.arrive(number) is Arrival.DUPLICATE
    numbers.reject(2)
    assert numbers.arrive(3) is Arrival.NEW
    assert numbers.arrive(2) is Arrival.LATE
    assert numbers.arrive(2) is Arrival.DUPLICATE
    assert numbers.missing == 0


def test_memory_stays_bounded_however_many_gaps_there_are() -> None:
    numbers = FrameNumbers(0)
    frames = 4 * MAX_GAPS
    for number in range(1, 2 * frames, 2):
        assert numbers.arrive(number) is Arrival.NEW
    assert numbers.missing == frames
    assert numbers.ranges == MAX_GAPS
    assert numbers.arrive(2 * frames - 2) is Arrival.LATE
    assert numbers.missing == frames - 1
    # Written off: it is late like any other, but its gap can no longer be closed.
    assert numbers.arrive(0) is Arrival.LATE
    assert numbers.missing == frames - 1


def test_memory_stays_bounded_however_many_frames_are_rejected() -> None:
    numbers = FrameNumbers(0)
    for number in range(4 * MAX_GAPS):
        numbers.reject(MAX_NUMBER - 2 * number)
    assert numbers.ranges == MAX_GAPS
    # The runs remembered are those nearest ahead, so that a sane one still finds room.
    numbers.reject(1)
    assert [numbers.arrive(number) for number in (0, 2)] == [Arrival.NEW] * 2
    assert (numbers.ranges, numbers.missing) == (MAX_GAPS, 0)


def test_what_was_passed_makes_room_for_what_is_rejected_now() -> None:
    numbers = FrameNumbers(0)
    for number in range(0, 4 * MAX_GAPS, 2):
        assert numbers.arrive(number) is Arrival.NEW
        numbers.reject(number + 1)
        assert numbers.missing == 0
    assert numbers.ranges == MAX_GAPS


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
