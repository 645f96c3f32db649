"""The state file: written whole or not at all, and read only if every byte is as it was written.

    SCOPESIDE STATE 1\\n | SHA-256 of what follows (32 bytes) | one msgpack map

A file is written beside the one in place, flushed to the disk and renamed over it, so that whenever
the process or the machine stops one of the two is there, whole.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack

from scopeside.errors import ConfigError

MAGIC = b"SCOPESIDE STATE 1\n"
DIGEST_BYTES = 32
MOST_BYTES = 256 * 2**20
"""A larger file was not written here: 1024 identities and as many references take 24 MB."""


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Put a state in place of the one before; OSError where the disk does not take it."""
    body = msgpack.packb(dict(state))
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as file:
            file.write(MAGIC + hashlib.sha256(body).digest() + body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(path.parent)


def read_state(path: Path) -> dict[str, Any] | None:
    """Return the state in a file, None where there is no file.

    Raises ConfigError for a file that is damaged, foreign or of a later version.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path} is no state file of the service: it is too large.")
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read as a state file: {error.strerror}.") from error
    if not content.startswith(MAGIC):
        raise ConfigError(
            f"{path} is no state file of the service, or one of another version: it does not begin"
            f" with {MAGIC.decode().strip()!r}."
        )
    start = len(MAGIC) + DIGEST_BYTES
    digest, body = content[len(MAGIC) : start], content[start:]
    if hashlib.sha256(body).digest() != digest:
        raise ConfigError(f"{path} is damaged: its checksum is that of other bytes.")
    try:
        state = msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException) as error:
        raise ConfigError(f"{path} is no state file of the service: {error}.") from error
    if not isinstance(state, dict):
        raise ConfigError(f"{path} is no state file of the service: it holds no map.")
    return state


def put_aside(path: Path) -> Path:
    """Rename a file that cannot be used, so that nothing writes over it; return its new name."""
    aside = path.with_name(f"{path.name}.unusable-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    number = 1
    while aside.exists():
        aside = aside.with_name(f"{aside.name}-{number}")
        number += 1
    path.rename(aside)
    return aside


def _sync_folder(folder: Path) -> None:
    """Flush the rename itself; folders cannot be opened everywhere."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
