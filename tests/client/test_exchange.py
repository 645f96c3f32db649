import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.client.exchange import ClockOffset, Exchange, estimate

ways_ns = st.integers(0, 10**9)


def exchanged(*, true_ns, there_ns, back_ns, at_ns=10**18, stay_ns=1000):
    """An exchange with a service whose clock is `true_ns` ahead, and its ways there and back."""
    received_ns = at_ns + there_ns
    return Exchange(
        t0_ns=at_ns,
        t1_ns=received_ns + true_ns,
        t2_ns=received_ns + stay_ns + true_ns,
        t3_ns=received_ns + stay_ns + back_ns,
    )


@given(
    st.integers(-(10**15), 10**15), st.lists(st.tuples(ways_ns, ways_ns), min_size=1, max_size=40)
)
def test_the_true_offset_is_never_farther_than_the_uncertainty(true_ns, ways):
    exchanges = [exchanged(true_ns=true_ns, there_ns=a, back_ns=b) for a, b in ways]
    found = estimate(exchanges, resolution_ns=0)
    assert abs(found.offset_ns - true_ns) <= found.uncertainty_ns


def test_exchanges_with_a_long_way_do_not_count():
    good = [exchanged(true_ns=5000, there_ns=100 + n, back_ns=100) for n in range(4)]
    slow = [exchanged(true_ns=5000, there_ns=10**8, back_ns=100) for _ in range(12)]
    found = estimate(slow + good, resolution_ns=0)
    assert abs(found.offset_ns - 5000) <= 2
    assert found.uncertainty_ns < 110


def test_one_exchange_that_lies_among_the_best_does_not_move_the_median():
    good = [exchanged(true_ns=5000, there_ns=100, back_ns=100) for _ in range(4)]
    wrong = Exchange(t0_ns=0, t1_ns=10**9, t2_ns=10**9, t3_ns=0)  # a clock set between two stamps
    found = estimate([wrong, *good, *[exchanged(true_ns=5000, there_ns=900, back_ns=9)] * 7])
    assert abs(found.offset_ns - 5000) <= found.uncertainty_ns
    assert abs(found.offset_ns - 5000) < 10


def test_the_resolution_of_our_own_clock_is_part_of_the_uncertainty():
    one = exchanged(true_ns=0, there_ns=10, back_ns=10)
    coarse, fine = (estimate([one], resolution_ns=ns).uncertainty_ns for ns in (15_600_000, 0))
    assert coarse - fine == 15_600_000


def test_an_estimate_grows_less_certain_with_its_age():
    known = ClockOffset(offset_ns=7, uncertainty_ns=1000)
    assert known.aged(0.0) == known
    assert known.aged(10.0) == ClockOffset(offset_ns=7, uncertainty_ns=301_000)


def test_no_exchange_is_no_estimate():
    with pytest.raises(ValueError, match="no exchange"):
        estimate([])
