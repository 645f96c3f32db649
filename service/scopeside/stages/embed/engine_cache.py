"""TensorRT engines on disk: private, whole, and used only by what they were built for.

An entry is one file: the magic, a line of JSON (`EngineHeader`), and the engine's own bytes as
TensorRT serialised them. Nothing is pickled: the header is read by pydantic, and the engine goes
to TensorRT only when its SHA-256 and everything in its key are as they should be.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scopeside.stages.embed.engine_key import EngineKey
from scopeside.stages.embed.private_folder import make_private, user_folder, write_whole

MAGIC = b"scopeside-engine-1\n"
SUFFIX = ".engine"
MOST_HEADER_BYTES = 64 * 2**10
MOST_ENTRIES = 16
"""An engine takes about 50 MB in float16 and 100 MB in float32; what was used longest ago goes
first."""

log = logging.getLogger(__name__)


class EngineHeader(BaseModel):
    """What the file says of its engine: the key, its digest and size, when and how long built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: EngineKey
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=0)]
    built_ns: Annotated[int, Field(ge=0)]
    build_s: Annotated[float, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEntry:
    """A file of the cache; `header` is None where it cannot be read.

    `used_ns` is when it was built or last loaded, UTC.
    """

    path: Path
    header: EngineHeader | None
    size_bytes: int
    used_ns: int


class EngineCache:
    """A folder of engines; where it cannot be used it says so once and keeps nothing.

    `cache` is the cache folder of the settings; None means the user's own.
    """

    def __init__(self, cache: Path | None) -> None:
        self.folder = engines_folder(cache)
        self._usable = True
        try:
            make_private(self.folder)
        except OSError as error:
            self._disable(error)

    def load(self, key: EngineKey) -> bytes | None:
        """Return the engine of `key`; None, after one line in the log, for one that is stale or
        damaged, and without a line where there is none."""
        if not self._usable:
            return None
        path = self._path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._disable(error)
            return None
        header, begin = _header_of(data)
        engine = memoryview(data)[begin:]
        if header is None or hashlib.sha256(engine).hexdigest() != header.sha256:
            self.refuse(key, "its file is damaged")
            return None
        if header.key != key:
            changes = header.key.changes(key) or ("another network under its name",)
            self.refuse(key, f"it was built with {'; '.join(changes)}")
            return None
        return bytes(engine)

    def refuse(self, key: EngineKey, reason: str) -> None:
        """Say in one line why a kept engine is not used."""
        log.warning(f"the kept engine {key.title} is not used: {reason}")

    def save(self, key: EngineKey, engine: bytes, *, build_s: float) -> None:
        """Keep an engine in place of an older one; another process never sees half of it."""
        if not self._usable:
            return
        header = EngineHeader(
            key=key,
            sha256=hashlib.sha256(engine).hexdigest(),
            size_bytes=len(engine),
            built_ns=time.time_ns(),
            build_s=build_s,
        )
        try:
            line = header.model_dump_json().encode() + b"\n"
            write_whole(self._path(key), (MAGIC, line, engine))
            for path in _newest_first(self.folder)[MOST_ENTRIES:]:
                path.unlink(missing_ok=True)
        except OSError as error:
            self._disable(error)

    def _path(self, key: EngineKey) -> Path:
        return self.folder / (key.entry + SUFFIX)

    def _disable(self, error: OSError) -> None:
        log.warning(
            f"engines are not kept, and are built at every start: {self.folder} cannot be used"
            f" ({error.strerror or error}); set service.cache to a folder of your own"
        )
        self._usable = False


def engines_folder(cache: Path | None) -> Path:
    """Return the folder of engines: inside `cache`, or in the user's cache folder."""
    return cache / "engines" if cache is not None else user_folder("engines")


def entries(folder: Path) -> Iterator[EngineEntry]:
    """Yield what is in the folder, the most recently used first; OSError if it is not readable."""
    for path in _newest_first(folder) if folder.is_dir() else ():
        with path.open("rb") as file:
            header, _ = _header_of(file.read(len(MAGIC) + MOST_HEADER_BYTES))
            found = os.fstat(file.fileno())
        yield EngineEntry(
            path=path, header=header, size_bytes=found.st_size, used_ns=found.st_mtime_ns
        )


def _newest_first(folder: Path) -> list[Path]:
    found = folder.glob(f"*{SUFFIX}")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _header_of(data: bytes) -> tuple[EngineHeader | None, int]:
    """Return the header and where the engine begins; None where they are not as written."""
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + MOST_HEADER_BYTES)
    if not data.startswith(MAGIC) or end < 0:
        return None, 0
    try:
        return EngineHeader.model_validate_json(data[len(MAGIC) : end]), end + 1
    except ValidationError:
        return None, 0
