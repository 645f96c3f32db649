"""Control requests and replies: strict models of what may be asked, builders of the answers.

A request that cannot be understood is a RequestError: its sender gets the code and the sentence.
Codes raised here: `bad_request`, `bad_version`, `unknown_command`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgpack
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scopeside.errors import RequestError
from scopeside.wire.arrays import Buffer, short

VERSION = 1

MAX_REQUEST_BYTES = 64 * 2**10
"""Largest request; no command needs a hundredth of it."""

Name = Annotated[str, Field(min_length=1, max_length=128)]
CommunityRef = Annotated[int, Field(ge=1, le=2**16 - 1)]
Scalar = bool | int | float | str | None


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
    """Points of one community, to visit next."""

    cmd: Literal["targets"]
    community: CommunityRef | Name
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    strategy: Literal["interior", "boundary", "random"] = "interior"


Request = Plain | Clock | SetValues | NameCommunity | Metrics | Preview | Targets

COMMANDS: tuple[str, ...] = tuple(
    name for model in get_args(Request) for name in get_args(model.model_fields["cmd"].annotation)
)
"""Every command of the contract."""

_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="cmd")])


def parse_request(message: Buffer) -> Request:
    """Return what a request asks; RequestError, with the request's `id` where it could be read."""
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
    if cmd not in COMMANDS:
        raise RequestError(
            "unknown_command",
            f"Command {short(cmd)} is not one of {', '.join(COMMANDS)}.",
            request_id=request_id,
        )
    try:
        return _REQUEST.validate_python(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in fault["loc"][1:])
        raise RequestError(
            "bad_request",
            f"Command {cmd}, field {short(where)}: {fault['msg']}.",
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
