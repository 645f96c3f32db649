"""List, fetch and verify encoder weights."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scopeside import configuration
from scopeside.checkpoints.digests import noted
from scopeside.checkpoints.fetch import fetch
from scopeside.checkpoints.locate import (
    SUFFIXES,
    absent,
    checkpoint,
    located,
    weights_folder,
)
from scopeside.checkpoints.registry import BUILTIN, PUBLISHED, SHIPPED
from scopeside.errors import ConfigError, WeightsError
from scopeside.settings import Settings

SHORT_DIGITS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every name: what it is, and whether it is here")
    fetching = actions.add_parser("fetch", help="download a name or a URL into the cache")
    fetching.add_argument("source", metavar="NAME|URL", help="a name of the list, or a URL")
    fetching.add_argument(
        "--sha256", metavar="HEX", help="what the file's SHA-256 must be, all 64 digits"
    )
    verifying = actions.add_parser("verify", help="hash and load weights that are here")
    verifying.add_argument(
        "sources",
        nargs="*",
        metavar="NAME|FILE|URL",
        help="which weights; by default those built in and all that were fetched",
    )
    showing = actions.add_parser("path", help="print where the file of a name or a URL is")
    showing.add_argument("source", metavar="NAME|URL", help="a name of the list, or a URL")
    for action in (listing, fetching, verifying, showing):
        configuration.add_arguments(action)


def run(args: argparse.Namespace) -> int:
    """Do one action; 6 where weights are absent or not what they should be."""
    settings = configuration.from_arguments(args).settings
    match args.action:
        case "list":
            return _list(settings)
        case "fetch":
            return _fetch(settings, args.source, args.sha256)
        case "verify":
            return _verify(settings, args.sources)
        case _:
            return _path(settings, args.source)


def _list(settings: Settings) -> int:
    folder = weights_folder(settings.service.cache)
    rows = [("NAME", "HERE", "SHA-256", "WHAT AND WHERE")]
    rows += [(name, "yes", "-", about) for name, about in SHIPPED.items()]
    for one in PUBLISHED:
        found = checkpoint(one.name, cache=settings.service.cache)
        rows.append((*_row(one.name, found.path), one.about))
        rows.append(("", "", "", str(found.path) if found.is_here else one.url))
        rows.append(("", "", "", f"terms: {one.terms}"))
    rows += [(*_row(path.name, path), str(path)) for path in _others(folder)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, here, digest, what in rows:
        sys.stdout.write(
            f"{name:<{widths[0]}}  {here:<{widths[1]}}  {digest:<{widths[2]}}  {what}\n"
        )
    sys.stdout.write(f"\nFetched weights are kept in {folder}\n")
    return 0


def _row(name: str, path: Path) -> tuple[str, str, str]:
    if not path.is_file():
        return name, "no", "-"
    digest = noted(path)
    short = "not noted" if digest is None else digest[:SHORT_DIGITS]
    return name, f"{path.stat().st_size / 1e6:.1f} MB", short


def _others(folder: Path) -> Iterator[Path]:
    """Yield the files of URLs, which have no name of the list."""
    known = {checkpoint(one.name, cache=folder.parent).path for one in PUBLISHED}
    for path in sorted(folder.glob("*")):
        if path.name.endswith(SUFFIXES) and path not in known:
            yield path


def _fetch(settings: Settings, source: str, sha256: str | None) -> int:
    from scopeside.runtime.logs import configure_logging
    from scopeside.stages.embed.weights import read_checkpoint
    from scopeside.view.progress import transfer

    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ConfigError(f"--sha256 takes 64 hexadecimal digits, not {sha256!r}.")
    if source in SHIPPED:
        sys.stdout.write(f"{source} is part of the package: nothing to fetch.\n")
        return 0
    configure_logging(settings.log)
    with transfer(_title(settings, source)) as report:
        fetched = fetch(
            source,
            cache=settings.service.cache,
            sha256=sha256 or _pin(settings, source),
            check=lambda path: read_checkpoint(path, name=source),
            report=report,
        )
    sys.stdout.write(
        f"{fetched.name} {'was here already' if fetched.was_here else 'is here now'}: "
        f"{fetched.path}\nSHA-256 {fetched.sha256}\n"
    )
    return 0


def _title(settings: Settings, source: str) -> str:
    return f"fetching {checkpoint(source, cache=settings.service.cache).name}"


def _pin(settings: Settings, source: str) -> str | None:
    """The SHA-256 that the settings demand, which is that of the weights they name."""
    return settings.embed.weights_sha256 if source == settings.embed.weights else None


def _verify(settings: Settings, sources: list[str]) -> int:
    failed = False
    for source in sources or list(_all(settings)):
        try:
            sys.stdout.write(f"{_verified(settings, source)}\n")
        except WeightsError as error:
            failed = True
            sys.stderr.write(f"scopeside: {error}\n")
    return WeightsError.exit_code if failed else 0


def _all(settings: Settings) -> Iterator[str]:
    yield from SHIPPED
    folder = weights_folder(settings.service.cache)
    here = [one.name for one in PUBLISHED if checkpoint(one.name, cache=folder.parent).is_here]
    yield from here
    yield from map(str, _others(folder))


def _verified(settings: Settings, source: str) -> str:
    from scopeside.stages.embed.resnet50 import FEATURES
    from scopeside.stages.embed.weights import load_weights

    cache, pin = settings.service.cache, _pin(settings, source)
    weights = load_weights(source, cache=cache, sha256=pin)
    if source in SHIPPED:
        compared = "of the package's file" if source == BUILTIN else "of the tensors"
    elif checkpoint(source, cache=cache, sha256=pin).expected:
        compared = "as expected"
    else:
        compared = "with nothing to compare it to"
    return f"{weights.name}: ok, {FEATURES} features, SHA-256 {weights.sha256}, {compared}"


def _path(settings: Settings, source: str) -> int:
    if source in SHIPPED:
        raise WeightsError(f"{source} is part of the package and has no file of its own.")
    found = located(source, cache=settings.service.cache)
    if not found.is_here:
        raise WeightsError(absent(found))
    sys.stdout.write(f"{found.path}\n")
    return 0
