"""Both clients with the real service: what one says, the other understands."""

import asyncio

import numpy as np
import pytest

from live import ANSWER_S, ipc_endpoints, running, two_phases
from scopeside.client import AsyncClient, Client
from scopeside.errors import RefusedError, ServicePausedError

PIXEL_M = 1e-9
AFFINE = ((PIXEL_M, 0.0, 5e-6), (0.0, PIXEL_M, 7e-6))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    endpoints = ipc_endpoints(tmp_path_factory.mktemp("live"))
    with running(endpoints, sets=["ingest.socket=pull"]) as service:
        yield service


@pytest.fixture
def client(service):
    at = service.endpoints
    with Client(
        results=at.results, events=at.events, control=at.control, timeout_s=ANSWER_S
    ) as client:
        # The subscription arrives by a way of its own; a few exchanges later it is there.
        client.clock()
        yield client


@pytest.fixture
def publisher(service, client, request):
    """A series with calibration, whose frames say how the clocks differ."""
    with client.publisher(service.endpoints.frames, socket="push") as publisher:
        assert publisher.clock.wait(ANSWER_S)
        publisher.start(request.node.name, pixel_size_m=(PIXEL_M, PIXEL_M))
        yield publisher


def result_of_a_frame(client, publisher):
    publisher.frame(two_phases(), pixel_to_stage=AFFINE)
    sent = publisher.frames_sent - 1
    return client.next_result(ANSWER_S, series=publisher.series, frame=sent)


@pytest.fixture
def shown(client, publisher):
    """The result of one frame."""
    return result_of_a_frame(client, publisher)


def test_a_result_says_where_and_how_large_its_pixels_are(shown):
    drawn = shown.label_map
    whole_m2 = sum(drawn.area_m2(one.id) for one in shown.communities)
    assert whole_m2 == pytest.approx(shown.labels_YX.size * PIXEL_M**2)
    for one in shown.communities:
        (centroid_m,) = drawn.to_stage([one.centroid_px])
        assert centroid_m == pytest.approx(one.stage_m)


def test_the_time_from_the_exposure_is_known_by_the_clocks_that_were_compared(shown):
    assert shown.timing.uncertainty_s > 0
    assert shown.timing.end_to_end_s >= shown.timing.service_s - shown.timing.uncertainty_s


@pytest.mark.parametrize("strategy", ["interior", "boundary", "random", "low_confidence"])
def test_the_service_and_the_label_map_choose_the_same_points(client, shown, strategy):
    community = shown.communities[0].id
    options = {"count": 3, "one_per_region": False, "min_distance_px": 5.0, "seed": 3}
    asked = client.targets(community, strategy=strategy, **options)
    assert len(asked) == 3
    assert asked == shown.label_map.points(community, strategy=strategy, **options)


def test_a_name_that_was_given_is_understood_everywhere(client, publisher, shown):
    community = shown.communities[0]
    client.name(community.id, "film")
    named = result_of_a_frame(client, publisher)
    assert named.label_map.ids("film") == (community.id,)
    assert named.fraction("film") == named.fraction(community.id) > 0
    assert client.targets("film") == named.label_map.points("film")
    with pytest.raises(RefusedError, match="void"):
        client.targets("void")


def test_places_that_were_visited_are_remembered_and_forgotten(client, shown):
    community = shown.communities[0].id
    (target,) = client.targets(community, mark_visited=True)
    client.visited.mark(points_m=np.array([[1.0, 2.0]]))
    marked, elsewhere = client.visited.list()
    assert (marked["y_px"], marked["x_px"]) == (target.y_px, target.x_px)
    assert elsewhere["stage_m"] == [1.0, 2.0]
    (other,) = client.targets(community, avoid_visited=True, min_distance_px=10)
    assert np.hypot(other.y_px - target.y_px, other.x_px - target.x_px) >= 10
    client.visited.clear()
    assert client.visited.list() == ()


def test_a_rule_is_set_fires_and_is_removed(client, publisher):
    rule = {"name": "anything", "watch": "fraction", "above": 0.01, "repeat": False}
    with client.events("alarm", timeout_s=ANSWER_S) as alarms:
        client.rules.set(rule)
        assert [one["name"] for one in client.rules.list()] == ["anything"]
        client.clock()  # by now the subscription to the events has arrived
        result_of_a_frame(client, publisher)
        assert next(alarms)["rule"] == "anything"
    assert client.rules.states()["anything"]["done"] is True
    client.rules.remove("anything")
    assert client.rules.list() == ()
    with pytest.raises(RefusedError, match="colour"):
        client.rules.set(rule | {"colour": "red"})


def test_the_reference_is_kept(client, shown):
    assert client.reference()["ok"]


def test_a_paused_service_is_said_to_be_paused(client, shown):
    client.pause()
    try:
        with pytest.raises(ServicePausedError, match="resume"):
            client.next_result(0.05)
    finally:
        client.resume()
    assert client.wait_until("ready", ANSWER_S)["state"] == "ready"


def test_a_live_setting_is_set_and_another_refused(client):
    client.set({"communities.min_chips": 4})
    assert client.config()["communities"]["min_chips"] == 4
    with pytest.raises(RefusedError, match=r"chips\.size_px") as caught:
        client.set({"chips.size_px": 16})
    assert caught.value.code == "bad_value"


def test_the_asyncio_client_does_the_same(service):
    at = service.endpoints

    async def loop():
        async with AsyncClient(
            results=at.results, events=at.events, control=at.control, timeout_s=ANSWER_S
        ) as client:
            await client.clock()
            async with client.publisher(at.frames, socket="push") as publisher:
                await publisher.start("awaited")
                await publisher.frame(two_phases(), pixel_to_stage=AFFINE)
                shown = await client.next_result(ANSWER_S, series="awaited")
            community = shown.communities[0].id
            assert await client.targets(community) == shown.label_map.points(community)
            with pytest.raises(RefusedError):
                await client.targets(9999)

    asyncio.run(loop(), debug=True)
