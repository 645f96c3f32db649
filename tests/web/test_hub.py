"""What the service is asked on behalf of viewers: once for all of them, and little for none."""

import asyncio
import threading

import numpy as np
import pytest

from fake_control import FakeService
from scopeside.errors import ServiceError
from scopeside.http_settings import HttpSettings
from scopeside.settings import LogSettings
from scopeside.web.hub import PICTURE_S, Hub, Want
from scopeside.web.link import Figures, ServiceLink
from scopeside.web_spec import WebSpec
from scopeside.wire.arrays import encode_array

SOON_S = 20.0


class Answers:
    """A service that has one result for every number up to `seq`."""

    def __init__(self):
        self.seq = 1
        self.asked = []
        self.lock = threading.Lock()

    def __call__(self, request):
        head = {"v": 1, "id": request["id"], "ok": True}
        with self.lock:
            self.asked.append(request)
            if request["cmd"] == "preview":
                return head | self._preview(request)
            if request["cmd"] == "name":
                return head | {"community": request["community"], "name": request["name"]}
        error = {"code": "not_available", "message": "This service does little."}
        return head | {"ok": False, "error": error}

    def _preview(self, request):
        if request["after"] == self.seq:
            return {"seq": self.seq}
        result = {
            "series": "film",
            "frame": self.seq,
            "shape": [20, 30],
            "communities": [{"id": 1, "name": None, "fraction": 1.0}],
            "timing": {"t_received_ns": self.seq, "service_s": 0.1},
        }
        reply = {"seq": self.seq, "result": result}
        if request["max_px"]:
            reply["image"] = encode_array(np.zeros((20, 30), np.uint8), "none")
            reply["labels"] = encode_array(np.ones((20, 30), np.uint16), "none")
        if request["max_px"] and request["confidence"]:
            reply["confidence"] = encode_array(np.zeros((20, 30), np.uint8), "none")
        return reply

    def pictures(self):
        with self.lock:
            return [one for one in self.asked if one["cmd"] == "preview" and one["max_px"]]


@pytest.fixture
def answers():
    return Answers()


@pytest.fixture
def spec(tmp_path, answers):
    service = FakeService(f"ipc://{tmp_path}/c", answers)
    service.start()
    yield WebSpec(
        http=HttpSettings(),
        log=LogSettings(),
        control=f"ipc://{tmp_path}/c",
        events=f"ipc://{tmp_path}/e",
        socket_fd=0,
        beat_fd=0,
    )
    service.stop()


def with_hub(spec, work):
    """Run `work(hub)` while the hub lives."""

    async def run():
        link = ServiceLink(spec.control, None)
        hub = Hub(spec, Figures(link))
        running = asyncio.create_task(hub.run())
        try:
            await asyncio.wait_for(work(hub), SOON_S)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await link.close()

    asyncio.run(run())


def test_five_viewers_are_served_by_one_picture(spec, answers):
    async def work(hub):
        wants = [Want(after=0, px=px, confidence=False) for px in (256, 256, 512, 384, 512)]
        pictures = await asyncio.gather(*map(hub.picture, wants))
        assert {picture.seq for picture in pictures} == {1}

    with_hub(spec, work)
    # The first to come may have been asked for alone.
    assert len(answers.pictures()) <= 2
    assert answers.pictures()[-1]["max_px"] == 512


def test_whoever_has_the_newest_waits_for_a_newer_one(spec, answers):
    async def work(hub):
        first = await hub.picture(Want(after=0, px=256, confidence=False))
        waiting = asyncio.create_task(hub.picture(Want(first.seq, 256, confidence=False)))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        answers.seq = 2
        assert (await waiting).seq == 2

    with_hub(spec, work)


def test_pictures_are_fetched_when_a_result_went_out(spec, answers):
    """A service that tells of its results is asked once for each, and not in between."""

    async def work(hub):
        first = await hub.picture(Want(after=0, px=256, confidence=False))
        waiting = asyncio.create_task(hub.picture(Want(first.seq, 256, confidence=False)))
        await asyncio.sleep(1.5 * PICTURE_S)
        before = len(answers.pictures())
        answers.seq = 2
        hub._heard({"kind": "observation"})
        assert (await waiting).seq == 2
        assert len(answers.pictures()) == before + 1

    with_hub(spec, work)


def test_who_comes_later_gets_the_last_picture_without_asking_the_service(spec, answers):
    async def work(hub):
        await hub.picture(Want(after=0, px=256, confidence=False))
        asked = len(answers.pictures())
        again = await hub.picture(Want(after=0, px=256, confidence=False))
        assert (again.seq, len(answers.pictures())) == (1, asked)

    with_hub(spec, work)


def test_confidence_is_asked_for_when_somebody_wants_it(spec, answers):
    async def work(hub):
        plain = await hub.picture(Want(after=0, px=256, confidence=False))
        assert not plain.serves(256, confidence=True)
        sure = await hub.picture(Want(after=0, px=256, confidence=True))
        assert sure.serves(256, confidence=True)

    with_hub(spec, work)
    assert [one["confidence"] for one in answers.pictures()] == [False, True]


def test_with_nobody_looking_no_picture_is_asked_for_and_plots_have_a_past(spec, answers):
    async def work(hub):
        for seq in (1, 2, 3):
            answers.seq = seq
            while hub.known.result.get("frame") != seq:
                await asyncio.sleep(0.02)

    with_hub(spec, work)
    assert answers.pictures() == []


def test_a_viewer_that_goes_away_is_forgotten_and_its_action_is_done(spec, answers):
    async def work(hub):
        await hub.picture(Want(after=0, px=256, confidence=False))
        waiting = asyncio.create_task(hub.picture(Want(after=1, px=256, confidence=False)))
        naming = asyncio.create_task(hub.act("name", {"community": 1, "name": "crystal"}))
        await asyncio.sleep(0)
        for task in (waiting, naming):
            task.cancel()
        await asyncio.gather(waiting, naming, return_exceptions=True)
        while hub.known.result["communities"][0]["name"] != "crystal":
            await asyncio.sleep(0.02)
        picture = await hub.picture(Want(after=0, px=256, confidence=False))
        assert picture.result["communities"][0]["name"] == "crystal"

    with_hub(spec, work)


def test_a_picture_that_was_sent_is_sent_with_its_new_name_to_whoever_comes_next(spec, answers):
    async def work(hub):
        want = Want(after=0, px=256, confidence=False)
        assert b"crystal" not in await hub.message(want)
        await hub.act("name", {"community": 1, "name": "crystal"})
        assert b"crystal" in await hub.message(want)

    with_hub(spec, work)


def test_what_the_service_refuses_is_told_in_its_words(spec):
    async def work(hub):
        with pytest.raises(ServiceError, match="This service does little"):
            await hub.act("pause", {})

    with_hub(spec, work)
