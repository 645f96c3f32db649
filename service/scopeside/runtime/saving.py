"""The service's saved run: begun before it warms up, ended when nothing is published any more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from scopeside.errors import OutputError
from scopeside.messages import Segmentation
from scopeside.recording.tap import Tap
from scopeside.save_settings import SaveSettings
from scopeside.saving.packet import FrameFacts, encode_saved
from scopeside.saving.spec import PROGRAM, SAVING, SaveSpec

log = logging.getLogger(__name__)

STILL_S, END_S = 5.0, 60.0
"""Longest wait at the end for what is under way, without any progress and in all: a slow disk must
not keep a stopped service for good."""


class Saving:
    """Hands results to the saving process where `save.folder` asks for it; never waits for it.

    What does not fit into `save.queue_bytes` is dropped from the run, counted and told as an event
    `error` with code `save_overload`; a run that ends early is told as `save_failed`.
    """

    def __init__(
        self, settings: SaveSettings, *, source: str, report: Callable[[str, str], None]
    ) -> None:
        self._settings = settings
        self._source = source
        self._report = report
        # The publishing thread offers; whoever asks for figures looks. A socket is not for two.
        self._lock = Lock()
        self._ended = False
        self._tap: Tap | None = None
        self._path: Path | None = None

    def begin(self) -> None:
        """Start the saving process; OutputError or MissingExtraError where it cannot begin."""
        if self._settings.folder is None:
            return
        self._path = new_run(self._settings.folder)
        spec = SaveSpec(
            path=self._path, source=self._source, queue_bytes=self._settings.queue_bytes
        )
        self._tap = Tap(spec, report=self._report, program=PROGRAM, wording=SAVING)
        log.info("saving", extra={"run": str(self._path)})

    def result(self, segmentation: Segmentation, message: memoryview) -> None:
        """Save a result as it was published; the publishing thread alone calls this."""
        if self._tap is None:
            return
        frame = segmentation.frame
        facts = FrameFacts(
            pixel_size_m=frame.pixel_size_m,
            dose_e_per_m2=frame.dose_e_per_m2,
            image_YX=frame.image_YX if self._settings.frames else None,
        )
        parts = encode_saved(message, facts)
        with self._lock:
            self._tap.offer(parts, at_ns=frame.received_ns, at_s=time.monotonic())

    def end(self) -> None:
        """Finish the run; the publishing thread must have ended."""
        if self._tap is not None:
            with self._lock:
                self._tap.close(patience_s=STILL_S, limit_s=END_S)
                self._ended = True
            log.info("saved", extra=dict(self.figures() or {}))

    def figures(self) -> Mapping[str, Any] | None:
        """Return what `status` and heartbeats say of the run; any thread may ask.

        Every heartbeat so notices a saving process that has ended, also while nothing is published.
        """
        tap = self._tap
        if tap is None:
            return None
        with self._lock:
            if not self._ended:
                tap.look()
            statistics = tap.statistics()
        return {
            "run": str(self._path),
            "saved": statistics.recorded,
            "dropped": statistics.dropped,
            "error": statistics.error,
        }


def new_run(folder: Path) -> Path:
    """Return the path of a run that is not there yet, in a folder that now is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"save.folder = {folder} cannot be made ({error.strerror}): name a folder that you may "
            "write to."
        ) from error
    stem = f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    path, number = folder / f"{stem}.zarr", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.zarr"
    return path
