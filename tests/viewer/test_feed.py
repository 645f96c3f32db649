"""The feed gives the window the newest result, and no more than it shows."""

import time

import numpy as np

from live import ipc_endpoints, running, two_phases
from scopeside.viewer.feed import Feed

SOON_S = 30.0


def next_view(views):
    until_s = time.monotonic() + SOON_S
    while (view := next(views)) is None:
        assert time.monotonic() < until_s, "no view"
    return view


def test_a_window_that_is_slow_gets_the_newest_when_it_is_ready(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    with running(endpoints) as service, service.publisher() as publisher:
        feed = Feed(endpoints.results, frames=endpoints.frames)
        views = feed.views()
        assert publisher.wait_for_subscriber(SOON_S)
        publisher.start("film")
        sent = 0
        view = next(views)
        while view is None or view.image_YX is None:  # until both subscriptions have arrived
            assert sent < 1000, "no frame is heard"
            publisher.frame(two_phases(seed=sent))
            sent += 1
            time.sleep(0.02)
            view = next(views)
            if view is not None and view.image_YX is None:
                feed.shown()
        np.testing.assert_array_equal(view.image_YX, two_phases(seed=view.result.frame))

        for _ in range(5):  # shown as yet: these replace each other
            publisher.frame(two_phases(seed=sent))
            last, sent = sent, sent + 1
            service.results.receive(SOON_S)
            assert next(views) is None
        until_s = time.monotonic() + SOON_S
        while service.status()["totals"]["in_flight"]:
            assert time.monotonic() < until_s
        assert next(views) is None
        feed.shown()
        newest = next_view(views)
        assert newest.result.frame == last
        np.testing.assert_array_equal(newest.image_YX, two_phases(seed=last))
        assert next(views) is None
        views.close()
