import asyncio
import gc
import time
import warnings
from asyncio.proactor_events import BaseProactorEventLoop
from contextlib import asynccontextmanager

import msgpack
import numpy as np
import pytest
import zmq

from contract_messages import drop, result
from fake_service import ok, served
from live import ANSWER_S, ipc_endpoints, tcp_endpoints
from receiving import receiver
from scopeside.client import AsyncClient, Client
from scopeside.client.asynchronous import require_usable
from scopeside.errors import (
    ConfigError,
    EndpointError,
    NoResultError,
    RefusedError,
    ServiceAbsentError,
    ServiceBusyError,
    ServicePausedError,
    ServiceVersionError,
)


@pytest.fixture
def at(tmp_path):
    return ipc_endpoints(tmp_path)


@asynccontextmanager
async def connected(at, **options):
    """A client, and the promise that it leaves no task behind."""
    before = asyncio.all_tasks()
    async with AsyncClient(
        results=at.results,
        events=at.events,
        control=at.control,
        **{"timeout_s": ANSWER_S} | options,
    ) as client:
        yield client
    assert asyncio.all_tasks() == before


def run(coroutine):
    # Whatever asyncio would only log, as a task whose exception nobody took, fails the test.
    asyncio.run(asyncio.wait_for(coroutine, 5 * ANSWER_S), debug=True)


def test_both_clients_offer_the_same():
    def offered(kind):
        return {name for name in dir(kind) if not name.startswith("_")} - {"close", "aclose"}

    assert offered(AsyncClient) == offered(Client)


def test_results_are_awaited_the_newest_or_every_one(at):
    async def loop(service):
        async with connected(at) as client:
            service.joined()
            async with client.results(latest=False, timeout_s=ANSWER_S) as every:
                service.joined()
                service.publish(*(result(frame) for frame in range(20)))
                assert [(await anext(every)).frame for _ in range(20)] == list(range(20))
            newest = await client.next_result(ANSWER_S, series="run-1", frame=19)
            assert newest.frame == 19
            assert [taken async for taken in client.results(timeout_s=0.05)] == []

    with served(at) as service:
        run(loop(service))


def test_a_wait_that_is_cancelled_loses_no_result(at):
    async def loop(service):
        async with connected(at) as client, client.results(latest=False) as every:
            service.joined()
            service.joined()
            taken = []
            for frame in range(30):
                waiting = asyncio.create_task(anext(every))
                await asyncio.sleep(0.001 if frame % 2 else 0)
                service.publish(result(frame))
                await asyncio.sleep(0.0003 * (frame % 4))
                waiting.cancel()
                outcome = await asyncio.gather(waiting, return_exceptions=True)
                taken += [one.frame for one in outcome if not isinstance(one, BaseException)]
            while len(taken) < 30:
                taken.append((await anext(every)).frame)
            assert taken == list(range(30))

    with served(at) as service:
        run(loop(service))


def test_a_command_that_is_cancelled_leaves_the_next_one_working(at):
    def answer(request):
        return None if request["cmd"] == "pause" else ok(request, state="ready")

    async def loop(service):
        async with connected(at) as client:
            waiting = asyncio.create_task(client.pause())
            while "pause" not in service.asked:
                await asyncio.sleep(0.001)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await client.status())["state"] == "ready"

    with served(at, answer=answer) as service:
        run(loop(service))


def test_a_call_that_is_cancelled_at_any_moment_leaves_nothing_unawaited(at):
    async def loop(service):
        async with connected(at) as client:
            calls = {
                "status": client.status,
                "result": lambda: client.next_result(ANSWER_S, frame=3),
                "event": lambda: anext(client.events()),
                "rules": client.rules.list,
                "state": lambda: client.wait_until("paused", ANSWER_S),
                "clock": client.clock,
            }
            for call in calls.values():
                for turns in range(5):
                    task = asyncio.create_task(call())
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    del task
                    gc.collect()
            assert (await client.status())["state"] == "ready"

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with served(at, answer=lambda request: ok(request, state="ready", rules=[])) as service:
            run(loop(service))
        gc.collect()
    assert not [one for one in told if "never awaited" in str(one.message)]


