"""Structured logs: key=value or JSON lines on stderr, and no fault may flood them."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from scopeside.settings import LogSettings

REPEAT_S = 10.0
"""A message that repeats is written once in this time, with the count of those held back."""

# Attributes that every LogRecord has; what else it carries came from `extra=`.
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "held_back"}


def configure_logging(settings: LogSettings) -> None:
    """Send the `scopeside` logger to stderr in the chosen form; replaces an earlier call."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if settings.format == "json" else _KeyValueFormatter())
    handler.addFilter(RepeatFilter())
    logger = logging.getLogger("scopeside")
    logger.handlers = [handler]
    logger.setLevel(settings.level.upper())
    logger.propagate = False


class RepeatFilter(logging.Filter):
    """Lets the same message template through once in `REPEAT_S`; says how many it held back."""

    def __init__(self, repeat_s: float = REPEAT_S) -> None:
        super().__init__()
        self._repeat_s = repeat_s
        self._last: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.levelno, str(record.msg))
        now_s = time.monotonic()
        last_s, held_back = self._last.get(key, (float("-inf"), 0))
        if now_s - last_s < self._repeat_s:
            self._last[key] = (last_s, held_back + 1)
            return False
        self._last[key] = (now_s, 0)
        record.held_back = held_back
        return True


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
    }
    fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
    held_back = getattr(record, "held_back", 0)
    if held_back:
        fields["repeated"] = held_back
    return fields


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class _KeyValueFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = " ".join(f"{key}={_quoted(value)}" for key, value in _fields(record).items())
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _quoted(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    # A value with spaces or quotes is written as a JSON string, so that a line has one reading;
    # one with control characters too, since a stranger's series name must not steer a terminal.
    plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if plain else json.dumps(text)
