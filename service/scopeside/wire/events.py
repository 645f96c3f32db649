"""Events: what happened, as single-part msgpack maps with `v`, `kind` and `t_ns` (service clock).

Kinds: `heartbeat`, `series`, `drop`, `community`, `observation`, `targets`, `alarm`, `error`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgpack

from scopeside.errors import DropError, DropReason
from scopeside.messages import Accounting, Segmentation
from scopeside.wire.arrays import short
from scopeside.wire.results import accounting_map, descriptors_map, front_map

VERSION = 1

Event = dict[str, Any]


def heartbeat(
    *, state: str, uptime_s: float, queue: int, rate_hz: float, totals: Accounting, **more: Any
) -> Event:
    """The service lives: frames waiting, frames segmented a second, and the books of it all."""
    return _event(
        "heartbeat",
        state=state,
        uptime_s=uptime_s,
        queue=queue,
        rate_hz=rate_hz,
        totals=accounting_map(totals),
        **more,
    )


def series_started(series: str) -> Event:
    """A series was opened, by its `start` or by its first frame."""
    return _event("series", event="started", series=series)


def series_ended(
    series: str, accounting: Accounting, *, why: Literal["end", "overtaken", "stopped"]
) -> Event:
    """A series is over and nothing of it is in flight: these are its final books.

    `why`: its sender ended it, a newer series overtook it, or the service stopped.
    """
    return _event(
        "series", event="ended", series=series, why=why, accounting=accounting_map(accounting)
    )


def dropped(
    reason: DropReason, message: str, *, series: str | None, frame: int | None, count: int = 1
) -> Event:
    """`count` messages were dropped for `reason`; the rest describes the last of them."""
    return _event(
        "drop", reason=reason.value, message=message, series=series, frame=frame, count=count
    )


def community(event: Literal["appeared", "vanished"], *, series: str, frame: int, id: int) -> Event:  # noqa: A002
    """A community came or went, at this frame."""
    return _event("community", event=event, series=series, frame=frame, id=id)


def targets(
    points: Sequence[Mapping[str, Any]], *, series: str, frame: int, strategy: str
) -> Event:
    """Points to visit next, as somebody asked for them; the best first."""
    return _event(
        "targets",
        series=series,
        frame=frame,
        strategy=strategy,
        points=[dict(point) for point in points],
    )


def observation(segmentation: Segmentation) -> Event:
    """What was measured in one frame: a few hundred bytes, for whoever wants the time series.

    `t_ns` of an event is when it was made; `exposed_ns` is the frame's own.
    """
    frame = segmentation.frame
    return _event(
        "observation",
        series=frame.series,
        frame=frame.number,
        exposed_ns=frame.t_ns,
        dose_e_per_m2=frame.dose_e_per_m2,
        communities=[
            {
                "id": int(one.identity.id),
                "name": one.identity.name,
                "fraction": float(one.fraction),
            }
            | descriptors_map(one)
            for one in segmentation.communities
        ],
        fronts=[front_map(front) for front in segmentation.fronts],
    )


def alarm(rule: str, **evidence: Any) -> Event:
    """A rule has fired; the evidence is what the contract's page lists."""
    return _event("alarm", rule=rule, **evidence)


def error(code: str, message: str, *, count: int = 1) -> Event:
    """Something went wrong that is no frame's fault; the service lives on."""
    return _event("error", code=code, message=message, count=count)


def encode_event(event: Mapping[str, Any]) -> bytes:
    """Return the event as a message."""
    message: bytes = msgpack.packb(dict(event))
    return message


def decode_event(message: bytes | memoryview) -> Event:
    """Return the event in a message; DropError for what is none of this version."""
    try:
        event = msgpack.unpackb(message, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as fault:
        raise DropError(
            DropReason.BAD_HEADER, f"An event is not one msgpack map: {short(str(fault))}."
        ) from fault
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        raise DropError(DropReason.BAD_HEADER, "A message is no event: it has no kind.")
    if event.get("v") != VERSION:
        raise DropError(
            DropReason.BAD_VERSION,
            f"An event has version {short(event.get('v'))}; this client knows {VERSION}.",
        )
    return event


def _event(kind: str, **fields: Any) -> Event:
    return {"v": VERSION, "kind": kind, "t_ns": time.time_ns()} | fields
