"""Keeps what a restart must not lose, in a file that a thread of its own writes.

The compute thread hands over copies of what it owns: at once where something was asked for or
appeared, and else once a second, since prototypes learn with every frame. Visited points and rules
change by request. A write takes whatever is newest, so the disk may be slow, but never behind by
more than one write.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from scopeside import __version__
from scopeside.checkpoints.lock import locked
from scopeside.errors import ConfigError, OutputError
from scopeside.ports import Memory
from scopeside.steering.state_file import put_aside, read_state, write_state

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""How often prototypes are kept while frames come: what they learn in a second is little."""

Sections = Mapping[str, Any]


class Keeper:
    """Owns the state file. Any thread may use any method but where another one is named."""

    def __init__(
        self,
        path: Path,
        *,
        sections: Callable[[], Sections],
        fault: Callable[[str, str], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the file; `loaded` is what it holds, empty where there is none that can be used.

        `sections` returns what is to be kept beside what the pipeline owns. A file that cannot be
        used is put aside and reported to `fault`. OutputError where none can be written, or where
        another service keeps its state in it.
        """
        self._path = path
        self._sections = sections
        self._fault = fault
        self._now_s = now_s
        self._changed = Condition()
        self._wanted = self._written = 0
        self._saved_ns: int | None = None
        self._error: str | None = None
        self._closing = False
        self._due_s = 0.0
        self._memory: Memory | None = None
        self._held = ExitStack()
        self._lock()
        self.loaded = self._load()
        self._owned: dict[str, Any] = {
            key: self.loaded.get(key) for key in ("identities", "reference")
        }
        self._thread = Thread(target=self._work, name="scopeside-state", daemon=True)

    def begin(self) -> None:
        """Write a first time, now that all that was loaded is in place, and then whenever told.

        Raises OutputError where the file cannot be written.
        """
        try:
            write_state(self._path, self._document())
        except OSError as error:
            raise OutputError(
                f"state.file = {self._path} cannot be written ({error.strerror}): choose another"
                " file, or make its folder."
            ) from error
        self._saved_ns = time.time_ns()
        self._thread.start()

    def attach(self, memory: Memory) -> None:
        """Give a warm pipeline back what was kept, before its first frame."""
        for section, restore in (
            ("identities", memory.restore_identities),
            ("reference", memory.restore_reference),
        ):
            state = self._owned[section]
            if state is None:
                continue
            try:
                restore(state)
            except ConfigError as error:
                self._owned[section] = None
                self._refuse(str(error))
        self._memory = memory
        if not self._path.exists():
            # It was put aside: what is still good must not wait for a frame to be in a file again.
            self.touch()

    def look(self, *, at_once: bool, changed: bool = False) -> None:
        """Copy what the pipeline owns, if it is time or must be now; the compute thread calls it
        between two frames. Identities change by themselves, the reference where it was `changed`.
        """
        now_s = self._now_s()
        if self._memory is None or not (at_once or now_s >= self._due_s):
            return
        self._due_s = now_s + EVERY_S
        owned: dict[str, Any] = {"identities": dict(self._memory.identity_state())}
        if changed:
            reference = self._memory.reference_state()
            owned["reference"] = None if reference is None else dict(reference)
        with self._changed:
            self._owned |= owned
            self._want()

    def touch(self) -> None:
        """Note that what `sections` returns has changed."""
        with self._changed:
            self._want()

    def settle(self, timeout_s: float) -> bool:
        """Wait until all that was wanted before is on the disk, or a write has failed."""
        with self._changed:
            wanted = self._wanted
            return self._changed.wait_for(lambda: self._written >= wanted, timeout_s)

    def figures(self) -> dict[str, Any]:
        """Return what `status` says of the file."""
        return {"file": str(self._path), "saved_ns": self._saved_ns, "error": self._error}

    def close(self, timeout_s: float) -> None:
        """Write what is wanted, and end; the thread that looks must have ended."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._held.close()

    def _lock(self) -> None:
        """Keep other services off the file: two that take turns would undo each other's state."""
        if not self._path.parent.is_dir():
            return  # which `begin` says
        taken = OutputError(
            f"state.file = {self._path} is in use by another service: stop that one, or choose"
            " another file."
        )
        self._held.enter_context(locked(self._path, refusal=taken))

    def _want(self) -> None:
        self._wanted += 1
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted > self._written or self._closing)
                if self._wanted == self._written:
                    return
                wanted = self._wanted
            self._save()
            with self._changed:
                self._written = wanted
                self._changed.notify_all()

    def _save(self) -> None:
        try:
            write_state(self._path, self._document())
        except (OSError, ValueError, TypeError) as error:
            self._error = str(error)
            self._fault(
                "state_failed",
                f"The state file {self._path} was not written: {error}. What changes now is lost"
                " at a restart, unless a later write succeeds.",
            )
        else:
            self._saved_ns, self._error = time.time_ns(), None

    def _document(self) -> dict[str, Any]:
        with self._changed:
            owned = dict(self._owned)
        return {"saved_ns": time.time_ns(), "by": __version__} | owned | dict(self._sections())

    def _load(self) -> Sections:
        try:
            state = read_state(self._path)
        except ConfigError as error:
            self._refuse(str(error))
            return {}
        return state or {}

    def refuse(self, why: str) -> None:
        """Put the file aside and begin with nothing, since what it holds makes no sense."""
        self._owned = dict.fromkeys(self._owned)
        self._refuse(why)

    def _refuse(self, why: str) -> None:
        kept = ""
        if self._path.exists():
            try:
                kept = f" It is kept as {put_aside(self._path)}."
            except OSError as error:
                raise OutputError(
                    f"{why} And it cannot be put aside ({error.strerror}): move {self._path} away,"
                    " or choose another state.file."
                ) from error
        self._fault("state_refused", f"{why}{kept}")
