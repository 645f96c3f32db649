"""The service's recording: begun before it warms up, ended when nothing is received any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from scopeside.recording.tap import RecordSpec, Tap
from scopeside.settings import Settings

log = logging.getLogger(__name__)

STILL_S, END_S = 5.0, 60.0
"""Longest wait at the end for what is under way, without any progress and in all: a slow disk must
not keep a stopped service for good."""


class Tapping:
    """Owns the tap that `record.file` asks for; `tap` is None where nothing is recorded."""

    def __init__(self, settings: Settings, report: Callable[[str, str], None]) -> None:
        self._settings = settings
        self._report = report
        self.tap: Tap | None = None

    def begin(self) -> None:
        """Start the recording process; OutputError or MissingExtraError where it cannot begin."""
        record = self._settings.record
        if record.file is None:
            return
        spec = RecordSpec(
            path=record.file,
            source=self._settings.ingest.endpoint,
            compression=record.compression,
            split_bytes=record.split_bytes,
            queue_bytes=record.queue_bytes,
        )
        self.tap = Tap(spec, report=self._report)
        log.info("recording", extra={"file": str(record.file)})

    def end(self) -> None:
        """Finish the recording; the thread that offered messages must have ended."""
        if self.tap is not None:
            self.tap.close(patience_s=STILL_S, limit_s=END_S)
            log.info("recorded", extra=dict(self.figures() or {}))

    def figures(self) -> Mapping[str, Any] | None:
        """Return what `status` and heartbeats say of the recording; any thread may ask."""
        tap = self.tap
        if tap is None:
            return None
        statistics = tap.statistics()
        return {
            "file": str(self._settings.record.file),
            "recorded": statistics.recorded,
            "dropped": statistics.dropped,
            "files": statistics.files,
            "error": statistics.error,
        }
