"""What a tap reports, as lines: `record` and `save` tell of it alike."""

from __future__ import annotations

import time
from collections.abc import Callable

from scopeside.commands.stopping import StopFlag
from scopeside.recording.tap import OVERLOAD
from scopeside.stages.reports import Reports
from scopeside.wire.events import Event

LINE_EVERY_S = 5.0


def told(event: Event) -> str:
    """Return what happened as one line, and to how many messages where not to all that follow."""
    count = event["count"]
    dropped = f"{count} message{'s' if count != 1 else ''} dropped. "
    return (dropped if event["code"].endswith(OVERLOAD) else "") + str(event["message"])


class Progress:
    """Asked between two turns whether a tap's run is to end; says every few seconds how far it is.

    `seconds` is the longest that it lasts, None for no limit; `say` writes a line.
    """

    def __init__(
        self,
        reports: Reports,
        stopped: StopFlag,
        *,
        begun_s: float,
        seconds: float | None,
        say: Callable[[str], None],
    ) -> None:
        self._reports = reports
        self._stopped = stopped
        self._begun_s = begun_s
        self._seconds = seconds
        self._say = say
        self._say_s = begun_s + LINE_EVERY_S

    def over(self, line: Callable[[], str]) -> bool:
        """Return whether time is up or a stop was asked for; `line` is what there is to say."""
        now_s = time.monotonic()
        self._reports.flush()
        if now_s >= self._say_s:
            self._say_s = now_s + LINE_EVERY_S
            self._say(line())
        late = self._seconds is not None and now_s - self._begun_s >= self._seconds
        return self._stopped() or late
