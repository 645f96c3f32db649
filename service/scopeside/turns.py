"""Whether a loop really turns: when it last came round.

A thread that hangs inside a library is alive to the system. What shows it is the age of its last
turn, so every loop of the service marks one each time round, and none waits longer than a second.
"""

from __future__ import annotations

import time

LONGEST_WAIT_S = 1.0
"""Longest wait between two turns of a loop that has nothing to do."""


class Turns:
    """Marked by one thread, read by any."""

    __slots__ = ("at_s", "count")

    def __init__(self) -> None:
        self.count = 0
        self.at_s = time.monotonic()

    def mark(self) -> None:
        """Note that the loop came round."""
        self.count += 1
        self.at_s = time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the loop last came round."""
        return time.monotonic() - self.at_s
