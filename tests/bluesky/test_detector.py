"""The detector under the real RunEngine, with a service as a client sees it."""

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import h5py
import numpy as np
import pytest
from bluesky.utils import FailedStatus
from ophyd_async.core import StaticPathProvider, TriggerInfo, UUIDFilenameProvider

from bluesky_scope import SHAPE, Microscope, client_of, detector, path_provider
from fake_service import served
from live import ipc_endpoints
from scopeside.bluesky import ScopesideDetector
from scopeside.client import AsyncClient
from scopeside.errors import (
    ConfigError,
    NoResultError,
    ServiceAbsentError,
    ServiceError,
    ServicePausedError,
)


@pytest.fixture
def at(tmp_path):
    return ipc_endpoints(tmp_path)


@pytest.fixture
def scope(at):
    with served(at) as service:
        yield Microscope(service)


def test_events_carry_fractions_targets_and_where_the_label_map_is(
    at, scope, engine, documents, tmp_path
):
    seg = detector(
        at, scope, visit="film", count=1, path_provider=path_provider(tmp_path), shape=SHAPE
    )
    engine(bp.count([seg], num=3))
    (descriptor,) = documents.named("descriptor")
    keys = descriptor["data_keys"]
    assert keys["seg-labels"]["external"] == "STREAM:"
    assert keys["seg-labels"]["shape"] == [1, *SHAPE]
    assert keys["seg-fraction_amorphous"]["dtype"] == "number"
    assert keys["seg-targets_px"]["shape"] == [1, 2]
    assert descriptor["hints"]["seg"]["fields"] == ["seg-fraction_film", "seg-fraction_amorphous"]
    data = [event["data"] for event in documents.named("event")]
    assert [one["seg-fraction_amorphous"] for one in data] == [0.125, 0.25, 0.375]
    assert [(one["seg-series"], one["seg-frame"]) for one in data] == [("s", n) for n in range(3)]
    for frame, one in enumerate(data):
        ((y_px, x_px),) = one["seg-targets_px"]
        assert x_px > frame  # where the film still is
        assert np.allclose(one["seg-targets_m"], [[x_px * 1e-9, y_px * 1e-9]])
    (resource,) = documents.named("stream_resource")
    assert resource["uri"].endswith("/run.h5")
    assert resource["data_key"] == "seg-labels"
    datums = documents.named("stream_datum")
    assert [datum["indices"] for datum in datums] == [{"start": n, "stop": n + 1} for n in range(3)]
    with h5py.File(tmp_path / "run.h5") as file:
        labels = file[resource["parameters"]["dataset"]][:]
        assert labels.shape == (3, *SHAPE)
        assert [(frame == 2).mean() for frame in labels] == [0.125, 0.25, 0.375]
        assert file["series"].asstr()[:].tolist() == ["s"] * 3


def test_without_a_path_documents_refer_by_series_and_frame(at, scope, engine, documents):
    engine(bp.count([detector(at, scope)]))
    assert documents.named("stream_resource") == []
    (event,) = documents.named("event")
    assert (event["data"]["seg-series"], event["data"]["seg-frame"]) == ("s", 0)


def fly(seg, frames):
    @bpp.stage_decorator([seg])
    @bpp.run_decorator()
    def plan():
        yield from bps.prepare(seg, TriggerInfo(number_of_events=frames), wait=True)
        yield from bps.declare_stream(seg, name="main", collect=True)
        yield from bps.kickoff(seg, wait=True)
        yield from bps.collect_while_completing([seg], [seg], flush_period=0.1, stream_name="main")

    return plan()


def test_flying_streams_label_maps_and_figures(at, scope, engine, documents, tmp_path):
    seg = detector(at, scope, path_provider=path_provider(tmp_path), shape=SHAPE)
    engine(fly(seg, 5))
    resources = {one["data_key"]: one for one in documents.named("stream_resource")}
    assert set(resources) == {
        *("seg-labels", "seg-frame", "seg-fraction_film", "seg-fraction_amorphous")
    }
    for uid in (one["uid"] for one in resources.values()):
        datums = [one for one in documents.named("stream_datum") if one["stream_resource"] == uid]
        covered = [
            n for one in datums for n in range(one["indices"]["start"], one["indices"]["stop"])
        ]
        assert covered == list(range(5))
    with h5py.File(tmp_path / "run.h5") as file:
        dataset = resources["seg-fraction_amorphous"]["parameters"]["dataset"]
        assert file[dataset][:].tolist() == [0.125, 0.25, 0.375, 0.5, 0.625]
        assert file["frame"][:].tolist() == list(range(5))


