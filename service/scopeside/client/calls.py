"""The commands of the wire contract as values: what is asked, and how the answer reads.

Both clients, the waiting one and the asyncio one, ask with these and read with these: what a
command means is written once. No sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgpack

from scopeside.client.exchange import Exchange
from scopeside.errors import (
    ConfigError,
    DropError,
    RefusedError,
    ServiceBusyError,
    ServiceError,
    ServiceVersionError,
)
from scopeside.targets import Strategy, Target
from scopeside.wire.plain import plain

VERSION = 1

Reply = dict[str, Any]
Rule = dict[str, Any]
"""What a table `[[rules]]` of the configuration holds."""
Answer = TypeVar("Answer")
Community = int | str
"""A community by its id or, where it has been named, by its name."""

_OTHER_VERSION = {"bad_version", "unknown_command", "not_available"}


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One command with its arguments; `read` turns the reply into what the caller gets.

    `repeatable`: asking twice does no more than asking once, so a reply that was lost on the way
    may be asked for again.
    """

    cmd: str
    read: Callable[[Reply], Answer]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    repeatable: bool = True

    def message(self, number: int) -> bytes:
        """Return the request; ConfigError for arguments that a message cannot hold."""
        try:
            request = plain({**self.arguments, "v": VERSION, "id": number, "cmd": self.cmd})
            message: bytes = msgpack.packb(request, use_bin_type=True)
        except (DropError, TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f'The arguments of "{self.cmd}" cannot be sent: {error}') from error
        return message

    def answer(self, message: bytes, endpoint: str) -> Answer:
        """Return what a reply of the service at `endpoint` says.

        Raises the ServiceError that its refusal stands for, with the service's own sentence, and
        ServiceVersionError for a reply without what this client reads in it.
        """
        reply = _unpacked(message, self.cmd, endpoint)
        if reply.get("ok") is not True:
            raise _refusal(self.cmd, reply.get("error"))
        try:
            return self.read(reply)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ServiceVersionError(
                f'The reply to "{self.cmd}" from {endpoint} lacks what this client reads '
                f"({error!r}): the service is of another version, update the older of the two."
            ) from error


def whole(cmd: str, arguments: Mapping[str, Any] | None = None) -> Call[Reply]:
    """Any command; its answer is the reply as it came."""
    return Call(cmd, dict, arguments or {})


def status() -> Call[Reply]:
    return whole("status")


def config() -> Call[dict[str, Any]]:
    """The effective settings: sections of values."""
    return Call("config", lambda reply: dict(reply["config"]))


def set_values(values: Mapping[str, Any]) -> Call[Reply]:
    return whole("set", {"values": dict(values)})


def settings_of(config: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the values of settings, such as `graph.resolution`, in an answer to `config`."""
    found = {}
    for key in keys:
        value: Any = config
        for part in key.split("."):
            value = value[part]
        found[key] = value
    return found


def name(community: int, title: str | None) -> Call[Reply]:
    return whole("name", {"community": community, "name": title})


def targets(
    community: Community, count: int, strategy: Strategy, options: Mapping[str, Any]
) -> Call[tuple[Target, ...]]:
    """Points of the newest label map; options are those of the contract."""
    return Call(
        "targets",
        lambda reply: tuple(_target(point) for point in reply["points"]),
        {**options, "community": community, "count": count, "strategy": strategy},
        # Asked twice, the points of a reply that was lost would be marked and yet never visited.
        repeatable=not options.get("mark_visited"),
    )


def list_rules() -> Call[tuple[Rule, ...]]:
    return Call("rules", _rules, {"action": "list"})


def rule_states() -> Call[dict[str, Any]]:
    return Call("rules", lambda reply: dict(reply["states"]), {"action": "list"})


def set_rule(rule: Mapping[str, Any]) -> Call[Reply]:
    return whole("rules", {"action": "set", "rule": dict(rule)})


def remove_rule(title: str) -> Call[Reply]:
    return whole("rules", {"action": "remove", "name": title})


def list_visited() -> Call[tuple[Rule, ...]]:
    return Call("visited", lambda reply: tuple(reply["points"]), {"action": "list"})


def mark_visited(points_px: Any, points_m: Any) -> Call[Reply]:
    points = {"points_px": points_px, "points_m": points_m}
    return Call("visited", dict, {"action": "mark", **points}, repeatable=False)


def clear_visited() -> Call[Reply]:
    return whole("visited", {"action": "clear"})


def clock(t0_ns: int, now_ns: Callable[[], int]) -> Call[Exchange]:
    """One exchange of time stamps; `now_ns` reads the asker's clock when the reply is here."""
    return Call(
        "clock",
        lambda reply: Exchange(
            t0_ns=int(reply["t0_ns"]),
            t1_ns=int(reply["t1_ns"]),
            t2_ns=int(reply["t2_ns"]),
            t3_ns=now_ns(),
        ),
        {"t0_ns": t0_ns},
        # A repeated request would count the wait for the first reply as its way.
        repeatable=False,
    )


def _rules(reply: Reply) -> tuple[Rule, ...]:
    return tuple(dict(rule) for rule in reply["rules"])


def _target(point: Mapping[str, Any]) -> Target:
    stage_m, confidence = point["stage_m"], point["confidence"]
    return Target(
        community=int(point["community"]),
        y_px=float(point["y_px"]),
        x_px=float(point["x_px"]),
        region=int(point["region"]),
        clearance_px=float(point["clearance_px"]),
        confidence=None if confidence is None else float(confidence),
        stage_m=None if stage_m is None else (float(stage_m[0]), float(stage_m[1])),
    )


def _unpacked(message: bytes, cmd: str, endpoint: str) -> Reply:
    try:
        reply = msgpack.unpackb(message, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise ServiceError(
            f'The reply to "{cmd}" from {endpoint} is not msgpack: this is no control '
            "endpoint of the service."
        ) from error
    if not isinstance(reply, dict):
        raise ServiceError(f'The reply to "{cmd}" from {endpoint} is no map.')
    return reply


def _refusal(cmd: str, error: Any) -> ServiceError:
    known = error if isinstance(error, dict) else {}
    code, detail = str(known.get("code")), known.get("message", error)
    sentence = f'The service refused "{cmd}": {detail}'
    if code in _OTHER_VERSION:
        return ServiceVersionError(f"{sentence} Update the older of service and client.")
    if code == "bad_state":
        return ServiceBusyError(sentence)
    return RefusedError(code, sentence)
