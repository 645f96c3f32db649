"""Faults on purpose: what is counted is what is sent."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.errors import ConfigError, DropError
from scopeside.settings import LimitSettings
from scopeside.testing.faults import Fault, FaultInjector, Style, parse_faults
from scopeside.wire.native import decode_message


def sent(shares: dict[Fault, float], frames: int, seed: int = 0):
    """The messages of a run whose encoder writes down the number and the style."""
    injector = FaultInjector(shares, seed=seed)
    messages = []
    for number in range(frames):

        def encode(style: Style, number: int = number):
            return [b"frame", (number, style), bytes(100)]

        messages += injector.messages(number, encode)
    return messages + injector.flush(), injector.injected


def frames_of(messages):
    return [
        message[1][0]
        for message in messages
        if message[0] == b"frame" and not message[1][1].late_series
    ]


def test_without_faults_every_frame_is_sent_once_in_order():
    messages, injected = sent({}, 20)
    assert frames_of(messages) == list(range(20))
    assert not injected


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 1.0))
def test_gaps_skip_numbers_and_are_counted(seed, share):
    messages, injected = sent({Fault.GAP: share}, 30, seed)
    assert len(frames_of(messages)) == 30 - injected[Fault.GAP]
    assert frames_of(messages) == sorted(set(frames_of(messages)))


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 1.0))
def test_duplicates_are_sent_twice_and_counted(seed, share):
    messages, injected = sent({Fault.DUPLICATE: share}, 30, seed)
    counts = Counter(frames_of(messages))
    assert set(counts) == set(range(30))
    assert sum(counts.values()) - 30 == injected[Fault.DUPLICATE]


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 1.0))
def test_every_counted_reordering_is_one_step_back_on_the_wire(seed, share):
    messages, injected = sent({Fault.REORDER: share}, 30, seed)
    order = frames_of(messages)
    assert sorted(order) == list(range(30))
    backward = sum(later < earlier for earlier, later in itertools.pairwise(order))
    assert backward == injected[Fault.REORDER]


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 1.0))
def test_bursts_hold_frames_back_in_order_and_lose_none(seed, share):
    injector = FaultInjector({Fault.BURST: share}, seed=seed)
    batches = [
        injector.messages(number, lambda style, number=number: [b"frame", (number, style)])
        for number in range(30)
    ]
    batches.append(injector.flush())
    assert [n for batch in batches for n in frames_of(batch)] == list(range(30))
    assert sum(len(batch) > 1 for batch in batches[:-1]) == injector.injected[Fault.BURST]


@given(
    seed=st.integers(0, 1000),
    shares=st.dictionaries(st.sampled_from(list(Fault)), st.floats(0.0, 1.0)),
)
def test_all_faults_together_account_for_every_message(seed, shares):
    messages, injected = sent(shares, 25, seed)
    late = [m for m in messages if m[0] == b"frame" and m[1][1].late_series]
    garbage = [m for m in messages if m[0] != b"frame"]
    mine = [m for m in messages if m[0] == b"frame" and not m[1][1].late_series]
    assert len(late) == injected[Fault.LATE_SERIES]
    assert len(garbage) == injected[Fault.GARBAGE]
    assert len(mine) == 25 - injected[Fault.GAP] + injected[Fault.DUPLICATE]
    assert sum(len(m[-1]) < 50 for m in mine) == injected[Fault.TRUNCATE]
    styles = {m[1] for m in mine}
    assert sum(style.big_endian for _, style in styles) == injected[Fault.BIG_ENDIAN]
    assert sum(style.codec == "lz4" for _, style in styles) == injected[Fault.LZ4]
    assert sum(style.codec == "zstd" for _, style in styles) == injected[Fault.ZSTD]


@given(seed=st.integers(0, 1000))
def test_the_same_seed_injects_the_same_faults(seed):
    shares = dict.fromkeys(Fault, 0.3)
    assert sent(shares, 20, seed)[0] == sent(shares, 20, seed)[0]


@given(seed=st.integers(0, 1000))
def test_garbage_is_malformed_but_reaches_subscribers_by_topic(seed):
    messages, _ = sent({Fault.GARBAGE: 1.0, Fault.GAP: 1.0}, 10, seed)
    assert len(messages) == 10
    for message in messages:
        assert bytes(message[0]).startswith(
            (b"scopeside.start", b"scopeside.frame", b"scopeside.end")
        )
        with pytest.raises(DropError):
            decode_message(message, LimitSettings())


@pytest.mark.parametrize(
    ("spec", "shares"),
    [
        ("", {}),
        ("gap=0.25", {Fault.GAP: 0.25}),
        ("duplicate=20, lz4", {Fault.DUPLICATE: 0.05, Fault.LZ4: 1.0}),
        ("late-series=1", {Fault.LATE_SERIES: 1.0}),
    ],
)
def test_a_spec_names_faults_and_how_often(spec, shares):
    assert parse_faults(spec) == pytest.approx(shares)


@pytest.mark.parametrize("spec", ["gpa=0.1", "gap=-1", "gap=much", "gap=1.5", "gap=nan"])
def test_a_spec_that_makes_no_sense_is_refused_in_one_sentence(spec):
    with pytest.raises(ConfigError) as refusal:
        parse_faults(spec)
    assert "gap" in str(refusal.value)
    assert "\n" not in str(refusal.value)
