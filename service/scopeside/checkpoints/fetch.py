"""Fetching a checkpoint into the cache: downloaded, compared, checked, then put in its place."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scopeside.checkpoints.addresses import Address
from scopeside.checkpoints.digests import take_note
from scopeside.checkpoints.download import Patience, Report, download
from scopeside.checkpoints.locate import Checkpoint, checkpoint
from scopeside.checkpoints.lock import locked
from scopeside.checkpoints.part import PartFile
from scopeside.errors import OutputError, WeightsError

PART = ".part"

log = logging.getLogger(__name__)

Check = Callable[[Path], object]
"""Reads the file at a path and raises WeightsError where it is no usable checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A checkpoint that is now in the cache; `was_here` where nothing had to come."""

    name: str
    path: Path
    sha256: str
    was_here: bool


def fetch(
    source: str,
    *,
    cache: Path | None,
    sha256: str | None,
    check: Check,
    report: Report,
    patience: Patience | None = None,
) -> Fetched:
    """Bring the checkpoint `source`, a name or a URL, into the cache, unless it is there.

    What fails the comparison with its SHA-256 or the `check` is not kept. The SHA-256 of the
    first file that passes is noted beside it, and later ones must match.
    """
    found = checkpoint(source, cache=cache, sha256=sha256)
    origin, path = found.origin, found.path
    if origin is None:
        raise WeightsError(f"{source} is a file: only names and URLs can be fetched.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path.parent} cannot be made ({error.strerror or error}):"
            " set service.cache to a folder of your own."
        ) from error
    with locked(path):
        # Asked again, since another process may have noted a hash while this one waited.
        found = checkpoint(source, cache=cache, sha256=sha256)
        here = _accepted(found, check) if found.is_here else None
        digest = here or _brought(found, origin, check, patience or Patience(), report)
        take_note(path, digest)
    return Fetched(name=found.name, path=path, sha256=digest, was_here=here is not None)


def _accepted(found: Checkpoint, check: Check) -> str | None:
    """Return the SHA-256 of the file that is there (put by hand, perhaps), None if unusable."""
    try:
        with found.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _require(found, digest, str(found.path))
        check(found.path)
    except OSError as error:
        raise WeightsError(f"{found.path} cannot be read: {error.strerror or error}.") from error
    except WeightsError as error:
        log.warning("the file that is there is fetched anew: %s", error)
        return None
    return digest


def _brought(
    found: Checkpoint, origin: Address, check: Check, patience: Patience, report: Report
) -> str:
    with PartFile(found.path.with_name(found.path.name + PART)) as part:
        digest = download(origin, part, path=found.path, patience=patience, report=report)
        try:
            _require(found, digest, f"What {origin.shown} sent")
            check(part.path)
        except WeightsError:
            part.discard()
            raise
        part.move_to(found.path)
    return digest


def _require(found: Checkpoint, digest: str, what: str) -> None:
    for expected in found.expected:
        expected.require(digest, what)
