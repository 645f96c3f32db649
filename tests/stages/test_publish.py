"""Publishing: what leaves in which order, and when the books may call a frame done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from live import SMALL, two_phases
from scopeside.assembly import assemble, still_frame
from scopeside.binding import ipc_in_use
from scopeside.channels import Channel
from scopeside.configuration import load_settings
from scopeside.errors import DropReason, EndpointError
from scopeside.messages import Accounting, Segmentation
from scopeside.settings import PublishSettings
from scopeside.stages.books import Books
from scopeside.stages.embed.null import NullEmbedder
from scopeside.stages.publish import Outputs, Publish
from scopeside.wire.events import decode_event, error
from scopeside.wire.results import decode_result

WAIT_MS = 20_000


class Recorder:
    """Outputs and books in one, which only write down what was asked of them."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.messages: list[bytes] = []

    def emit(self, event: dict[str, Any]) -> None:
        if event["kind"] == "observation":
            self.log.append(("observation", event["series"], event["frame"]))
            return
        self.log.append((event["event"], event["series"], event["frame"], event["id"]))

    def send_result(self, message: memoryview) -> None:
        self.messages.append(bytes(message))
        self.log.append("result")

    def settle(self, series: str) -> Accounting:
        self.log.append(f"settle {series}")
        return Accounting(received=7, segmented=5, dropped={"overload": 2})

    def settled(self, series: str) -> None:
        self.log.append(f"settled {series}")


@pytest.fixture(scope="module")
def segmentation() -> Segmentation:
    pipeline = assemble(load_settings(sets=SMALL), NullEmbedder())
    segmented = pipeline.segment(still_frame(two_phases(), number=3, series="s"))
    identified = replace(segmented.identified, appeared=(1, 2), vanished=(9,))
    return replace(segmented, identified=identified)


def published(recorder: Any, *segmentations: Segmentation, codec: Any = "none") -> None:
    waiting: Channel[Segmentation] = Channel(name="test", policy="lossless", capacity=4)
    publish = Publish(
        PublishSettings(codec=codec),
        recorder,
        waiting,
        settle=recorder.settle,
        settled=recorder.settled,
        published=lambda one: recorder.log.append(f"known {one.frame.number}"),
    )
    for one in segmentations:
        waiting.put(one)
    waiting.close()
    publish.run()


def test_a_frame_is_settled_only_when_its_result_and_events_have_left(
    segmentation: Segmentation,
) -> None:
    recorder = Recorder()
    published(recorder, segmentation)
    assert recorder.log == [
        # Who has the result may ask about it at once.
        "known 3",
        "settle s",
        "result",
        ("appeared", "s", 3, 1),
        ("appeared", "s", 3, 2),
        ("vanished", "s", 3, 9),
        ("observation", "s", 3),
        "settled s",
    ]


def test_series_cannot_be_told_as_ended_before_its_last_result_was_sent(
    segmentation: Segmentation,
) -> None:
    class Ending(Recorder):
        """Asks the books at every step whether the end of the series may be told."""

        def __init__(self) -> None:
            super().__init__()
            self.books = Books()
            self.books.open("s")
            self.books.receive("s", 3)
            self.settle, self.settled = self.books.segmented, self.books.published
            self.final: list[bool] = []

        def emit(self, event: dict[str, Any]) -> None:
            self.final.append(self.books.final("s") is not None)

        def send_result(self, message: memoryview) -> None:
            self.final.append(self.books.final("s") is not None)

    ending = Ending()
    published(ending, segmentation)
    assert ending.final == [False] * 5
    assert ending.books.final("s") is not None


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_result_carries_the_books_as_they_are_with_it(
    segmentation: Segmentation, codec: str
) -> None:
    recorder = Recorder()
    published(recorder, segmentation, codec=codec)
    result = decode_result(recorder.messages[0])
    assert (result["series"], result["frame"]) == ("s", 3)
    assert result["accounting"]["segmented"] == 5
    assert result["accounting"]["dropped"] == {DropReason.OVERLOAD.value: 2}
    assert np.array_equal(result["labels"], segmentation.label_map.labels_YX)
    assert result["timing"]["service_s"] > 0


def test_what_waits_when_the_channel_closes_is_still_published_in_order(
    segmentation: Segmentation,
) -> None:
    recorder = Recorder()
    frames = [replace(segmentation.frame, number=number) for number in (4, 5, 6)]
    published(recorder, *(replace(segmentation, frame=frame) for frame in frames))
    assert [decode_result(message)["frame"] for message in recorder.messages] == [4, 5, 6]
    assert recorder.log.count("settled s") == 3


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


def outputs_in(folder: Path, context: Any, *, events: str = "e") -> Outputs:
    settings = PublishSettings(results=f"ipc://{folder}/r", events=f"ipc://{folder}/{events}")
    return Outputs(settings, context, secure=lambda socket: None)


def wait_until_free(endpoint: str) -> None:
    """ZeroMQ closes sockets in a thread of its own."""
    until_s = time.monotonic() + WAIT_MS / 1000
    while ipc_in_use(endpoint):
        assert time.monotonic() < until_s, f"{endpoint} is still held"
        time.sleep(0.01)


def test_an_event_reaches_its_subscriber_and_one_after_the_end_nobody(
    tmp_path: Path, context: Any
) -> None:
    outputs = outputs_in(tmp_path, context)
    with context.socket(zmq.SUB) as listener:
        listener.subscribe(b"")
        listener.connect(f"ipc://{tmp_path}/e")
        # The subscription takes a moment to arrive.
        while not listener.poll(20):
            outputs.emit(error("first", "It went wrong."))
        assert decode_event(listener.recv())["code"] == "first"
        outputs.close()
        outputs.emit(error("last", "It is too late."))
        while listener.poll(100):
            assert decode_event(listener.recv())["code"] == "first"
    assert list(tmp_path.iterdir()) == []


def test_an_endpoint_in_use_is_named_and_the_other_one_given_back(
    tmp_path: Path, context: Any
) -> None:
    first = outputs_in(tmp_path, context)
    with pytest.raises(EndpointError, match=r"publish\.results = ipc://.*another endpoint"):
        outputs_in(tmp_path, context, events="other")
    with context.socket(zmq.PUB) as holder:
        holder.bind(f"ipc://{tmp_path}/held")
        first.close()
        wait_until_free(f"ipc://{tmp_path}/r")
        with pytest.raises(EndpointError, match=r"publish\.events = ipc://.*stop the program"):
            outputs_in(tmp_path, context, events="held")
    wait_until_free(f"ipc://{tmp_path}/r")
    outputs_in(tmp_path, context).close()


def test_a_thread_held_up_between_two_clocks_never_makes_a_frame_older_in_the_service_than_at_all(
    segmentation: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clocks:
        """Both tell one time, which goes on by a second at every look."""

        now_s = 100.0

        def monotonic(self) -> float:
            self.now_s += 1.0
            return self.now_s

        def time_ns(self) -> int:
            return int(1e9 * self.monotonic())

    frame = replace(
        segmentation.frame, t_ns=int(99e9), received_ns=int(99e9), received_s=99.0, same_host=True
    )
    recorder = Recorder()
    monkeypatch.setattr("scopeside.stages.publish.time", Clocks())
    published(recorder, replace(segmentation, frame=frame))

    timing = decode_result(recorder.messages[0])["timing"]
    assert timing["end_to_end_s"] >= timing["service_s"] > 0
