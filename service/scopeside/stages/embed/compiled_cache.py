"""Compiled models on disk, keyed so that a stale or damaged entry can never be used.

An entry is one file: the magic, the SHA-256 of the rest, and the compiled model. Its name is
the SHA-256 of everything that the model was compiled from. The folder is private (mode 0700),
because a compiled model is code: one that others can write to is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scopeside.stages.embed.private_folder import make_private, user_folder, write_whole

_MAGIC = b"scopeside-compiled-1\n"
_DIGEST_BYTES = 32
_MOST_ENTRIES = 8
"""An entry is about 90 MB; the one used longest ago goes first."""

log = logging.getLogger(__name__)


class CompiledCache:
    """A folder of compiled models; where it cannot be used it warns once and keeps nothing.

    `folder` of None means the user's cache folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder: Path | None = folder if folder is not None else user_folder("compiled")
        try:
            make_private(self._folder)
        except OSError as error:
            self._disable(error)

    def load(self, key: Mapping[str, Any]) -> bytes | None:
        """Return the model compiled from `key`, or None where it is absent or damaged."""
        if self._folder is None:
            return None
        path = self._folder / _entry_name(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._disable(error)
            return None
        body = memoryview(data)[len(_MAGIC) + _DIGEST_BYTES :]
        header = _MAGIC + hashlib.sha256(body).digest()
        if not data.startswith(header):
            log.warning("The compiled model %s is damaged; it is compiled anew.", path)
            return None
        return bytes(body)

    def save(self, key: Mapping[str, Any], export: Callable[[], bytes]) -> None:
        """Keep what `export` returns; another process never sees half of it."""
        if self._folder is None:
            return
        body = export()
        try:
            parts = (_MAGIC, hashlib.sha256(body).digest(), body)
            write_whole(self._folder / _entry_name(key), parts)
            self._forget_oldest()
        except OSError as error:
            self._disable(error)

    def _forget_oldest(self) -> None:
        if self._folder is None:
            return
        entries = sorted(self._folder.glob("*.compiled"), key=lambda path: path.stat().st_mtime)
        for path in entries[:-_MOST_ENTRIES]:
            path.unlink(missing_ok=True)

    def _disable(self, error: OSError) -> None:
        log.warning(
            "Compiled models are not kept: the cache folder %s cannot be used (%s);"
            " set service.cache to a folder of your own.",
            self._folder,
            error.strerror or error,
        )
        self._folder = None


def _entry_name(key: Mapping[str, Any]) -> str:
    canonical = json.dumps(key, sort_keys=True).encode()
    return hashlib.sha256(canonical).hexdigest()[:40] + ".compiled"
