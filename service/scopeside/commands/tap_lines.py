"""What a tap reports, as lines: `record` and `save` tell of it alike."""

from __future__ import annotations

from scopeside.recording.tap import OVERLOAD
from scopeside.wire.events import Event


def told(event: Event) -> str:
    """Return what happened as one line, and to how many messages where not to all that follow."""
    count = event["count"]
    dropped = f"{count} message{'s' if count != 1 else ''} dropped. "
    return (dropped if event["code"].endswith(OVERLOAD) else "") + str(event["message"])
