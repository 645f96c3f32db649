"""Identities that outlast the process: the same ids, names and ages, or a clear refusal."""

import msgpack
import numpy as np
import pytest

from live import SMALL, two_phases
from scopeside.assembly import assemble, still_frame
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError
from scopeside.stages.embed.null import NullEmbedder
from scopeside.stages.identity.remembered import Remembered


def pipeline(*sets):
    return assemble(load_settings(sets=[*SMALL, *sets]), NullEmbedder())


def frames(count, *, begin=0, series="s"):
    return [
        still_frame(two_phases(seed=n), number=n, series=series)
        for n in range(begin, begin + count)
    ]


def through_bytes(state):
    return msgpack.unpackb(msgpack.packb(state))


def advancing(count):
    """A front that moves through the frame, so that phases come and go."""
    return [
        still_frame(two_phases(split=3 + 6 * n, seed=n), number=n, series="s") for n in range(count)
    ]


@pytest.mark.parametrize("stopped_after", range(1, 10))
def test_a_pipeline_goes_on_as_if_it_had_never_stopped(stopped_after):
    film = advancing(14)
    before = pipeline()
    for frame in film[:stopped_after]:
        before.segment(frame)
    before.tracker.set_name(1, "crystal")
    after = pipeline()
    after.memory.restore_identities(through_bytes(before.memory.identity_state()))
    assert after.memory.identity_state() == before.memory.identity_state()
    for frame in film[stopped_after:]:
        expected, found = before.segment(frame), after.segment(frame)
        assert found.identified.identities == expected.identified.identities
        assert found.identified.appeared == expected.identified.appeared
        assert found.identified.vanished == expected.identified.vanished
        assert np.array_equal(found.label_map.labels_YX, expected.label_map.labels_YX)
        assert found.graph == expected.graph


def test_names_and_ages_are_those_of_before():
    before = pipeline()
    for frame in frames(4):
        last = before.segment(frame)
    id_ = last.communities[0].identity.id
    before.tracker.set_name(id_, "crystal")
    after = pipeline()
    after.memory.restore_identities(through_bytes(before.memory.identity_state()))
    (frame,) = frames(1, begin=4)
    found = {one.id: one for one in after.segment(frame).identified.identities}
    assert (found[id_].name, found[id_].age) == ("crystal", 4)
    assert after.tracker.named("crystal") == (id_,)


def test_another_series_begins_anew_all_the_same():
    before = pipeline()
    for frame in frames(2):
        before.segment(frame)
    before.tracker.set_name(1, "crystal")
    after = pipeline()
    after.memory.restore_identities(before.memory.identity_state())
    (frame,) = frames(1, series="another")
    assert {one.name for one in after.segment(frame).identified.identities} == {None}


def test_identities_without_a_frame_are_none():
    state = through_bytes(pipeline().memory.identity_state())
    after = pipeline()
    after.memory.restore_identities(state)
    (frame,) = frames(1)
    assert after.segment(frame).identified.identities[0].id == 1


def test_prototypes_of_other_chips_are_refused():
    before = pipeline()
    before.segment(frames(1)[0])
    with pytest.raises(ConfigError, match="they cannot be recognised, and ids begin anew"):
        pipeline("chips.size_px=24").memory.restore_identities(before.memory.identity_state())


KNOWN = {
    "next_id": 3,
    "means": np.ones((2, 2), "<f4").tobytes(),
    "identities": [[1, "a", 0.1, 3.0, 0, 4, True], [2, None, 0.1, 3.0, 0, 4, False]],
}
WHOLE = {
    "version": 1,
    "frame": 4,
    "known": KNOWN,
    "before": {"ids": bytes([1, 0] * 4), "lent": bytes(4), "grid": [8, 8, 4, 4]},
    "candidates": {
        "means": np.ones((1, 2), "<f4").tobytes(),
        "variance": [0.5],
        "chips": [4.0],
        "unit": 0.7,
        "frames": [1],
    },
}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"known": {}},
        {"known": KNOWN | {"means": b""}},
        {"known": KNOWN | {"means": b"abc"}},
        {"known": KNOWN | {"means": np.full(4, np.nan, "<f4").tobytes()}},
        {"known": KNOWN | {"identities": KNOWN["identities"][::-1]}},
        {"known": KNOWN | {"identities": [[1, 5, 0.1, 3.0, 0, 0, True]]}},
        {"known": KNOWN | {"identities": 7}},
        {"known": KNOWN | {"next_id": 2}},
        {"before": WHOLE["before"] | {"ids": b"12"}},
        {"before": WHOLE["before"] | {"grid": [8, 8, 0, 4]}},
        {"candidates": WHOLE["candidates"] | {"chips": [1.0, 2.0]}},
    ],
)
def test_damaged_identities_are_refused(change):
    assert Remembered.from_map(WHOLE).as_map() == WHOLE
    with pytest.raises(ConfigError, match="are damaged"):
        Remembered.from_map(WHOLE | change)


@pytest.mark.parametrize("learnt", [None, 5, {}, {"ladder": [1.0]}, {"rung": 99}])
def test_a_resolution_that_makes_no_sense_is_found_anew(learnt):
    before = pipeline()
    before.segment(frames(1)[0])
    state = before.memory.identity_state()
    if isinstance(learnt, dict) and learnt:
        learnt = state["resolution"] | learnt
    after = pipeline()
    after.memory.restore_identities(state | {"resolution": learnt})
    assert after.finder.state() == pipeline().finder.state()
    assert after.tracker.knows(1)


def test_of_a_state_that_an_earlier_version_kept_ids_last_and_the_resolution_is_found_anew():
    """It had one number of evidence for each rung."""
    before = pipeline()
    before.segment(frames(1)[0])
    state = before.memory.identity_state()
    learnt = dict(state["resolution"])
    learnt["evidence"] = [row[rung] for rung, row in enumerate(learnt.pop("splits"))]
    after = pipeline()
    after.memory.restore_identities(through_bytes({**state, "resolution": learnt}))
    assert after.finder.state() == pipeline().finder.state()
    assert after.tracker.knows(1)
