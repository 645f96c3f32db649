"""`python -m scopeside.recording.process`: the recording process, which the tap starts."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import zmq

from scopeside.errors import MissingExtraError
from scopeside.recording.recorder import Recorder
from scopeside.recording.store import MessageStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tap")
    parser.add_argument("path", type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--compression", choices=("none", "zstd"), required=True)
    parser.add_argument("--split-bytes", type=int, required=True)
    args = parser.parse_args()
    serve_tap(args.tap, lambda: _store(args))


def serve_tap(tap: str, open_store: Callable[[], MessageStore]) -> None:
    """Record what comes from the endpoint `tap`, then end the process at once.

    At once, because HDF5 crashes in its own end after a write has failed.
    """
    # Ctrl-C and a service manager reach every process of the group: the tap's process decides
    # when the recording ends, and a pipe tells when that process is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.PAIR)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.connect(tap)
    # Kept by name to the end: a collected store would try to write once more, and say so at length.
    recorder = Recorder(socket, open_store, parent_fd=sys.stdin.fileno())
    code = recorder.run()
    socket.close(linger=1000)
    context.term()
    sys.stderr.flush()
    os._exit(code)


def _store(args: argparse.Namespace) -> MessageStore:
    try:
        from scopeside.recording.splitting import SplitRecording
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Recording needs the Python package '{error.name}', which is not installed: "
            "run `pip install 'scopeside[record]'`."
        ) from None
    return SplitRecording(
        args.path,
        source=args.source,
        compression=args.compression,
        split_bytes=args.split_bytes,
    )


if __name__ == "__main__":
    main()
