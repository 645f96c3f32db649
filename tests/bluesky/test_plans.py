"""Plans that steer, under the real RunEngine: with a stage, and against the real service."""

import asyncio

import h5py
import numpy as np
import pytest
from ophyd_async.core import soft_signal_rw

from bluesky_scope import Microscope, client_of, detector, path_provider
from fake_service import served
from live import ANSWER_S, SMALL, ipc_endpoints, serving, two_phases
from scopeside.bluesky import ScopesideDetector, acquire_until, visit_targets
from scopeside.client import Client
from scopeside.errors import ConfigError


@pytest.fixture
def at(tmp_path):
    return ipc_endpoints(tmp_path)


@pytest.fixture
def scope(at):
    with served(at) as service:
        yield Microscope(service)


@pytest.fixture
def stage(engine):
    """Two axes in metres."""
    x, y = (soft_signal_rw(float, 0.0, name=name) for name in ("x", "y"))
    for axis in (x, y):
        asyncio.run_coroutine_threadsafe(axis.connect(), engine.loop).result(ANSWER_S)
    return x, y


def test_frames_are_taken_until_a_community_has_grown(at, scope, engine, documents):
    done = engine(acquire_until(detector(at, scope), "amorphous", 0.5, md={"sample": "film"}))
    assert done.plan_result == 3
    (start,) = documents.named("start")
    assert (start["plan_name"], start["sample"]) == ("acquire_until", "film")
    shares = [event["data"]["seg-fraction_amorphous"] for event in documents.named("event")]
    assert shares == [0.125, 0.25, 0.375, 0.5]
    assert documents.named("stop")[0]["exit_status"] == "success"


def test_a_share_that_is_never_reached_ends_with_the_frames(at, scope, engine, documents):
    done = engine(acquire_until(detector(at, scope), "film", 2.0, most_frames=2))
    assert done.plan_result is None
    assert len(documents.named("event")) == 2


def test_a_community_that_is_not_told_is_refused_before_the_run(at, scope, engine, documents):
    with pytest.raises(ConfigError, match="communities=\\('void',\\)"):
        engine(acquire_until(detector(at, scope), "void", 0.5))
    assert documents.all == []


def test_the_stage_is_driven_to_the_targets_of_the_first_frame(at, scope, engine, documents, stage):
    seg = detector(at, scope, visit="film", count=3)
    done = engine(visit_targets(seg, *stage))
    first, *visits = (event["data"] for event in documents.named("event"))
    known = np.asarray(first["seg-targets_m"])
    assert np.isfinite(known).all()
    assert done.plan_result == len(visits) == 3
    assert [[one["x"], one["y"]] for one in visits] == known.tolist()


def test_a_detector_without_targets_is_told_so(at, scope, engine, stage):
    with pytest.raises(ConfigError, match="visit=COMMUNITY"):
        engine(visit_targets(detector(at, scope), *stage))


@pytest.mark.e2e
def test_the_real_service_is_a_detector(at, engine, documents, tmp_path):
    log = tmp_path / "serve.log"
    with (
        serving(at, sets=[*SMALL, "ingest.socket=pull"], log=log),
        Client(results=at.results, events=at.events, control=at.control) as client,
    ):
        microscope = client.publisher(at.frames, socket="push")
        microscope.start("film", pixel_size_m=(1e-9, 1e-9))

        async def acquire():
            microscope.frame(two_phases())
            return "film", microscope.frames_sent - 1

        # A first frame shows which communities there are.
        microscope.frame(two_phases())
        first = client.next_result(ANSWER_S)
        known = tuple(one.id for one in first.communities)
        client.name(known[0], "stripes")
        seg = ScopesideDetector(
            client_of(at),
            communities=("stripes", *known[1:]),
            visit="stripes",
            acquire=acquire,
            path_provider=path_provider(tmp_path),
            result_timeout_s=ANSWER_S,
            name="seg",
        )
        done = engine(acquire_until(seg, "stripes", 0.01, most_frames=3))
    assert done.plan_result == 1
    (event,) = documents.named("event")
    (resource,) = documents.named("stream_resource")
    fractions = [value for key, value in event["data"].items() if "fraction" in key]
    assert sum(fractions) == pytest.approx(1.0)
    assert event["data"]["seg-frame"] == 1
    with h5py.File(tmp_path / "run.h5") as file:
        (labels_YX,) = file[resource["parameters"]["dataset"]][:]
    assert labels_YX.shape == (96, 64)
    share = (labels_YX == known[0]).mean()
    assert share == pytest.approx(event["data"]["seg-fraction_stripes"], abs=1e-6)