def test_tasks_share_a_client_one_request_at_a_time(at):
    async def loop():
        async with connected(at) as client:
            replies = await asyncio.gather(
                *(client.call("ping", number=number) for number in range(20))
            )
            assert [reply["number"] for reply in replies] == list(range(20))

    with served(at, answer=lambda request: ok(request, number=request["number"])):
        run(loop())


def test_a_loop_acts_while_it_waits(at):
    async def loop(service):
        async with connected(at) as client:
            service.joined()
            waiting = asyncio.create_task(client.next_result(ANSWER_S))
            await client.name(1, "film")
            service.publish(result(5))
            assert (await waiting).frame == 5

    with served(at) as service:
        run(loop(service))
        assert service.asked == ["name"]


def test_silence_is_explained_as_it_is_for_the_client_that_waits(at):
    async def loop(service):
        async with connected(at) as client:
            service.joined()
            for state, error in (
                ("ready", NoResultError),
                ("paused", ServicePausedError),
                ("warming", ServiceBusyError),
            ):
                service.state = state
                with pytest.raises(error):
                    await client.next_result(0.02)
            service.publish(result(1, v=2))
            with pytest.raises(ServiceVersionError):
                await client.next_result(0.5)

    with served(at) as service:
        run(loop(service))


def test_an_absent_service_is_a_sentence_and_no_hang(at):
    async def loop():
        async with connected(at, timeout_s=0.1) as client:
            with pytest.raises(ServiceAbsentError, match="scopeside serve"):
                await client.next_result(0.02)
            with pytest.raises(ServiceAbsentError, match="is the service running"):
                await client.status()
            with pytest.raises(ServiceAbsentError):
                await client.wait_until("ready", 0.1)

    run(loop())


def test_changed_settings_are_put_back_also_after_an_error(at):
    async def loop():
        async with connected(at) as client:
            with pytest.raises(ZeroDivisionError):
                async with client.changed({"graph.resolution": 0.5}):
                    raise ZeroDivisionError

    with served(at) as service:
        run(loop())
        sets = [one["values"] for one in service.control.requests if one["cmd"] == "set"]
        assert sets == [{"graph.resolution": 0.5}, {"graph.resolution": "auto"}]


def test_changed_settings_are_put_back_where_the_change_was_cancelled_before_its_answer(at):
    def answer(request):
        if request["cmd"] == "config":
            return ok(request, config={"graph": {"resolution": "auto"}}, sources={}, hash="0")
        return None if request.get("values") == {"graph.resolution": 0.5} else ok(request)

    async def change(client):
        async with client.changed({"graph.resolution": 0.5}):
            pytest.fail("nobody answered")

    async def loop(service):
        async with connected(at) as client:
            changing = asyncio.create_task(change(client))
            while "set" not in service.asked:
                await asyncio.sleep(0.001)
            changing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await changing
            assert service.control.requests[-1]["values"] == {"graph.resolution": "auto"}

    with served(at, answer=answer) as service:
        run(loop(service))


def test_every_command_is_awaited(at):
    async def loop(service):
        async with connected(at) as client:
            assert await client.config() == {"graph": {"resolution": "auto"}}
            await client.set({"graph.resolution": 0.5})
            await client.name(3, None)
            await client.reference()
            await client.pause()
            await client.resume()
            await client.reset()
            await client.drain()
            assert (await client.wait_until("ready", ANSWER_S))["ok"]
            await client.rules.set({"name": "half"})
            await client.rules.remove("half")
            await client.visited.mark([(1, 2)])
            await client.visited.clear()
            offset = await client.clock(rounds=4)
            assert abs(offset.offset_ns) <= offset.uncertainty_ns
            service.refusals["name"] = ("bad_value", "Community 9 is unknown.")
            with pytest.raises(RefusedError, match="Community 9"):
                await client.name(9, "x")

    with served(at) as service:
        run(loop(service))
        assert service.asked == [
            *("config", "set", "name", "reference", "pause", "resume", "reset", "drain"),
            *("status", "rules", "rules", "visited", "visited"),
            *("clock", "clock", "clock", "clock", "name"),
        ]


