"""From what `embed.weights` says to a file on this machine; nothing is ever fetched here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scopeside.checkpoints.addresses import Address, address, is_url
from scopeside.checkpoints.digests import Expected, note_beside, noted
from scopeside.checkpoints.registry import names, nearest_name, published
from scopeside.errors import WeightsError

SUFFIXES = (".safetensors", ".pth", ".pth.tar", ".pt")
PINNED = "embed.weights_sha256 (or --sha256) says"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where one checkpoint is or would be, under which name, and what its SHA-256 must be.

    `origin` is None for a file that the user names. `expected` is empty where nobody says.
    """

    name: str
    path: Path
    origin: Address | None
    expected: tuple[Expected, ...]

    @property
    def is_here(self) -> bool:
        try:
            return self.path.is_file()
        except OSError:  # a folder that this user may not look into
            return False


def located(source: str, *, cache: Path | None = None, sha256: str | None = None) -> Checkpoint:
    """Return the checkpoint that `source` means, which is on this machine.

    Raises WeightsError for an unknown name, and where the file of a known one is not in the
    cache: a service that is to start must not wait for the network.
    """
    found = checkpoint(source, cache=cache, sha256=sha256)
    if found.origin is not None and not found.is_here:
        raise WeightsError(absent(found))
    return found


def absent(found: Checkpoint) -> str:
    """Say in one sentence that the file of a known name is missing, and both ways to get it."""
    if found.origin is None:
        return f"The weights file {found.path} is not there."
    wanted = found.name if published(found.name) else f"'{found.origin.shown}'"
    return (
        f"The weights {found.name} are not on this machine: run `scopeside weights fetch {wanted}`,"
        f" or put {found.origin.shown} at {found.path} by hand."
    )


def checkpoint(source: str, *, cache: Path | None = None, sha256: str | None = None) -> Checkpoint:
    """Return the checkpoint that `source`, a name, URL or file, means; it may be absent.

    `cache` of None means the user's cache folder. `sha256`, the user's own word, outdoes what the
    publisher says and what is noted beside the file. Raises WeightsError for a name that nobody
    knows and for a URL that cannot be one of a checkpoint.
    """
    named = published(source)
    if named is None and not is_url(source):
        return _file(source, sha256)
    origin = address(source if named is None else named.url)
    if not origin.file_name.endswith(SUFFIXES):
        raise WeightsError(
            f"{origin.shown} does not end like a checkpoint ({', '.join(SUFFIXES)}):"
            " download it and give its file."
        )
    name = origin.file_name if named is None else named.name
    kept_as = f"{origin.mark}-{name}" if named is None else origin.file_name
    path = weights_folder(cache) / kept_as
    by_publisher = "" if named is None else named.sha256
    return Checkpoint(
        name=name, path=path, origin=origin, expected=_expected(path, sha256, by_publisher)
    )


def weights_folder(cache: Path | None) -> Path:
    """Return the folder of fetched weights: inside `cache`, or in the user's cache folder."""
    if cache is None:
        from platformdirs import user_cache_path

        cache = user_cache_path("scopeside", appauthor=False)
    return cache / "weights"


def _file(source: str, sha256: str | None) -> Checkpoint:
    path = Path(source)
    if not path.name.endswith(SUFFIXES):
        near = nearest_name(source)
        hint = f" Did you mean {near!r}?" if near else ""
        raise WeightsError(
            f"Weights {source!r} are neither a name ({', '.join(names())}) nor a URL nor a"
            f" checkpoint file ({', '.join(SUFFIXES)}).{hint}"
        )
    return Checkpoint(
        name=path.name, path=path, origin=None, expected=_expected(path, sha256, by_publisher="")
    )


def _expected(path: Path, sha256: str | None, by_publisher: str) -> tuple[Expected, ...]:
    if sha256 is not None:
        return (Expected(digits=sha256.lower(), said_by=PINNED),)
    expected = []
    if by_publisher:
        expected.append(Expected(digits=by_publisher, said_by="the publisher's file name says"))
    first = noted(path)
    if first is not None:
        note = f"{note_beside(path)} says (delete that note only if you trust this file)"
        expected.append(Expected(digits=first, said_by=note))
    return tuple(expected)
