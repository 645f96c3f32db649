"""Knows at any moment how the service's clock differs from this machine's; asks in a thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from scopeside.client import calls
from scopeside.client.connection import ClientKeys
from scopeside.client.control import ControlClient
from scopeside.client.exchange import ClockOffset, Exchange, estimate
from scopeside.client.procedures import CLOCK_ROUNDS
from scopeside.errors import EndpointError, ServiceError

REFRESH_S = 30.0
"""Between two estimates: by then two clocks have parted by less than a millisecond."""

RETRY_S = 2.0
"""After an estimate that failed: no service yet, or none any more."""

ANSWER_S = 0.5
"""Longest way that is worth waiting for; closing waits no longer than this either."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An estimate, and what our two clocks showed when it was made."""

    offset: ClockOffset
    wall_ns: int
    steady_ns: int


class ClockKeeper:
    """Estimates the clock offset now and every `every_s`, and never makes a sender wait.

    Close it. `problem` is what the last estimate failed by, None where it did not.
    """

    def __init__(
        self,
        control: str,
        *,
        every_s: float = REFRESH_S,
        rounds: int = CLOCK_ROUNDS,
        keys: ClientKeys | None = None,
    ) -> None:
        self.problem: str | None = None
        self._every_s = every_s
        self._rounds = rounds
        self._known: _Known | None = None
        self._first = threading.Event()
        self._over = threading.Event()
        # The thread alone uses this socket once it runs.
        self._control = ControlClient(control, timeout_s=ANSWER_S, keys=keys)
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def offset(self) -> ClockOffset | None:
        """Return the offset as it is known now, None where no estimate succeeded yet.

        It is grown older by its age, and moved along where our wall clock was set meanwhile.
        """
        known = self._known
        if known is None:
            return None
        passed_ns = time.perf_counter_ns() - known.steady_ns
        moved_ns = time.time_ns() - known.wall_ns - passed_ns
        aged = known.offset.aged(passed_ns / 1e9)
        return ClockOffset(offset_ns=aged.offset_ns - moved_ns, uncertainty_ns=aged.uncertainty_ns)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a first estimate; return whether there is one."""
        return self._first.wait(timeout_s)

    def close(self) -> None:
        """Ask no more; doing so twice is harmless."""
        self._over.set()
        self._thread.join()
        self._control.close()

    def _run(self) -> None:
        while not self._over.is_set():
            self._over.wait(self._every_s if self._estimated() else min(RETRY_S, self._every_s))

    def _estimated(self) -> bool:
        exchanges: list[Exchange] = []
        try:
            for _ in range(self._rounds):
                if self._over.is_set():
                    return False
                exchanges.append(self._control.ask(calls.clock(time.time_ns(), time.time_ns)))
        except (EndpointError, ServiceError) as error:
            self.problem = str(error)
            return False
        self._known = _Known(estimate(exchanges), time.time_ns(), time.perf_counter_ns())
        self.problem = None
        self._first.set()
        return True
