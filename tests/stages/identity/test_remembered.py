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


def test_ids_names_and_ages_go_on_where_they_were():
    before = pipeline()
    for frame in frames(4):
        last = before.segment(frame)
    id_ = last.communities[0].identity.id
    before.tracker.set_name(id_, "crystal")
    after = pipeline()
    after.restore_identities(through_bytes(before.identity_state()))
    (frame,) = frames(1, begin=4)
    expected, found = before.segment(frame), after.segment(frame)
    assert found.identified.identities == expected.identified.identities
    assert {one.name for one in found.identified.identities} >= {"crystal"}
    assert found.identified.identities[0].age == 4
    assert found.identified.appeared == ()
    assert np.array_equal(found.label_map.labels_YX, expected.label_map.labels_YX)


def test_another_series_begins_anew_all_the_same():
    before = pipeline()
    for frame in frames(2):
        before.segment(frame)
    before.tracker.set_name(1, "crystal")
    after = pipeline()
    after.restore_identities(before.identity_state())
    (frame,) = frames(1, series="another")
    assert {one.name for one in after.segment(frame).identified.identities} == {None}


def test_identities_without_a_frame_are_none():
    state = through_bytes(pipeline().identity_state())
    after = pipeline()
    after.restore_identities(state)
    (frame,) = frames(1)
    assert after.segment(frame).identified.identities[0].id == 1


def test_prototypes_of_other_chips_are_refused():
    before = pipeline()
    before.segment(frames(1)[0])
    with pytest.raises(ConfigError, match="they cannot be recognised, and ids begin anew"):
        pipeline("chips.size_px=24").restore_identities(before.identity_state())


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"means": b""},
        {"means": np.full(4, np.nan, "<f4").tobytes(), "features": 2},
        {"identities": [[2, None, 0.1, 3.0, 0, 0, True], [1, None, 0.1, 3.0, 0, 0, True]]},
        {"identities": [[1, 5, 0.1, 3.0, 0, 0, True], [2, None, 0.1, 3.0, 0, 0, True]]},
        {"next_id": 2},
        {"identities": 7},
    ],
)
def test_damaged_identities_are_refused(change):
    whole = {
        "version": 1,
        "next_id": 3,
        "frame": 4,
        "features": 2,
        "means": np.ones((2, 2), "<f4").tobytes(),
        "identities": [[1, "a", 0.1, 3.0, 0, 4, True], [2, None, 0.1, 3.0, 0, 4, False]],
    }
    assert Remembered.from_map(whole).as_map() == whole
    with pytest.raises(ConfigError, match="are damaged"):
        Remembered.from_map(whole | change)
