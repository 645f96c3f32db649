"""The same commands give the same frames."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.twin.makeup import Kind
from scopeside.twin.microscope import Microscope
from scopeside.twin.optics import Optics

nanometres = st.floats(-60.0, 60.0).map(lambda value: value * 1e-9)
commands = st.lists(
    st.one_of(
        st.tuples(st.just("move"), nanometres, nanometres),
        st.tuples(st.just("wait"), st.floats(0.0, 3.0)),
        st.tuples(st.just("fov"), st.sampled_from([13.7e-9, 30e-9, 55e-9])),
        st.tuples(st.just("beam"), st.sampled_from(["open", "shut", "exposing"])),
        st.tuples(st.just("expose")),
    ),
    max_size=6,
)


def carried_out(scope: Microscope, orders) -> list:
    frames = []
    for order, *values in [*orders, ("expose",)]:
        if order == "move":
            scope.move(*values)
        elif order == "wait":
            scope.wait(*values)
        elif order == "fov":
            (scope.fov_m,) = values
        elif order == "beam":
            (scope.beam,) = values
        else:
            frames.append(scope.expose())
    return frames


@settings(max_examples=15)
@given(commands, st.integers(0, 2**31), st.sampled_from(["mosaic", "film"]))
def test_the_same_commands_give_the_same_frames_and_truths(orders, seed, name):
    first, second = (
        carried_out(
            Microscope(specimen_name=name, seed=seed, optics=Optics(shape=(16, 24))), orders
        )
        for _ in range(2)
    )

    for one, other in zip(first, second, strict=True):
        assert one.counts_YX.tobytes() == other.counts_YX.tobytes()
        assert one.truth.kind_YX.tobytes() == other.truth.kind_YX.tobytes()
        assert (one.view, one.dose_e_per_m2, one.ended_s) == (
            other.view,
            other.dose_e_per_m2,
            other.ended_s,
        )


def test_the_clock_goes_on_by_dwell_and_readout():
    scope = Microscope(optics=Optics(shape=(16, 16)))
    ends = [scope.expose(0.3).ended_s for _ in range(3)]

    assert np.allclose(np.diff(ends), 0.3 + scope.optics.readout_s)
    assert ends[0] == 0.3


def test_numbers_count_up_and_noise_is_each_frames_own():
    scope = Microscope(optics=Optics(shape=(16, 16)), beam="shut")
    frames = [scope.expose() for _ in range(3)]

    assert [frame.number for frame in frames] == [0, 1, 2]
    assert not np.array_equal(frames[0].counts_YX, frames[1].counts_YX)


def test_the_truth_of_a_front_says_where_it_is():
    scope = Microscope(
        specimen_name="film", seed=2, optics=Optics(shape=(64, 64)), beam="exposing", fov_m=20e-9
    )
    seen = []
    for _ in range(14):
        scope.wait(0.8)
        seen.append(scope.expose().truth)

    ahead = [truth.front_ahead_m for truth in seen]
    assert ahead == sorted(ahead)
    assert seen[0].behind_front < seen[-1].behind_front
    for truth in seen:
        assert truth.behind_front == np.mean(truth.kind_YX == Kind.AMORPHOUS)
    middle = min(seen, key=lambda truth: abs(truth.front_ahead_m))
    assert 0.2 < middle.behind_front < 0.8