def test_targets_rules_and_visited_points_come_as_for_the_client_that_waits(at):
    point = {
        "community": 2,
        "y_px": 10.0,
        "x_px": 4.0,
        "stage_m": None,
        "region": 1,
        "clearance_px": 3.5,
        "confidence": None,
    }

    states = {"half": {"fired": 1}}

    async def loop():
        async with connected(at) as client:
            (target,) = await client.targets(2)
            assert (target.community, target.y_px, target.stage_m) == (2, 10.0, None)
            assert await client.rules.list() == ({"name": "half"},)
            assert await client.rules.states() == {"half": {"fired": 1}}
            assert await client.visited.list() == (point,)

    with served(
        at, answer=lambda r: ok(r, points=[point], rules=[{"name": "half"}], states=states)
    ):
        run(loop())


def test_events_are_sorted_by_their_kind(at):
    async def loop(service):
        async with (
            connected(at) as client,
            client.events("drop", timeout_s=ANSWER_S) as drops,
        ):
            service.joined("events")
            service.beat()
            service.tell(drop(frame=4))
            assert (await anext(drops))["frame"] == 4

    with served(at) as service:
        run(loop(service))


def test_results_and_commands_go_on_after_a_restart():
    at = tcp_endpoints()

    async def loop():
        async with connected(at) as client:
            for life in range(2):
                with served(at) as service:
                    until_s = time.monotonic() + ANSWER_S
                    waiting = asyncio.create_task(client.next_result(ANSWER_S, frame=life))
                    while not waiting.done():
                        assert time.monotonic() < until_s
                        service.publish(result(life))
                        await asyncio.sleep(0.02)
                    assert (await waiting).frame == life
                    assert (await client.status())["state"] == "ready"

    run(loop())


def test_frames_are_published_without_holding_up_other_tasks(at):
    async def loop():
        async with connected(at) as client:
            publisher = client.publisher(at.frames, socket="push")
            # Nobody takes the frame yet, so sending it waits, and this loop goes on.
            sending = asyncio.create_task(publisher.start("s"))
            await asyncio.sleep(0.01)
            assert not sending.done()
            assert not await publisher.wait_for_subscriber(0.0)
            with receiver(zmq.PULL, at.frames) as pull:
                await sending
                assert await publisher.wait_for_subscriber(ANSWER_S)
                while publisher.clock.offset() is None:
                    await asyncio.sleep(0.01)
                await publisher.frame(np.zeros((4, 4), "<u2"))
                await publisher.end()
                parts = [pull.recv_multipart() for _ in range(3)]
            assert [topic for topic, *_ in parts] == [
                *(b"scopeside.start", b"scopeside.frame", b"scopeside.end")
            ]
            assert set(msgpack.unpackb(parts[1][1])["clock"]) == {"offset_ns", "uncertainty_ns"}

    with served(at):
        run(loop())


def test_a_client_of_a_configuration_has_its_endpoints(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text('[publish]\nresults = "tcp://*:7001"\n')

    async def loop():
        async with AsyncClient.from_settings(config) as client:
            assert client.endpoints.results == "tcp://127.0.0.1:7001"

    run(loop())


def test_an_impossible_endpoint_is_named():
    for which in ("results", "control"):
        with pytest.raises(EndpointError, match="nonsense"):
            AsyncClient(**{which: "nonsense"})


def test_the_event_loop_that_windows_takes_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match="WindowsSelectorEventLoopPolicy"):
        require_usable(
            object.__new__(
                type("ProactorEventLoop", (BaseProactorEventLoop,), {"__del__": lambda self: None})
            )
        )


def test_closing_twice_is_harmless(at):
    async def loop():
        async with AsyncClient(control=at.control) as client:
            every = client.results(latest=False)
            await client.aclose()
            await every.aclose()

    run(loop())
