"""One file over HTTP, resumed where it broke off, bounded in size, time and attempts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, InvalidURL, responses
from pathlib import Path
from urllib.error import HTTPError, URLError

from scopeside.checkpoints import http
from scopeside.checkpoints.addresses import Address
from scopeside.checkpoints.part import PartFile
from scopeside.errors import WeightsError

_CHUNK_BYTES = 2**18
_PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Replies that say "later", not "never"."""

Report = Callable[[int, int | None], None]
"""Told how many bytes are here, and of how many where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often one download tries, and how much it takes.

    `stall_s` is the longest wait for the next bytes, not for all. `pause_s` lies between two
    attempts.
    """

    stall_s: float = 30.0
    attempts: int = 5
    pause_s: float = 2.0
    most_bytes: int = 2 * 2**30


class _BrokeOffError(Exception):
    """The bytes stopped coming; asking again may bring the rest."""


def download(
    origin: Address, part: PartFile, *, path: Path, patience: Patience, report: Report
) -> str:
    """Bring the file at `origin` into `part` and return its SHA-256.

    `path` is where the user could put the file by hand. Raises WeightsError in one sentence
    where the server is out of reach, has no such file, or sends too much or too little;
    OutputError where the bytes cannot be written.
    """
    why = ""
    for attempt in range(patience.attempts):
        if attempt:
            time.sleep(patience.pause_s)
        try:
            _ask(origin, part, path=path, patience=patience, report=report)
        except _BrokeOffError as error:
            why = str(error)
        else:
            return part.finish()
    raise WeightsError(
        f"{origin.shown} broke off {patience.attempts} times ({why}): run the command again to go"
        f" on after the {part.size} bytes that came, or {_by_hand(path)}."
    )


def _by_hand(path: Path) -> str:
    return f"download it elsewhere and put it at {path}"


def _ask(
    origin: Address, part: PartFile, *, path: Path, patience: Patience, report: Report
) -> None:
    asked = http.request(origin, start=part.size, version=part.version)
    try:
        with http.opener().open(asked, timeout=patience.stall_s) as reply:
            total = _fit(reply, part)
            _take(reply, part, total, origin=origin, patience=patience, report=report)
    except HTTPError as error:
        with error:
            _refused(error, part, origin, path)
    except InvalidURL as error:
        # Its text may show a password.
        raise WeightsError(f"{origin.shown} redirects to a malformed address.") from error
    except URLError as error:
        proxy = http.proxy_for(origin)
        way = f" by the proxy {proxy}" if proxy else ""
        raise WeightsError(
            f"{origin.shown} cannot be reached{way} ({_reason(error.reason, patience)}):"
            f" {_by_hand(path)}."
        ) from error
    except (OSError, HTTPException) as error:
        raise _BrokeOffError(_reason(error, patience)) from error


def _fit(reply: HTTPResponse, part: PartFile) -> int | None:
    """Make `part` end where `reply` begins; return the size of the whole file, where known."""
    start, total = http.span_of(reply)
    version = http.version_of(reply)
    if reply.status == 206 and start == part.size > 0 and version in (None, part.version):
        return total
    # The server ignores ranges, or has another file now.
    part.start_over(version)
    if start != 0:
        raise _BrokeOffError("the server sent another piece than it was asked for")
    return total


def _take(
    reply: HTTPResponse,
    part: PartFile,
    total: int | None,
    *,
    origin: Address,
    patience: Patience,
    report: Report,
) -> None:
    if total is not None and total > patience.most_bytes:
        raise _too_large(origin, patience, part)
    report(part.size, total)
    while total is None or part.size < total:
        # Never more than is left: a server that keeps the connection open would be waited for.
        most = _CHUNK_BYTES if total is None else min(_CHUNK_BYTES, total - part.size)
        data = reply.read1(most)
        if not data:
            break
        part.add(data)
        if part.size > patience.most_bytes:
            raise _too_large(origin, patience, part)
        report(part.size, total)
    if total is not None and part.size < total:
        raise _BrokeOffError(f"only {part.size} of {total} bytes came")


def _too_large(origin: Address, patience: Patience, part: PartFile) -> WeightsError:
    part.discard()
    return WeightsError(
        f"{origin.shown} is larger than {patience.most_bytes / 2**30:.1f} GiB, too much for a"
        " ResNet50; give a checkpoint of the bare encoder."
    )


def _refused(error: HTTPError, part: PartFile, origin: Address, path: Path) -> None:
    """Judge a reply that is no file; return where it says that nothing is left to send."""
    if error.code == 416 and part.size:
        if http.size_in(error.headers) == part.size:
            return  # a run was cut short between the last byte and the check
        part.start_over(None)
        raise _BrokeOffError("the server has another file now") from error
    if error.code in _PASSING:
        raise _BrokeOffError(f"the server answered {_status(error.code)}") from error
    raise WeightsError(
        f"{origin.shown} cannot be fetched, the server answered {_status(error.code)}:"
        f" {_by_hand(path)}."
    ) from error


def _status(code: int) -> str:
    """Return the code in words: not the server's own, which may hold anything."""
    return f"{code} {responses.get(code, '')}".strip()


def _reason(error: object, patience: Patience) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {patience.stall_s:g} s"
    if isinstance(error, (ConnectionResetError, HTTPException)):
        return "the connection was cut"
    return str(getattr(error, "strerror", None) or error)
