"""Listens to an endpoint and says what arrives there, in the service's own reading."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import zmq

from scopeside.checks.finding import Finding
from scopeside.client.connection import connected
from scopeside.errors import DropError
from scopeside.settings import LimitSettings
from scopeside.wire.incoming import FrameMessage
from scopeside.wire.native import decode_message

SECTION = "probe"
KINDS = {"sub": zmq.SUB, "pull": zmq.PULL}
HWM_MESSAGES = 16


@dataclass(slots=True)
class Heard:
    """What came while listening; `problems` counts drop reasons, with one sentence each."""

    endpoint: str
    seconds: float
    messages: int = 0
    received_bytes: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    series: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    first_frame_s: float = 0.0
    last_frame_s: float = 0.0
    problems: Counter[str] = field(default_factory=Counter)
    sentences: dict[str, str] = field(default_factory=dict)

    def take(self, parts: list[bytes], limits: LimitSettings, *, now_s: float) -> None:
        """Note one message as the service would read it."""
        self.messages += 1
        self.received_bytes += sum(map(len, parts))
        self.topics[parts[0][:40].decode("ascii", errors="backslashreplace")] += 1
        try:
            message = decode_message(parts, limits)
        except DropError as error:
            self.problems[str(error.reason)] += 1
            self.sentences.setdefault(str(error.reason), str(error))
            return
        self.series[message.series] += 1
        if isinstance(message, FrameMessage):
            ny, nx = message.channels[0].values.shape
            self.images[f"{ny} x {nx} {message.channels[0].values.dtype.str}"] += 1
            self.first_frame_s = self.first_frame_s if self.frames else now_s
            self.last_frame_s = now_s
            self.frames += 1

    @property
    def rate_hz(self) -> float:
        spent_s = self.last_frame_s - self.first_frame_s
        return (self.frames - 1) / spent_s if spent_s > 0 else 0.0

    def findings(self) -> Iterator[Finding]:
        """Yield what was heard; silence and problems are not ok."""
        if not self.messages:
            yield Finding(
                section=SECTION,
                name=self.endpoint,
                value=f"nothing arrived within {self.seconds:g} s",
                ok=False,
                fix="Check that the sender runs, that it binds (or listen where it connects to), "
                "and --socket: a PUB needs sub, a PUSH needs pull.",
            )
            return
        amount = f"{self.messages} messages, {self.received_bytes / 1e6:.1f} MB"
        yield Finding(
            section=SECTION,
            name=self.endpoint,
            value=f"{amount} in {self.seconds:g} s",
            ok=True,
        )
        for name, counted in (
            ("topic", self.topics),
            ("series", self.series),
            ("image", self.images),
        ):
            for value, count in counted.most_common(5):
                yield Finding(section=SECTION, name=name, value=f"{value} ({count} messages)")
        if self.rate_hz:
            yield Finding(section=SECTION, name="rate", value=f"{self.rate_hz:.1f} frames/s")
        for reason, count in self.problems.most_common():
            yield Finding(
                section=SECTION,
                name=reason,
                value=f"{count} messages would be dropped: {self.sentences[reason]}",
                ok=False,
                fix="Compare the sender with docs/wire-contract.md.",
            )


def probe(endpoint: str, *, kind: str, seconds: float, limits: LimitSettings) -> Heard:
    """Connect a SUB or PULL socket and listen; EndpointError for an impossible endpoint.

    Beware that a PULL takes its share of the frames away from others that pull.
    """
    heard = Heard(endpoint=endpoint, seconds=seconds)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        options = {zmq.RCVHWM: HWM_MESSAGES, zmq.MAXMSGSIZE: limits.message_bytes}
        socket = connected(context, KINDS[kind], endpoint, options=options)
        try:
            until_s = time.monotonic() + seconds
            while (left_s := until_s - time.monotonic()) > 0:
                if socket.poll(int(1000 * left_s) + 1):
                    heard.take(socket.recv_multipart(), limits, now_s=time.monotonic())
        finally:
            socket.close()
    finally:
        context.term()
    return heard
