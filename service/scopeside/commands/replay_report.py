"""What a replay says of a stream when it is over."""

from __future__ import annotations

from typing import Any

from scopeside.replaying.stream import Stream


def line(stream: Stream) -> str:
    """Return how it went in one line, for people."""
    sent, source = stream.sent, stream.source
    parts = [
        f"{'stopped after' if sent.stopped else 'sent'} {sent.frames} frames of "
        f"{_what(stream)} to {stream.publisher.endpoint} in {sent.seconds:.1f} s "
        f"({sent.rate_hz:.2f} per second, {sent.bytes / 1e6:.1f} MB)",
    ]
    lateness = sent.lateness
    if lateness.count:
        late = f"{lateness.late} late"
        if lateness.late:
            late += f" ({lateness.bunched} bunched, at worst {1e3 * lateness.worst_s:.1f} ms)"
        parts.append(f"{late}, p99 of lateness {1e3 * lateness.percentile_s(99):.2f} ms")
    if source.damaged:
        parts.append(f"{source.damaged} damaged messages of the recording left out")
    return "; ".join(parts)


def figures(stream: Stream, socket: str) -> dict[str, Any]:
    """Return the same for the report."""
    sent = stream.sent
    lateness = sent.lateness.figures()
    return {
        "series": stream.series[0] if len(stream.series) == 1 else stream.series,
        "endpoint": stream.publisher.endpoint,
        "socket": socket,
        "file": stream.source.name,
        "frames": sent.frames,
        "sent": sent.messages,
        "bytes": sent.bytes,
        "late": lateness["late"],
        "worst_late_s": lateness["worst_late_s"],
        "lateness": lateness,
        "damaged": stream.source.damaged,
        "seconds": sent.seconds,
        "rate_hz": sent.rate_hz,
        "stopped": sent.stopped,
    }


def _what(stream: Stream) -> str:
    names = stream.series
    return f"'{names[0]}'" if len(names) == 1 else f"{len(names)} series"
