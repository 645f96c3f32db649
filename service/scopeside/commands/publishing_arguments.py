"""The arguments of what publishes frames: where to, by which socket, how fast, and what is told."""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5555"


def add_publishing_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where, how fast and to whom frames are sent."""
    add_endpoint_argument(parser)
    parser.add_argument(
        "--rate",
        type=rate,
        default=5.0,
        metavar="HZ",
        help="frames a second; 0 sends as fast as the receiver takes (default: %(default)s)",
    )
    add_sending_arguments(parser)


def add_endpoint_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says where frames are sent."""
    parser.add_argument(
        "--to",
        default=DEFAULT_ENDPOINT,
        metavar="ENDPOINT",
        help="where frames go (default: %(default)s)",
    )


def add_socket_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say by which socket frames are sent."""
    parser.add_argument(
        "--socket",
        choices=("pub", "push"),
        default="pub",
        help="pub never waits, push never loses a frame (default: %(default)s)",
    )
    parser.add_argument(
        "--attach",
        choices=("bind", "connect"),
        default="bind",
        help="whether to bind the endpoint of frames or connect to it (default: %(default)s)",
    )


def add_sending_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say to whom frames are sent, and what is said of it."""
    add_socket_arguments(parser)
    parser.add_argument("--series", metavar="NAME", help="name of the series (default: its own)")
    parser.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="longest wait for a receiver; 0 starts at once (default: %(default)s)",
    )
    parser.add_argument(
        "--subscribers",
        type=int,
        default=1,
        metavar="N",
        help="receivers to wait for with pub (default: %(default)s)",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a JSON report")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def rate(text: str) -> float:
    """Return a rate; for argparse, which says what is wrong."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is no rate: give a number of 0 or more")
    return value
