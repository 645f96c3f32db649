"""What may be asked of the twin: strict models of the requests of docs/twin.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from scopeside.errors import RequestError
from scopeside.twin.makeup import MAKEUPS
from scopeside.wire.arrays import Buffer
from scopeside.wire.control import parse_as

MOST_FRAMES = 10_000
"""Most frames of one `acquire`: what is asked meanwhile waits for its end."""
MOST_PIXELS = 1024
"""Largest side of a map in a reply."""

Place = Annotated[float, Field(ge=-1.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, le=3600.0)]
Dwell = Annotated[float, Field(gt=0.0, le=3600.0)]
Fov = Annotated[float, Field(ge=1e-9, le=1e-4)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]


class TwinRequest(BaseModel):
    """`waited_s` is simulated time that passes before the command is done: what a loop needed to
    think. Only a stepped twin has to be told; the clock of another goes on by itself."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    v: Literal[1]
    id: Any = None
    waited_s: Seconds = 0.0


class Plain(TwinRequest):
    """A command that says all it has to say by its name."""

    cmd: Literal["state", "stop"]


class Move(TwinRequest):
    """Drive the stage to a place, in metres, and let it settle."""

    cmd: Literal["move"]
    x_m: Place
    y_m: Place


class Acquire(TwinRequest):
    """Expose frames and publish them; 0 goes on until the next `acquire`, or `stop`."""

    cmd: Literal["acquire"]
    frames: Annotated[int, Field(ge=0, le=MOST_FRAMES)] = 1
    dwell_s: Dwell | None = None


class FieldOfView(TwinRequest):
    """Change the magnification: the width of what a frame shows, in metres."""

    cmd: Literal["fov"]
    width_m: Fov


class Blank(TwinRequest):
    """Open the beam, shut it, or let it through only while the camera exposes."""

    cmd: Literal["blank"]
    beam: Literal["open", "shut", "exposing"]


class Truth(TwinRequest):
    """What a frame really showed; of the specimen, when no frame is named.

    `labels` asks for the label map too. Of the specimen it is a map of `width_m` about the origin.
    """

    cmd: Literal["truth"]
    frame: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    labels: bool = True
    width_m: Fov | None = None
    pixels: Annotated[int, Field(ge=16, le=MOST_PIXELS)] = 256


class Reset(TwinRequest):
    """Begin again with a fresh specimen: its name, its seed, and the name of the series."""

    cmd: Literal["reset"]
    specimen: Annotated[str, Field(max_length=64)] | None = None
    seed: Seed | None = None
    series: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    front_lead_m: Place = 0.0


Request = Plain | Move | Acquire | FieldOfView | Blank | Truth | Reset

COMMANDS: tuple[str, ...] = tuple(
    name for model in get_args(Request) for name in get_args(model.model_fields["cmd"].annotation)
)
"""Every command of the channel."""

_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="cmd")])


def parse_request(message: Buffer) -> Request:
    """Return what a request asks; RequestError, with the request's `id` where it could be read."""
    request = parse_as(_REQUEST, COMMANDS, message)
    if isinstance(request, Reset) and request.specimen not in (None, *MAKEUPS):
        raise RequestError(
            "bad_request",
            f"There is no specimen {request.specimen!r}: choose {' or '.join(MAKEUPS)}.",
            request_id=request.id,
        )
    return request
