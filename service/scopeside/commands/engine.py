"""Build, list and clear the TensorRT engines that this machine keeps."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside import configuration
from scopeside.commands.frame_shape import frame_shape
from scopeside.errors import FatalError, OutputError
from scopeside.settings import Settings

if TYPE_CHECKING:
    from scopeside.stages.embed.engine_cache import EngineEntry
    from scopeside.stages.embed.engine_key import EngineMachine

HEADINGS = ("ENGINE", "SIZE", "BUILT", "USED", "GPU", "FITS THIS MACHINE")
AGES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    building = actions.add_parser("build", help="build what `serve` would build while warming up")
    building.add_argument(
        "--shape",
        type=frame_shape,
        action="append",
        metavar="NYxNX",
        help="pixels of a frame to build for; repeatable (default: service.frame_shape)",
    )
    listing = actions.add_parser("list", help="every engine: what for, how large, how old")
    clearing = actions.add_parser("clear", help="delete every engine")
    for action in (building, listing, clearing):
        configuration.add_arguments(action)


def run(args: argparse.Namespace) -> int:
    """Do one action; 7 where engines cannot be built on this machine, 5 where none can be kept."""
    settings = configuration.from_arguments(args).settings
    match args.action:
        case "build":
            return _build(settings, args.shape or [settings.service.frame_shape])
        case "list":
            return _list(settings)
        case _:
            return _clear(settings)


def _build(settings: Settings, shapes: list[tuple[int, int]]) -> int:
    from scopeside.runtime.logs import configure_logging
    from scopeside.stages.embed import build_embedder, choose
    from scopeside.stages.embed.engine_cache import engines_folder
    from scopeside.view.progress import progress

    configure_logging(settings.log)
    embed = settings.embed.model_copy(update={"backend": "tensorrt"})
    settings = settings.model_copy(update={"embed": embed})
    choose(settings)  # says at once what is missing
    folder = engines_folder(settings.service.cache)
    _require_keeping(folder)
    for ny, nx in shapes:
        service = settings.service.model_copy(update={"frame_shape": (ny, nx)})
        begun_ns = time.time_ns()
        with progress(f"engines for frames of {ny} x {nx}", total=None):
            embedder = build_embedder(settings.model_copy(update={"service": service}))
        sys.stdout.write(
            f"frames of {ny} x {nx}: {embedder.info.name} on {embedder.info.device},"
            " checked against torch in float32\n"
        )
        sys.stdout.writelines(f"  {line}\n" for line in _used(folder, since_ns=begun_ns))
    return 0


def _require_keeping(folder: Path) -> None:
    from scopeside.stages.embed.private_folder import make_private

    try:
        make_private(folder)
    except OSError as error:
        raise OutputError(
            f"Engines cannot be kept in {folder}: {error.strerror or error};"
            " set service.cache to a folder of your own."
        ) from error


def _used(folder: Path, *, since_ns: int) -> Iterator[str]:
    """Say of every engine that was touched whether it was built or here already."""
    for entry in reversed(_entries(folder)):
        if entry.header is None or entry.used_ns < since_ns:
            continue
        header = entry.header
        built = header.built_ns >= since_ns
        how = f"built in {header.build_s:.1f} s" if built else "was here already"
        yield f"{header.key.title}: {how}, {entry.size_bytes / 1e6:.1f} MB"


def _list(settings: Settings) -> int:
    from scopeside.stages.embed.engine_cache import engines_folder

    folder = engines_folder(settings.service.cache)
    kept = _entries(folder)
    if not kept:
        sys.stdout.write(f"No engines are kept in {folder}\n")
        return 0
    here, why_none = _here(settings)
    rows = [HEADINGS, *(_row(entry, here) for entry in kept)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    total_bytes = sum(entry.size_bytes for entry in kept)
    sys.stdout.write(f"\n{_counted(kept)}, {total_bytes / 1e6:.1f} MB, in {folder}\n")
    if why_none:
        sys.stdout.write(f"None fits this machine: {why_none}\n")
    return 0


def _row(entry: EngineEntry, here: EngineMachine | None) -> tuple[str, ...]:
    size = f"{entry.size_bytes / 1e6:.1f} MB"
    used = _age(entry.used_ns)
    if entry.header is None:
        return entry.path.name, size, "-", used, "-", "no: damaged"
    key = entry.header.key
    gpu = f"{key.machine.gpu} ({key.machine.capability})"
    return key.title, size, _age(entry.header.built_ns), used, gpu, _fits(entry, here)


def _fits(entry: EngineEntry, here: EngineMachine | None) -> str:
    from scopeside.stages.embed.folded import FOLDED_VERSION

    if entry.header is None or here is None:
        return "no"
    key = entry.header.key
    changes = key.changes(replace(key, machine=here, network=FOLDED_VERSION))
    return f"no: {'; '.join(changes)}" if changes else "yes"


def _here(settings: Settings) -> tuple[EngineMachine | None, str]:
    """Return what engines must have been built with to run here; None and why, if none can."""
    from scopeside.stages.embed import choose, tensorrt_library

    embed = settings.embed.model_copy(update={"backend": "tensorrt", "precision": "auto"})
    try:
        choice = choose(settings.model_copy(update={"embed": embed}))
        return tensorrt_library.TensorRtLibrary(choice.device).machine, ""
    except FatalError as error:
        return None, str(error)


def _clear(settings: Settings) -> int:
    from scopeside.stages.embed.engine_cache import engines_folder
    from scopeside.stages.embed.private_folder import PART

    folder = engines_folder(settings.service.cache)
    kept = _entries(folder)
    for entry in kept:
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"The engine {entry.path} cannot be deleted: {error.strerror or error}."
            ) from error
    # What a build that was killed in the middle of writing left behind.
    for path in folder.glob(f"{PART}*") if folder.is_dir() else ():
        path.unlink(missing_ok=True)
    total_bytes = sum(entry.size_bytes for entry in kept)
    sys.stdout.write(f"{_counted(kept)} deleted, {total_bytes / 1e6:.1f} MB, from {folder}\n")
    return 0


def _entries(folder: Path) -> list[EngineEntry]:
    from scopeside.stages.embed.engine_cache import entries

    try:
        return list(entries(folder))
    except OSError as error:
        raise OutputError(
            f"The engines in {folder} cannot be read: {error.strerror or error}."
        ) from error


def _counted(kept: list[EngineEntry]) -> str:
    return "1 engine" if len(kept) == 1 else f"{len(kept)} engines"


def _age(when_ns: int) -> str:
    age_s = max(0.0, (time.time_ns() - when_ns) / 1e9)
    length_s, unit = next((step for step in AGES if age_s >= step[0]), AGES[-1])
    return f"{age_s / length_s:.0f} {unit} ago"
