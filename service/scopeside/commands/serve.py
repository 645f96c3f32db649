"""Segment live frames: frames in over ZeroMQ, label maps and latencies out."""

from __future__ import annotations

import argparse
import logging
import os

from scopeside import configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", metavar="FILE", help="record every message received; sets record.file"
    )
    configuration.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the service until it is told to stop; SIGINT and SIGTERM drain it."""
    from scopeside.runtime.logs import configure_logging
    from scopeside.runtime.service import Service

    if args.record is not None:
        args.sets = [*(args.sets or []), f"record.file={args.record}"]
    chosen = configuration.from_arguments(args)
    configure_logging(chosen.settings.log)
    service = Service(chosen)
    code = service.run()
    if service.left_behind:
        # The interpreter would end that thread inside native code, which aborts the process
        # (exit code 134, "terminate called"): everything is closed and said, so leave at once.
        logging.shutdown()
        os._exit(code)
    return code
