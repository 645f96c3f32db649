"""When every frame of a step was due, sent and answered; what the durations are made from.

All durations begin when a frame was *due*, not when it was sent: a load that waits for a stalled
service sends late, and what it measured from its own late sending would hide the stall
("coordinated omission", G. Tene, "How NOT to Measure Latency", 2013).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scopeside.client.result import ResultTiming

RESPONSE, END_TO_END, SERVICE = "response", "end to end", "service"
LATENESS, HANDOVER, WAITING, DELIVERY = "send lateness", "handover", "waiting", "delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One frame that was sent: when it was due and when it went, by the monotonic clock."""

    number: int
    due_s: float
    sent_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One result in the listener's hands, by the monotonic clock, before it was decoded."""

    number: int
    at_s: float
    timing: ResultTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One frame's way: durations in seconds by name, and its place in the step."""

    number: int
    due_s: float
    total: dict[str, float]
    stages: dict[str, float] = field(default_factory=dict)


def answered(
    sent: Sequence[Sent], arrivals: Sequence[Arrival], *, wall_minus_monotonic_ns: int
) -> Iterator[Answered]:
    """Yield every sent frame that was answered, in order.

    `response` is due to arrival; it is the sum of `send lateness`, `handover` (sent to received),
    `service` (received to published) and `delivery` (published to arrival). `waiting` is what of
    `service` no stage accounts for. `end to end` is what the service says of the same frame.
    """
    by_number = {arrival.number: arrival for arrival in arrivals}
    for one in sent:
        arrival = by_number.get(one.number)
        if arrival is None:
            continue
        timing = arrival.timing
        received_s = (timing.t_received_ns - wall_minus_monotonic_ns) / 1e9
        published_s = (timing.t_published_ns - wall_minus_monotonic_ns) / 1e9
        stages = dict(timing.stages_s)
        total = {
            RESPONSE: arrival.at_s - one.due_s,
            SERVICE: timing.service_s,
            LATENESS: one.sent_s - one.due_s,
            HANDOVER: received_s - one.sent_s,
            WAITING: timing.service_s - sum(stages.values()),
            DELIVERY: arrival.at_s - published_s,
        }
        if timing.end_to_end_s is not None:
            total[END_TO_END] = timing.end_to_end_s
        yield Answered(number=one.number, due_s=one.due_s, total=total, stages=stages)
