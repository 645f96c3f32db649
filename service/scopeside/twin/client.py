"""Drives the twin: what a loop imports beside the client of the service.

Shapes: Y, X pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from scopeside.client.control import ControlClient
from scopeside.client.result import Result
from scopeside.errors import EndpointError, NoResultError, ServiceError
from scopeside.messages import UInt8
from scopeside.twin.optics import Beam
from scopeside.wire.arrays import decode_array

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5560"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the twin stands after a command: its clock, the stage's reading, beam and dose.

    `electrons` is all that the gun has sent on the specimen; `series` is what frames belong to.
    """

    series: str
    clock_s: float
    x_m: float
    y_m: float
    fov_m: float
    beam: Beam
    electrons: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What a frame really showed, or the whole specimen; `raw` is the reply with the rest of it.

    `kind_YX` holds the numbers of `kinds`, None where it was not asked for. `fractions` are of the
    frame, by title; `amorphous` is of what in it is film.
    """

    kinds: Mapping[int, str]
    kind_YX: UInt8 | None
    fractions: Mapping[str, float]
    amorphous: float
    x_m: float
    y_m: float
    clock_s: float
    raw: Mapping[str, Any]


class TwinClient:
    """The twin's channel; not to be shared between threads.

    A stepped twin's clock goes on by commands alone, and a loop's own time would be free: so the
    time since the last reply, in which the service segmented and the loop thought, is charged with
    the next command, as if the microscope had gone on meanwhile. `latency_s` charges a fixed time
    in place of what was measured, which makes a run the same every time; 0 charges nothing.

    Every method raises EndpointError where no reply comes in time, and ServiceError, with the
    twin's own sentence, where it refuses.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        latency_s: float | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self.endpoint = endpoint
        self.charged_s = 0.0
        """Latency charged in all."""
        self._latency_s = latency_s
        self._control = ControlClient(endpoint, timeout_s=timeout_s)
        self._answered_s = time.monotonic()
        self._thought_s = 0.0

    def move(self, x_m: float, y_m: float) -> Standing:
        """Drive the stage to a place and wait until it has settled."""
        return _standing(self._call("move", x_m=float(x_m), y_m=float(y_m)))

    def acquire(self, frames: int = 1, *, dwell_s: float | None = None) -> int:
        """Expose and publish frames, and return the number of the last of them.

        With 0 a twin that is not stepped goes on until the next `acquire`; what is returned is the
        number of the last frame before.
        """
        reply = self._call("acquire", frames=frames, dwell_s=dwell_s)
        return int(reply["first"]) + int(reply["frames"]) - 1

    def see(self, results: Iterable[Result], *, dwell_s: float | None = None) -> Result:
        """Expose one frame and return its result, from a stream of all results.

        A stream of the newest only will not do: nothing comes after a result that ZeroMQ leaves
        out in favour of the next one. Raises NoResultError where the stream ends before.
        """
        reply = self._call("acquire", frames=1, dwell_s=dwell_s)
        for result in results:
            if (result.series, result.frame) == (reply["series"], reply["first"]):
                return result
        raise NoResultError(
            f"No result of frame {reply['first']} of series {reply['series']} came: see whether "
            "the service dropped it, and why, with `scopeside watch`."
        )

    def fov(self, width_m: float) -> Standing:
        """Change the magnification: the width of what a frame shows, in metres."""
        return _standing(self._call("fov", width_m=float(width_m)))

    def blank(self, beam: Beam = "shut") -> Standing:
        """Shut the beam, open it, or let it through only while the camera exposes."""
        return _standing(self._call("blank", beam=beam))

    def state(self) -> dict[str, Any]:
        """Return everything that the twin says of itself; docs/twin.md lists it."""
        return self._call("state")

    def standing(self) -> Standing:
        """Return where the twin stands."""
        return _standing(self._call("state"))

    def truth(
        self,
        frame: int | None = None,
        *,
        labels: bool = True,
        width_m: float | None = None,
        pixels: int = 256,
    ) -> Truth:
        """Return what a frame really showed; without a number, what the specimen is.

        For whoever scores a loop: a loop that asks for the truth proves nothing. Asking is not
        charged.
        """
        reply = self._call(
            "truth", charge=False, frame=frame, labels=labels, width_m=width_m, pixels=pixels
        )
        labels_YX = decode_array(reply["labels"]) if "labels" in reply else None
        return Truth(
            kinds={int(label): str(title) for label, title in reply["kinds"].items()},
            kind_YX=labels_YX,
            fractions=reply["fractions"],
            amorphous=float(reply["amorphous"]),
            x_m=float(reply["stage"]["x_m"]),
            y_m=float(reply["stage"]["y_m"]),
            clock_s=float(reply["clock_s"]),
            raw=reply,
        )

    def reset(
        self,
        *,
        specimen: str | None = None,
        seed: int | None = None,
        series: str | None = None,
        front_lead_m: float = 0.0,
    ) -> dict[str, Any]:
        """Begin again with a fresh specimen, an open beam and a new series; return the state.

        Nothing is charged for what was thought before.
        """
        state = self._call(
            "reset",
            charge=False,
            specimen=specimen,
            seed=seed,
            series=series,
            front_lead_m=front_lead_m,
        )
        self._thought_s = 0.0
        return state

    def stop(self) -> None:
        """Let the twin end its series and its process."""
        self._call("stop")

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, cmd: str, *, charge: bool = True, **arguments: Any) -> dict[str, Any]:
        # What is asked for scoring alone takes time that is nobody's; the loop's own is kept.
        self._thought_s += time.monotonic() - self._answered_s
        waited_s = 0.0
        if charge:
            waited_s = self._thought_s if self._latency_s is None else self._latency_s
            self._thought_s = 0.0
        try:
            reply = self._control.call(cmd, waited_s=waited_s, **arguments)
        except EndpointError as error:
            raise EndpointError(
                f'No reply to "{cmd}" from {self.endpoint}: is `scopeside twin` running, with this '
                "as --control?"
            ) from error
        except ServiceError as error:
            raise ServiceError(
                str(error).replace("The service refused", "The twin refused")
            ) from error
        self.charged_s += waited_s
        self._answered_s = time.monotonic()
        return reply


def _standing(reply: Mapping[str, Any]) -> Standing:
    return Standing(
        series=str(reply["series"]),
        clock_s=float(reply["clock_s"]),
        x_m=float(reply["stage"]["x_m"]),
        y_m=float(reply["stage"]["y_m"]),
        fov_m=float(reply["fov_m"]),
        beam=reply["beam"],
        electrons=float(reply["electrons"]),
    )
