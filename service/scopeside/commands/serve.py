"""Segment live frames: frames in over ZeroMQ, label maps and latencies out."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import NoReturn

from scopeside import configuration
from scopeside.errors import DeviceLostError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", metavar="FILE", help="record every message received; sets record.file"
    )
    parser.add_argument(
        "--save", metavar="DIR", help="save results as OME-Zarr in this folder; sets save.folder"
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="keep names, ids, the reference and visited points over restarts; sets state.file",
    )
    configuration.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the service until it is told to stop; SIGINT and SIGTERM drain it."""
    from scopeside.runtime.logs import configure_logging
    from scopeside.runtime.service import Service

    if args.record is not None:
        args.sets = [*(args.sets or []), f"record.file={args.record}"]
    if args.save is not None:
        args.sets = [*(args.sets or []), f"save.folder={args.save}"]
    if args.state is not None:
        args.sets = [*(args.sets or []), f"state.file={args.state}"]
    chosen = configuration.from_arguments(args)
    configure_logging(chosen.settings.log)
    service = Service(chosen)
    try:
        code = service.run()
    except DeviceLostError as error:
        # What is freed on a lost card fails, and the process would abort with another exit code
        # than the one that its supervisor is to see.
        sys.stderr.write(f"scopeside: {error}\n")
        _leave(error.exit_code)
    if service.left_behind:
        # The interpreter would end that thread inside native code, which aborts the process
        # (exit code 134, "terminate called").
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    """End the process at once: everything is closed and said."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