def test_a_fault_while_flying_ends_the_plan_at_once(at, scope, engine, tmp_path):
    seg = detector(at, scope, path_provider=path_provider(tmp_path), shape=(3, 3))
    with pytest.raises(FailedStatus) as caught:
        engine(fly(seg, 5))
    assert isinstance(caught.value.__cause__, ServiceError)
    assert "give the detector the shape" in str(caught.value.__cause__)


def test_the_shape_is_the_services_unless_it_is_given(at, engine, documents, tmp_path):
    def answer(request):
        fields = {"config": {"service": {"frame_shape": list(SHAPE)}}}
        if request["cmd"] == "clock":
            fields = {"t0_ns": request["t0_ns"], "t1_ns": 0, "t2_ns": 0}
        return {"v": 1, "id": request["id"], "ok": True, "state": "ready", **fields}

    with served(at, answer=answer) as service:
        seg = detector(at, Microscope(service), path_provider=path_provider(tmp_path))
        engine(bp.count([seg]))
    (resource,) = documents.named("stream_resource")
    assert resource["parameters"]["chunk_shape"] == (1, *SHAPE)


def test_without_a_microscope_to_ask_frames_received_after_the_trigger_count(at, engine, documents):
    with served(at) as service:
        scope = Microscope(service)

        def early_and_late():
            service.joined()
            service.joined()
            old, new = (scope.message(frame) for frame in (7, 8))
            old["timing"]["t_received_ns"] = 1
            new["timing"]["t_received_ns"] = 2**62
            service.publish(old, new)

        @bpp.stage_decorator([seg := detector(at, scope, acquire=None)])
        @bpp.run_decorator()
        def plan():
            early_and_late()
            yield from bps.trigger_and_read([seg])

        engine(plan())
    (event,) = documents.named("event")
    assert event["data"]["seg-frame"] == 8


def test_flying_beside_a_microscope_takes_the_frames_that_come_from_then_on(
    at, engine, documents, tmp_path
):
    with served(at) as service:
        scope = Microscope(service)
        seg = detector(at, scope, acquire=None, path_provider=path_provider(tmp_path), shape=SHAPE)

        def send(*frames, received_ns):
            messages = [scope.message(frame) for frame in frames]
            for message in messages:
                message["timing"]["t_received_ns"] = received_ns
            service.publish(*messages)

        @bpp.stage_decorator([seg])
        @bpp.run_decorator()
        def plan():
            service.joined()
            service.joined()
            send(1, 2, received_ns=1)
            yield from bps.prepare(seg, TriggerInfo(number_of_events=3), wait=True)
            yield from bps.declare_stream(seg, name="main", collect=True)
            yield from bps.kickoff(seg, wait=True)
            send(3, 4, 5, 6, received_ns=2**62)
            yield from bps.collect_while_completing(
                [seg], [seg], flush_period=0.1, stream_name="main"
            )

        engine(plan())
    with h5py.File(tmp_path / "run.h5") as file:
        assert file["frame"][:].tolist() == [3, 4, 5]


def test_staging_without_a_service_says_so(at, engine):
    seg = ScopesideDetector(
        lambda: AsyncClient(results=at.results, control=at.control, timeout_s=0.1), name="seg"
    )
    with pytest.raises(FailedStatus) as caught:
        engine(bp.count([seg]))
    assert isinstance(caught.value.__cause__, ServiceAbsentError)


@pytest.mark.parametrize(
    ("state", "error"), [("ready", NoResultError), ("paused", ServicePausedError)]
)
def test_a_trigger_without_a_result_says_why(at, engine, state, error):
    with served(at, state=state):
        seg = ScopesideDetector(client_of(at), result_timeout_s=0.1, name="seg")
        with pytest.raises(FailedStatus) as caught:
            engine(bp.count([seg]))
        assert isinstance(caught.value.__cause__, error)


def test_exposure_times_are_the_microscopes(at, scope, engine):
    seg = detector(at, scope)

    @bpp.stage_decorator([seg])
    def plan():
        yield from bps.prepare(seg, TriggerInfo(livetime=0.1), wait=True)

    with pytest.raises(FailedStatus) as caught:
        engine(plan())
    assert isinstance(caught.value.__cause__, ConfigError)


def test_each_time_it_is_staged_the_detector_connects_anew_and_begins_a_file(
    at, scope, engine, documents, tmp_path
):
    files = StaticPathProvider(UUIDFilenameProvider(), tmp_path)
    seg = detector(at, scope, path_provider=files, shape=SHAPE)
    for _ in range(2):
        scope.frames = 0
        engine(bp.count([seg], num=2))
    assert [event["data"]["seg-frame"] for event in documents.named("event")] == [0, 1, 0, 1]
    assert len({one["uri"] for one in documents.named("stream_resource")}) == 2
    ranges = [one["indices"]["start"] for one in documents.named("stream_datum")]
    assert ranges == [0, 1, 0, 1]
