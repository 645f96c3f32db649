import pytest

from scopeside.bench.ledger import Arrival, Sent, answered
from scopeside.client.result import ResultTiming

OFFSET_NS = 1_700_000_000_000_000_000


def wall_ns(monotonic_s):
    return OFFSET_NS + round(1e9 * monotonic_s)


def arrival(number, *, received_s, published_s, at_s, stages=None, end_to_end_s=None):
    return Arrival(
        number=number,
        at_s=at_s,
        timing=ResultTiming(
            t_received_ns=wall_ns(received_s),
            t_published_ns=wall_ns(published_s),
            stages_s=stages or {},
            service_s=published_s - received_s,
            end_to_end_s=end_to_end_s,
            uncertainty_s=None,
        ),
    )


def test_a_response_begins_when_the_frame_was_due_and_its_parts_add_up():
    sent = [Sent(number=4, due_s=10.0, sent_s=10.25)]
    came = [
        arrival(
            4,
            received_s=10.5,
            published_s=11.5,
            at_s=11.75,
            stages={"embed": 0.75, "encode": 0.125},
            end_to_end_s=1.5,
        )
    ]
    (way,) = answered(sent, came, wall_minus_monotonic_ns=OFFSET_NS)
    assert way.total == pytest.approx(
        {
            "response": 1.75,
            "send lateness": 0.25,
            "handover": 0.25,
            "service": 1.0,
            "waiting": 0.125,
            "delivery": 0.25,
            "end to end": 1.5,
        }
    )
    parts = [way.total[name] for name in ("send lateness", "handover", "service", "delivery")]
    assert sum(parts) == pytest.approx(way.total["response"])
    assert way.stages == {"embed": 0.75, "encode": 0.125}


def test_a_stall_is_seen_by_every_frame_that_was_due_in_it():
    """The load was held up for a second and then sent what was due: from its own sending each
    frame but the first took 10 ms, from its due time up to a second."""
    due_s = [0.1 * number for number in range(11)]
    sent = [
        Sent(number=number, due_s=due, sent_s=0.0 if number == 0 else 1.0)
        for number, due in enumerate(due_s)
    ]
    came = [
        arrival(number, received_s=1.0, published_s=1.01, at_s=1.01) for number in range(len(sent))
    ]
    ways = list(answered(sent, came, wall_minus_monotonic_ns=OFFSET_NS))
    assert [way.total["response"] for way in ways] == pytest.approx([1.01 - due for due in due_s])


def test_frames_without_an_answer_and_answers_without_a_frame_have_no_durations():
    sent = [Sent(number=n, due_s=n, sent_s=n) for n in (1, 2, 3)]
    came = [arrival(n, received_s=n, published_s=n, at_s=n) for n in (3, 0, 1)]
    ways = answered(sent, came, wall_minus_monotonic_ns=OFFSET_NS)
    assert [way.number for way in ways] == [1, 3]


def test_without_a_common_clock_there_is_no_end_to_end():
    sent = [Sent(number=0, due_s=0.0, sent_s=0.0)]
    came = [arrival(0, received_s=0, published_s=0, at_s=0)]
    (way,) = answered(sent, came, wall_minus_monotonic_ns=OFFSET_NS)
    assert "end to end" not in way.total
