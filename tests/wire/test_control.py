"""Control requests: what the contract lists is understood, everything else is answered."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.errors import RequestError
from scopeside.wire.control import (
    MAX_REQUEST_BYTES,
    Clock,
    NameCommunity,
    RulesRequest,
    SetValues,
    Targets,
    VisitedPoints,
    parse_request,
    reply_error,
    reply_ok,
)


def request(**fields: Any) -> bytes:
    packed: bytes = msgpack.packb({"v": 1, "id": "a7"} | fields)
    return packed


def refusal(message: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse_request(message)
    return caught.value


@pytest.mark.parametrize(
    "cmd", ["ping", "status", "config", "reference", "reset", "pause", "resume", "drain"]
)
def test_plain_command_is_understood(cmd: str) -> None:
    asked = parse_request(request(cmd=cmd))
    assert asked.cmd == cmd
    assert asked.id == "a7"


def test_commands_with_arguments_are_understood() -> None:
    clock = parse_request(request(cmd="clock", t0_ns=5))
    assert isinstance(clock, Clock)
    assert clock.t0_ns == 5
    values = parse_request(request(cmd="set", values={"graph.resolution": 0.6}))
    assert isinstance(values, SetValues)
    assert values.values == {"graph.resolution": 0.6}
    name = parse_request(request(cmd="name", community=3, name="amorphous"))
    assert isinstance(name, NameCommunity)
    assert (name.community, name.name) == (3, "amorphous")
    targets = parse_request(
        request(cmd="targets", community="amorphous", count=5, strategy="boundary")
    )
    assert isinstance(targets, Targets)
    assert (targets.community, targets.count, targets.strategy) == ("amorphous", 5, "boundary")
    assert (targets.avoid_visited, targets.mark_visited, targets.min_distance_px) == (
        False,
        False,
        None,
    )
    visited = parse_request(request(cmd="visited", action="mark", points_px=[[1, 2.5]]))
    assert isinstance(visited, VisitedPoints)
    assert visited.points_px == [[1.0, 2.5]]
    rules = parse_request(request(cmd="rules"))
    assert isinstance(rules, RulesRequest)
    assert rules.action == "list"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"cmd": "fly"}, "unknown_command"),
        ({}, "unknown_command"),
        ({"cmd": ["ping"]}, "unknown_command"),
        ({"cmd": "ping", "v": 2}, "bad_version"),
        ({"cmd": "ping", "v": True}, "bad_version"),
        ({"cmd": "ping", "t0_ns": 1}, "bad_request"),
        ({"cmd": "clock"}, "bad_request"),
        ({"cmd": "clock", "t0_ns": 1.5}, "bad_request"),
        ({"cmd": "set", "values": {}}, "bad_request"),
        ({"cmd": "set", "values": {"a": [1]}}, "bad_request"),
        ({"cmd": "set", "values": {"a": float("nan")}}, "bad_request"),
        ({"cmd": "name", "community": 0, "name": "x"}, "bad_request"),
        ({"cmd": "name", "community": 3, "name": ""}, "bad_request"),
        ({"cmd": "targets", "community": True}, "bad_request"),
        ({"cmd": "targets", "community": 1, "strategy": "anywhere"}, "bad_request"),
        ({"cmd": "targets", "community": 1, "min_distance_px": -1.0}, "bad_request"),
        ({"cmd": "targets", "community": 1, "count": 1001}, "bad_request"),
        ({"cmd": "visited", "action": "mark"}, "bad_request"),
        ({"cmd": "visited", "action": "list", "points_px": [[1, 2]]}, "bad_request"),
        ({"cmd": "visited", "action": "mark", "points_px": [[1, 2, 3]]}, "bad_request"),
        ({"cmd": "rules", "action": "set"}, "bad_request"),
        ({"cmd": "rules", "action": "remove"}, "bad_request"),
        ({"cmd": "rules", "action": "list", "name": "x"}, "bad_request"),
    ],
)
def test_request_that_makes_no_sense_is_refused_by_code(fields: Any, code: str) -> None:
    error = refusal(request(**fields))
    assert error.code == code
    assert error.request_id == "a7"
    assert str(error).endswith(".")


def test_bytes_that_are_no_request_are_refused() -> None:
    for garbage in (b"", b"\xc1", b"\x01", msgpack.packb([1]), b"x" * (MAX_REQUEST_BYTES + 1)):
        assert refusal(garbage).code == "bad_request"


@given(st.binary(max_size=80))
def test_random_bytes_raise_nothing_but_request_errors(message: bytes) -> None:
    assert refusal(message).code in {"bad_request", "bad_version"}


def test_replies_carry_the_id_of_their_request() -> None:
    assert msgpack.unpackb(reply_ok({"n": 1}, state="ready")) == {
        "v": 1,
        "id": {"n": 1},
        "ok": True,
        "state": "ready",
    }
    assert msgpack.unpackb(reply_error(7, "not_live", "It is fixed.")) == {
        "v": 1,
        "id": 7,
        "ok": False,
        "error": {"code": "not_live", "message": "It is fixed."},
    }
