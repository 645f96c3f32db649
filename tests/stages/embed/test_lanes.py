import os

import pytest

from scopeside.stages.embed.lanes import MOST_LANES, lanes


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (3, 3), (8, 8), (64, MOST_LANES)])
def test_every_thread_has_a_lane_up_to_a_bound(threads, expected):
    assert lanes(threads) == expected


def test_without_a_number_every_core_that_may_be_used_has_one(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert lanes(0) == 3


def test_where_the_system_does_not_tell_affinities_its_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert lanes(0) == 1
