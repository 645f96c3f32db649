"""Triggers, against a plain statement of what they promise."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scopeside.rule_settings import rule_from
from scopeside.steering.readings import Reading
from scopeside.steering.trigger import Trigger, triggers_of
from scopeside.steering.watch import Watch

# Eighths are exact in binary: a sum is what it looks like.
values = st.one_of(st.none(), st.integers(0, 8).map(lambda n: n / 8))
directions = st.sampled_from(["above", "below"])


def run(trigger, seen):
    """Indices of the values at which a trigger fires."""
    return [at for at, value in enumerate(seen) if trigger.see(value, at, ready=True)]


@given(st.lists(values, max_size=60), directions, st.integers(0, 3), st.integers(1, 4))
def test_it_fires_in_a_row_that_holds_and_never_twice_without_arming(
    seen, direction, eighths, for_frames
):
    threshold, hysteresis = 0.5, eighths / 8
    trigger = Trigger(
        direction, threshold, hysteresis=hysteresis, for_frames=for_frames, armed=True
    )
    fired = run(trigger, seen)
    sign = 1 if direction == "above" else -1
    holds = [value is not None and sign * (value - threshold) >= 0 for value in seen]
    clear = [
        value is not None and sign * (value - threshold) < -hysteresis and not held
        for value, held in zip(seen, holds, strict=True)
    ]
    for at in fired:
        assert all(holds[at - for_frames + 1 : at + 1])
        assert at >= for_frames - 1
    for one, next_ in pairwise(fired):
        assert any(clear[one:next_]), "it went back beyond the hysteresis in between"
    # And it fires whenever it may: armed at the beginning and after every clear value.
    armed, row = True, 0
    for at in range(len(seen)):
        row = row + 1 if holds[at] else 0
        armed = armed or clear[at]
        if armed and row >= for_frames:
            assert at in fired
            armed = False


@given(st.lists(values, max_size=60), st.integers(0, 3))
def test_crossings_alternate_and_the_beginning_is_none(seen, eighths):
    rule = rule_from({"name": "r", "watch": "fraction", "crosses": 0.5, "hysteresis": eighths / 8})
    triggers = triggers_of(rule, begun=False)
    crossings = []
    for at, value in enumerate(seen):
        for trigger in triggers:
            fired = trigger.see(value, at, ready=True)
            if fired:
                crossings.append((at, fired.direction))
    measured = [value for value in seen if value is not None]
    if eighths == 0:
        high = [value >= 0.5 for value in measured]
        expected = ["above" if now else "below" for was, now in pairwise(high) if was != now]
        assert [direction for _, direction in crossings] == expected
    elif measured:
        assert all(direction in ("above", "below") for _, direction in crossings)
        first = next(at for at, value in enumerate(seen) if value is not None)
        assert all(at != first for at, _ in crossings)


def test_hysteresis_keeps_a_noisy_figure_from_firing_again():
    trigger = Trigger("above", 0.5, hysteresis=0.1, for_frames=1, armed=True)
    assert run(trigger, [0.4, 0.5, 0.45, 0.5, 0.41, 0.6, 0.39, 0.5]) == [1, 7]


def test_a_gap_breaks_a_row_and_arms_nothing():
    trigger = Trigger("above", 0.5, hysteresis=0.0, for_frames=2, armed=True)
    assert run(trigger, [0.6, None, 0.6, 0.6, None, None, 0.7, 0.7]) == [3]


def test_it_tells_since_when_the_condition_holds():
    trigger = Trigger("below", 0.5, hysteresis=0.0, for_frames=3, armed=True)
    fired = [trigger.see(value, at, ready=True) for at, value in enumerate([0.9, 0.4, 0.3, 0.2])]
    assert fired[:3] == [None] * 3
    assert (fired[3].since, fired[3].value, fired[3].direction) == (1, 0.2, "below")


def watch(**fields):
    return Watch(rule_from({"name": "r", "watch": "fraction", "above": 0.5} | fields))


def seconds(follower, seen, *, subject=1):
    """Seconds at which a watch fires, with a value a second."""
    fired = []
    for at_s, value in enumerate(seen):
        reading = Reading(subject=subject, value=value)
        fired += [at_s for _ in follower.see((reading,), None, at_s=float(at_s))]
    return fired


@given(st.lists(values, max_size=60), st.integers(0, 8), st.booleans())
def test_alarms_keep_the_hold_off_and_once_is_once(seen, hold_off_s, repeat):
    fired = seconds(watch(hold_off_s=float(hold_off_s), repeat=repeat), seen)
    assert all(later - one >= max(1, hold_off_s) for one, later in pairwise(fired))
    if not repeat:
        assert len(fired) <= 1


def test_what_holds_when_the_hold_off_ends_fires_then():
    assert seconds(watch(hold_off_s=4.0), [0.6, 0.1, 0.6, 0.6, 0.6, 0.6]) == [0, 4]
    assert seconds(watch(hold_off_s=4.0), [0.6, 0.1, 0.6, 0.1, 0.1, 0.1]) == [0]


def test_hold_off_and_once_are_the_rules_whichever_community_sets_it_off():
    both = (Reading(subject=1, value=0.6), Reading(subject=2, value=0.6))
    assert len(list(watch().see(both, None, at_s=0.0))) == 2
    assert len(list(watch(hold_off_s=1.0).see(both, None, at_s=0.0))) == 1
    once = watch(repeat=False)
    assert len(list(once.see(both, None, at_s=0.0))) == 1
    assert once.done


def test_a_new_series_arms_what_is_read_of_communities():
    follower = watch()
    assert seconds(follower, [0.6, 0.6]) == [0]
    follower.begin_series()
    assert seconds(follower, [0.6]) == [0]
