"""When items are due, for every pace; no clock is involved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.errors import ConfigError
from scopeside.recording.layout import Kind
from scopeside.replaying.item import Item
from scopeside.replaying.pace import Pace


def item(kind: Kind = Kind.FRAME, at_s: float | None = None) -> Item:
    return Item(encode=lambda _ns: [], at_s=at_s, kind=kind, series="s")


def stream(*at_s: float) -> list[Item]:
    """A start, frames that came at these times, and an end."""
    frames = [item(at_s=one) for one in at_s]
    return [item(Kind.START, at_s[0]), *frames, item(Kind.END, at_s[-1])]


def dues(pace: Pace, items) -> list[float | None]:
    scheduled = list(pace.schedule(iter(items)))
    assert [one for one, _ in scheduled] == list(items)
    return [due_s for _, due_s in scheduled]


def test_as_recorded_and_three_times_as_fast():
    items = stream(0.0, 0.1, 0.5)
    assert dues(Pace(speed=1.0), items) == [0.0, 0.0, 0.1, 0.5, 0.5]
    assert dues(Pace(speed=2.0), items) == [0.0, 0.0, 0.05, 0.25, 0.25]


def test_a_rate_paces_frames_and_lets_the_rest_go_with_them():
    assert dues(Pace(rate_hz=4.0), stream(0.0, 9.0, 10.0)) == [None, 0.0, 0.25, 0.5, None]


def test_at_once_is_on_no_schedule():
    assert dues(Pace(), stream(0.0, 9.0)) == [None] * 4


@pytest.mark.parametrize("model", ["normal", "uniform", "exponential"])
def test_jitter_moves_frames_by_its_model_and_keeps_their_order(model):
    pace = Pace(rate_hz=1.0, jitter_s=0.01, jitter=model, seed=3)
    items = [item() for _ in range(4000)]
    moved_s = np.array(dues(pace, items)) - np.arange(4000)
    assert np.all(np.diff(moved_s + np.arange(4000)) >= 0)
    if model == "normal":
        assert moved_s[1:].std() == pytest.approx(0.01, rel=0.1)
        assert abs(moved_s.mean()) < 0.001
    elif model == "uniform":
        assert abs(moved_s).max() <= 0.01
        assert moved_s[1:].std() == pytest.approx(0.01 / np.sqrt(3), rel=0.1)
    else:
        assert moved_s.min() >= 0
        assert moved_s.mean() == pytest.approx(0.01, rel=0.1)


def test_the_same_seed_gives_the_same_jitter_and_another_another():
    items = [item() for _ in range(20)]
    first, again, other = (
        dues(Pace(rate_hz=9.0, jitter_s=0.02, seed=seed), items) for seed in (1, 1, 2)
    )
    assert first == again != other


@given(
    jitter_s=st.floats(0.0, 3.0),
    burst=st.integers(1, 5),
    gaps_s=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=20),
)
def test_times_never_run_back_and_no_item_is_lost(jitter_s, burst, gaps_s):
    items = stream(*np.cumsum(gaps_s).tolist())
    found = dues(Pace(speed=1.5, jitter_s=jitter_s, burst=burst), items)
    assert found == sorted(found)


def test_a_burst_goes_when_its_last_frame_is_due():
    items = [item() for _ in range(7)]
    found = dues(Pace(rate_hz=10.0, burst=3), items)
    assert found == pytest.approx([0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 0.6])


def test_a_burst_does_not_reach_across_the_end_of_a_series():
    found = dues(Pace(speed=1.0, burst=3), [*stream(0.0, 1.0), *stream(2.0, 3.0)])
    assert found == [0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_what_contradicts_itself_is_refused():
    with pytest.raises(ConfigError, match="not both"):
        Pace(speed=1.0, rate_hz=1.0)
    with pytest.raises(ConfigError, match="need a schedule"):
        Pace(jitter_s=0.1)
    with pytest.raises(ConfigError, match="need a schedule"):
        Pace(burst=2)


def test_the_mean_period_follows_the_pace():
    assert Pace(rate_hz=4.0).period_s(9.0) == 0.25
    assert Pace(speed=2.0).period_s(9.0) == 4.5
    assert Pace(speed=2.0).period_s(None) is None
    assert Pace().period_s(9.0) is None
