"""Control requests and replies: strict models of what may be asked, builders of the answers.

A request that cannot be understood is a RequestError: its sender gets the code and the sentence.
Codes raised here: `bad_request`, `bad_version`, `unknown_command`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgpack
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from scopeside.errors import RequestError
from scopeside.rule_settings import Text
from scopeside.targets import Strategy
from scopeside.wire.arrays import Buffer, short

VERSION = 1

MAX_REQUEST_BYTES = 64 * 2**10
"""Largest request; no command needs a hundredth of it."""

Name = Annotated[str, Field(min_length=1, max_length=128)]
CommunityRef = Annotated[int, Field(ge=1, le=2**16 - 1)]
Scalar = bool | int | float | str | None

Asked = TypeVar("Asked")


class Command(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    v: Literal[1]
    id: Any = None


class Plain(Command):
    """A command that says all it has to say by its name."""

    cmd: Literal["ping", "status", "config", "reference", "reset", "pause", "resume", "drain"]


class Clock(Command):
    """One exchange of time stamps; `t0_ns` is the asker's clock when it sent."""

    cmd: Literal["clock"]
    t0_ns: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]


class SetValues(Command):
    """Change live settings, by dotted key."""

    cmd: Literal["set"]
    values: Annotated[dict[str, Scalar], Field(min_length=1, max_length=256)]


class NameCommunity(Command):
    """Give a community a name, or take it away with nil."""

    cmd: Literal["name"]
    community: CommunityRef
    name: Name | None


class Metrics(Command):
    """The service's own figures: counts and times of every frame, queues, threads and memory."""

    cmd: Literal["metrics"]
    percentiles: bool = False


class Preview(Command):
    """The newest result with its frame, scaled: for eyes.

    Answered without either while it is the one numbered `after`; without arrays where `max_px`,
    the longest side of a picture, is 0.
    """

    cmd: Literal["preview"]
    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    max_px: Annotated[int, Field(ge=0, le=2048)] = 0
    confidence: bool = False


class Targets(Command):
    """Points of one community (or of all that a name stands for), to visit next."""

    cmd: Literal["targets"]
    community: CommunityRef | Name
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    strategy: Strategy = "interior"
    min_distance_px: Annotated[float, Field(ge=0.0)] | None = None
    one_per_region: bool = True
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    avoid_visited: bool = False
    mark_visited: bool = False
    metres: bool = False


Points = list[Annotated[list[float], Field(min_length=2, max_length=2)]]


class VisitedPoints(Command):
    """Mark, list or clear the points that a loop has been to."""

    cmd: Literal["visited"]
    action: Literal["mark", "list", "clear"]
    points_px: Points = []
    """`[y, x]` in pixels of the newest frame."""
    points_m: Points = []
    """`[x, y]` on the stage, in metres."""

    @model_validator(mode="after")
    def _marks_something(self) -> VisitedPoints:
        if bool(self.points_px or self.points_m) != (self.action == "mark"):
            raise ValueError("mark takes points_px or points_m, list and clear take neither")
        return self


class RulesRequest(Command):
    """List the rules, set one (or put it in place of the one of its name), or remove one."""

    cmd: Literal["rules"]
    action: Literal["list", "set", "remove"] = "list"
    rule: dict[str, Any] | None = None
    """For `set`: what a table `[[rules]]` holds."""
    name: Text | None = None
    """For `remove`."""

    @model_validator(mode="after")
    def _says_which(self) -> RulesRequest:
        if (self.rule is not None) != (self.action == "set"):
            raise ValueError("set takes a rule, list and remove take none")
        if (self.name is not None) != (self.action == "remove"):
            raise ValueError("remove takes a name, list and set take none")
        return self


Request = (
    Plain
    | Clock
    | SetValues
    | NameCommunity
    | Metrics
    | Preview
    | Targets
    | VisitedPoints
    | RulesRequest
)

COMMANDS: tuple[str, ...] = tuple(
    name for model in get_args(Request) for name in get_args(model.model_fields["cmd"].annotation)
)
"""Every command of the contract."""

_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="cmd")])


def parse_request(message: Buffer) -> Request:
    """Return what a request asks; RequestError, with the request's `id` where it could be read."""
    return parse_as(_REQUEST, COMMANDS, message)


def parse_as(adapter: TypeAdapter[Asked], known: Sequence[str], message: Buffer) -> Asked:
    """Return a request of a channel that is asked like this one, by its models and its commands."""
    if len(message) > MAX_REQUEST_BYTES:
        raise RequestError(
            "bad_request",
            f"A request of {len(message)} bytes is more than {MAX_REQUEST_BYTES}.",
        )
    try:
        fields = msgpack.unpackb(message)
        reply_ok(fields.get("id") if isinstance(fields, dict) else None)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise RequestError(
            "bad_request", f"A request is not one msgpack map: {short(str(error))}."
        ) from error
    if not isinstance(fields, dict):
        raise RequestError("bad_request", "A request is msgpack, but not a map.")
    request_id, version, cmd = fields.get("id"), fields.get("v"), fields.get("cmd")
    if type(version) is not int or version != VERSION:
        raise RequestError(
            "bad_version",
            f"Version {short(version)} of the wire contract is unknown; this is version {VERSION}.",
            request_id=request_id,
        )
    if cmd not in known:
        raise RequestError(
            "unknown_command",
            f"Command {short(cmd)} is not one of {', '.join(known)}.",
            request_id=request_id,
        )
    try:
        return adapter.validate_python(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in fault["loc"][1:])
        field = f", field {short(where)}" if where else ""
        raise RequestError(
            "bad_request",
            f"Command {cmd}{field}: {fault['msg'].removeprefix('Value error, ')}.",
            request_id=request_id,
        ) from error


def reply_ok(request_id: Any, **fields: Any) -> bytes:
    """Return the reply to a request that was done."""
    message: bytes = msgpack.packb({"v": VERSION, "id": request_id, "ok": True} | fields)
    return message


def reply_error(request_id: Any, code: str, message: str) -> bytes:
    """Return the reply to a request that was refused."""
    reply: bytes = msgpack.packb(
        {
            "v": VERSION,
            "id": request_id,
            "ok": False,
            "error": {"code": code, "message": message},
        }
    )
    return reply
