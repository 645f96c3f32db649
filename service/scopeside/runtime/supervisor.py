"""Tells systemd how the service is: ready, alive, stopping (sd_notify(3)).

A datagram to the socket that `NOTIFY_SOCKET` names; without one nobody asked, and nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from scopeside.runtime.lifecycle import State

EXTEND_S = 60
"""While the service warms up, which may take minutes, systemd is told every second that it takes at
most this long from now; a process that hangs says so no more."""

_SERVING = frozenset({State.READY, State.PAUSED})


class Supervisor:
    """Sends what every heartbeat says; never waits and never raises once it is made.

    `hanging` names the threads whose loops have not come round for too long: while there are any,
    the watchdog gets no word, and systemd ends the process and starts it anew.
    """

    def __init__(
        self, hanging: Callable[[], list[str]], *, env: Mapping[str, str] = os.environ
    ) -> None:
        self._hanging = hanging
        self._ready = False
        self._address = env.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # a name in Linux's abstract namespace
            self._address = "\0" + self._address[1:]
        self._socket = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            if self._address
            else None
        )

    def beat(self, state: State, heartbeat: Mapping[str, Any]) -> None:
        """Pass on one heartbeat; any thread may."""
        if self._socket is not None:
            with suppress(OSError):  # a supervisor that does not listen is no fault of the service
                self._socket.setblocking(False)
                self._socket.sendto("\n".join(self._said(state, heartbeat)).encode(), self._address)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _said(self, state: State, heartbeat: Mapping[str, Any]) -> list[str]:
        hanging = self._hanging() if state in _SERVING else []
        said = [f"STATUS={_status(state, heartbeat, hanging)}"]
        if state in (State.STARTING, State.WARMING):
            said.append(f"EXTEND_TIMEOUT_USEC={EXTEND_S * 1_000_000}")
        elif state in _SERVING:
            if not self._ready:
                said.append("READY=1")
                self._ready = True
            if not hanging:
                said.append("WATCHDOG=1")
        else:
            said += ["STOPPING=1", "WATCHDOG=1"]
        return said


def _status(state: State, heartbeat: Mapping[str, Any], hanging: list[str]) -> str:
    if hanging:
        return f"hangs: no turn of {', '.join(hanging)}"
    totals = heartbeat["totals"]
    dropped = sum(totals["dropped"].values())
    return (
        f"{state.value}: {totals['segmented']} frames segmented, {dropped} dropped, "
        f"{heartbeat['rate_hz']:.2f} a second"
    )
