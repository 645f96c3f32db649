"""Measures how soon an alarm is out, from the arrival of the frame that sets it off.

    .venv/bin/python benchmarks/rules.py [--frames 100]

The real service as a process of its own, with its encoder. Frames alternate between two doses of
the simulated film, so that the fraction of a community crosses a rule's value with every one of
them; each is sent when the result of the one before is in hand.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import zmq

from harness import Report, Row, quick_parser, say, significant, spread
from scopeside.client.control import ControlClient
from scopeside.client.publisher import FramePublisher
from scopeside.client.result import Result
from scopeside.demo.processes import Child, children, free_endpoints
from scopeside.messages import Accounting
from scopeside.rule_settings import rule_from
from scopeside.steering.alarms import Alarms
from scopeside.testing.specimen import IrradiatedFilm

SHAPE = (512, 512)
DOSES = (0.3, 0.7)
"""Shares of the full dose: about so much of the film is amorphous."""
WARM_FRAMES = 6
"""Of each dose in a row at the beginning: what is new is seen twice before it gets an id."""
READY_S = 120.0
ANSWER_S = 30.0
COUNTS = (1, 16, 64)
"""Rules in force in the measurement of one evaluation."""
COMMUNITIES = 8
"""Each is followed by each rule."""
EVALUATIONS = 300


class Heard(threading.Thread):
    """Notes when each result and alarm arrived; the clock is read before decoding."""

    def __init__(self, results: str, events: str) -> None:
        super().__init__(daemon=True)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._sockets = {}
        for kind, endpoint in (("alarm", events), ("result", results)):
            socket = self._context.socket(zmq.SUB)
            socket.subscribe(b"")
            socket.connect(endpoint)
            self._poller.register(socket, zmq.POLLIN)
            self._sockets[socket] = kind
        self._ended = threading.Event()
        self.came = threading.Condition()
        self.results: dict[int, tuple[int, Result]] = {}
        self.alarms: dict[int, tuple[int, dict[str, Any]]] = {}

    def run(self) -> None:
        while not self._ended.is_set():
            for socket, _ in self._poller.poll(200):
                message, at_ns = socket.recv(), time.time_ns()
                with self.came:
                    if self._sockets[socket] == "result":
                        result = Result.from_bytes(message)
                        self.results[result.frame] = at_ns, result
                    else:
                        event = msgpack.unpackb(message)
                        if event["kind"] == "alarm" and event["frame"] is not None:
                            self.alarms.setdefault(event["frame"], (at_ns, event))
                    self.came.notify_all()

    def wait_for(self, frame: int, timeout_s: float) -> bool:
        """Wait for the result of a frame."""
        with self.came:
            return self.came.wait_for(lambda: frame in self.results, timeout_s)

    def close(self) -> None:
        self._ended.set()
        self.join()
        self._context.destroy(linger=0)


@contextmanager
def service(mode: str, folder: Path) -> Iterator[tuple[FramePublisher, Heard, ControlClient]]:
    """A running service with everybody joined."""
    frames, results, events, control = free_endpoints(4)
    sets = [
        f"ingest.endpoint={frames}",
        "ingest.socket=pull",
        f"publish.results={results}",
        f"publish.events={events}",
        f"control.endpoint={control}",
        "http.endpoint=none",
        f"embed.mode={mode}",
        f"service.frame_shape={json.dumps(SHAPE)}",
    ]
    with children() as stack:
        child = Child(["serve", *(f"--set={one}" for one in sets)], log=folder / "serve.log")
        stack.callback(child.stop)
        publisher = stack.enter_context(FramePublisher(frames, socket="push"))
        asker = stack.enter_context(ControlClient(control, timeout_s=READY_S))
        until_s = time.monotonic() + READY_S
        while asker.call("status")["state"] != "ready":
            child.require_running()
            if time.monotonic() > until_s:
                raise SystemExit(f"The service never became ready; see {child.log}.")
            time.sleep(0.05)
        heard = Heard(results, events)
        heard.start()
        stack.callback(heard.close)
        yield publisher, heard, asker


def film_frames() -> list[np.ndarray]:
    film = IrradiatedFilm(shape=SHAPE)
    full = film.dose_full_e_per_m2
    return [film.expose(share * full).counts_YX.clip(0, 2**16 - 1).astype("<u2") for share in DOSES]


def send(publisher: FramePublisher, heard: Heard, image: np.ndarray) -> int | None:
    """Send a frame and return its number once its result is in hand; None where it never is."""
    number = publisher.frames_sent
    publisher.frame(image)
    return number if heard.wait_for(number, ANSWER_S) else None


def alarms_of(mode: str, frames: int, images: list[np.ndarray]) -> Row:
    """Return how soon alarms and results of the same frames were out and in hand."""
    with (
        tempfile.TemporaryDirectory() as folder,
        service(mode, Path(folder)) as (publisher, heard, asker),
    ):
        publisher.start("rules")
        # The first result may come before the subscription has: nobody hears it.
        while not heard.results:
            publisher.frame(images[0])
            heard.wait_for(publisher.frames_sent - 1, 1.0)
        for image in images:
            for _ in range(WARM_FRAMES):
                last = send(publisher, heard, image)
        if last is None:
            raise SystemExit("The service gave no result for a frame of the warm-up.")
        watched = max(heard.results[last][1].communities, key=lambda one: one.fraction)
        rule = {"name": "half", "watch": "fraction", "community": watched.id, "crosses": 0.5}
        asker.call("rules", action="set", rule=rule)
        first = send(publisher, heard, images[1])
        sent = [send(publisher, heard, images[number % 2]) for number in range(frames)]
        asker.call("ping")
        time.sleep(0.2)
    fired = [number for number in sent if number in heard.alarms and number != first]
    if not fired:
        raise SystemExit("No frame set the rule off.")
    rows = [(heard.alarms[number], heard.results[number]) for number in fired]
    rule_s = [event["rule_latency_s"] for (_, event), _ in rows]
    service_s = [result.timing.service_s for _, (_, result) in rows]
    hand_s = [(at_ns - event["t_received_ns"]) / 1e9 for (at_ns, event), _ in rows]
    result_s = [(at_ns - result.timing.t_received_ns) / 1e9 for _, (at_ns, result) in rows]
    return {
        "mode": mode,
        "frames": frames,
        "alarms": len(fired),
        "rule_latency_ms": in_ms(rule_s),
        "service_ms": in_ms(service_s),
        "rule_over_service": spread(np.divide(rule_s, service_s)),
        "alarm_in_hand_ms": in_ms(hand_s),
        "result_in_hand_ms": in_ms(result_s),
        "alarm_over_result": spread(np.divide(hand_s, result_s)),
    }


def in_ms(seconds: list[float]) -> Row:
    return spread(1e3 * value for value in seconds)


def evaluations() -> list[Row]:
    """Return what one evaluation of so many rules takes."""
    from scopeside.assembly import assemble, still_frame
    from scopeside.configuration import load_settings
    from scopeside.stages.embed.null import NullEmbedder

    frame_sets = [f"service.frame_shape={json.dumps(SHAPE)}", "embed.backend=null"]
    pipeline = assemble(load_settings(sets=frame_sets), NullEmbedder())
    segmented = pipeline.segment(still_frame(film_frames()[0]))
    one = segmented.communities[0]
    segmentation = replace(
        segmented,
        communities=tuple(
            replace(one, identity=replace(one.identity, id=id_))
            for id_ in range(1, COMMUNITIES + 1)
        ),
    )
    rows = []
    for count in COUNTS:
        rules = [
            rule_from({"name": f"r{at}", "watch": "fraction", "below": 0.0, "hysteresis": 0.1})
            for at in range(count)
        ]
        alarms = Alarms(
            rules, emit=lambda _: None, fault=lambda *_: None, totals=lambda: Accounting()
        )
        spent_us = []
        for _ in range(EVALUATIONS):
            begun_s = time.perf_counter()
            alarms.observe(segmentation)
            spent_us.append(1e6 * (time.perf_counter() - begun_s))
        rows.append(
            {
                "rules": count,
                "communities": len(segmentation.communities),
                "evaluation_us": spread(spent_us),
                "p99_us": significant(float(np.percentile(spent_us, 99))),
            }
        )
    return rows


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--frames", type=int, default=100)
    arguments = parser.parse_args()
    report = Report(
        name="rules",
        question="How soon is an alarm out?",
        how=(
            "Real service process with its encoder, 512 x 512 frames of the simulated film that"
            " alternate between two doses, each sent when the result of the one before is in hand."
            " A rule on the fraction of a community is crossed by every frame. Rule latency is what"
            " the alarm says, from the frame's arrival to the alarm's sending; in hand is when a"
            " subscriber on the same machine has read it. Ratios are of the same frame."
        ),
    )
    images = film_frames()
    rows = []
    for mode in ("chips", "shared"):
        row = alarms_of(mode, arguments.frames, images)
        rows.append(row)
        say(
            f"{mode}: {row['alarms']} alarms of {row['frames']} frames, rule latency"
            f" {row['rule_latency_ms']['median']} ms,"
            f" {row['rule_over_service']['median']} of service_s"
        )
    report.table("From a frame's arrival to its alarm, and to its result", rows)
    costs = evaluations()
    report.table("One evaluation of the rules in force, in this process", costs)
    for row in costs:
        say(f"{row['rules']} rules: {row['evaluation_us']['median']} us")
    report.aim(
        "rule latency over service_s of the same frame, median (worse of chips and shared)",
        "at most",
        1.0,
        "",
        max(row["rule_over_service"]["median"] for row in rows),
    )
    report.aim(
        "evaluation of 64 rules on 8 communities each, median",
        "at most",
        2.0,
        "ms",
        costs[-1]["evaluation_us"]["median"] / 1e3,
    )
    report.write()


if __name__ == "__main__":
    main()
