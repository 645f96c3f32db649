"""Run a digital twin of a microscope: frames out, commands in."""

from __future__ import annotations

import argparse

import zmq

from scopeside.client.publisher import FramePublisher
from scopeside.commands.frame_shape import frame_shape
from scopeside.commands.publishing import (
    default_series,
    require_shared,
    say,
)
from scopeside.commands.publishing_arguments import add_endpoint_argument, add_socket_arguments
from scopeside.commands.stopping import stopping
from scopeside.errors import ConfigError
from scopeside.twin import client
from scopeside.twin.deeds import Deeds
from scopeside.twin.makeup import MAKEUPS
from scopeside.twin.microscope import Microscope
from scopeside.twin.optics import Optics
from scopeside.twin.outlet import Outlet
from scopeside.twin.server import TwinServer

_LARGEST = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_endpoints(parser)
    _add_instrument(parser)
    parser.add_argument("--series", metavar="NAME", help="name of the series (default: its own)")
    parser.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="longest wait for a receiver of a frame (default: %(default)s)",
    )
    parser.add_argument(
        "--keep",
        type=int,
        default=512,
        metavar="N",
        help="frames of which the truth is kept (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _add_endpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control",
        default=client.DEFAULT_ENDPOINT,
        metavar="ENDPOINT",
        help="where commands are taken (default: %(default)s)",
    )
    add_endpoint_argument(parser)
    add_socket_arguments(parser)


def _add_instrument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speed",
        type=float,
        metavar="TIMES",
        help="let the clock go on by itself from the first command on, so many times as fast as "
        "this world's; without it the clock is stepped: only commands move it",
    )
    parser.add_argument(
        "--specimen",
        choices=tuple(MAKEUPS),
        default="mosaic",
        help="mosaic has everything, film is one crystal with a front (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="specimen and noise (default: 0)")
    parser.add_argument(
        "--shape",
        type=frame_shape,
        default=(256, 256),
        metavar="NYxNX",
        help="pixels of a frame (default: 256x256)",
    )
    parser.add_argument(
        "--fov",
        type=float,
        default=13.7e-9,
        metavar="M",
        help="width of what a frame shows, in metres (default: %(default)s)",
    )
    parser.add_argument(
        "--dwell", type=float, default=0.2, metavar="S", help="exposure (default: %(default)s)"
    )
    parser.add_argument(
        "--current",
        type=float,
        default=Optics().current_a,
        metavar="A",
        help="of the beam, in amperes (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    _check(args)
    microscope = Microscope(
        specimen_name=args.specimen,
        seed=args.seed,
        optics=Optics(shape=args.shape, current_a=args.current),
        fov_m=args.fov,
        dwell_s=args.dwell,
    )
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with (
            stopping() as stopped,
            FramePublisher(
                args.to, socket=args.socket, attach=args.attach, context=context
            ) as publisher,
        ):
            deeds = Deeds(
                microscope,
                outlet=Outlet(publisher, wait_s=args.wait, stopped=stopped),
                speed=args.speed,
                keep=args.keep,
                series=args.series or default_series("twin"),
                stopped=stopped,
            )
            server = TwinServer(args.control, context, deeds=deeds, stopped=stopped)
            pace = "stepped" if args.speed is None else f"{args.speed:g} times real time"
            say(
                args,
                f"{args.specimen} {args.seed}, {pace}; commands at {server.address}, frames "
                f"at {publisher.address}",
            )
            server.run()
            say(
                args,
                f"ended after {publisher.frames_sent} frames, {server.refused} requests refused",
            )
    finally:
        context.term()
    return 0


def _check(args: argparse.Namespace) -> None:
    require_shared(args.to)
    for name in ("fov", "dwell", "current"):
        if not 0.0 < getattr(args, name) < 1e6:
            raise ConfigError(f"--{name} must be above 0.")
    if args.speed is not None and not 0.0 < args.speed <= 1000.0:
        raise ConfigError("--speed must be above 0 and at most 1000.")
    if args.seed < 0 or args.keep < 1 or not args.wait >= 0:
        raise ConfigError("--seed and --wait must be 0 or more, --keep 1 or more.")
    if max(args.shape) > _LARGEST:
        raise ConfigError(f"--shape must be at most {_LARGEST} a side: a twin draws every pixel.")
