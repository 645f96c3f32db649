"""Publish a simulated in-situ irradiation run."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np

from scopeside.client.publisher import FramePublisher, sendable
from scopeside.commands.frame_shape import frame_shape
from scopeside.commands.publishing import (
    Outcome,
    Prepared,
    conclude,
    default_series,
    open_publisher,
    send_frames,
    wait_for_receiver,
)
from scopeside.commands.publishing_arguments import (
    add_publishing_arguments,
)
from scopeside.commands.stopping import stopping
from scopeside.errors import ConfigError
from scopeside.messages import Channel
from scopeside.testing.faults import FaultInjector, Message, Style, parse_faults
from scopeside.testing.specimen import IrradiatedFilm, SimulatedFrame
from scopeside.wire.native import encode_frame

_ENDLESS_FRAMES = 240  # exposures until the film is amorphous, where no number of frames is given
_STEP_FRAMES = 10  # exposures at one dose with `--dose-curve steps`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_publishing_arguments(parser)
    parser.add_argument(
        "--shape",
        type=frame_shape,
        default=(512, 512),
        metavar="NYxNX",
        help="pixels of a frame (default: 512x512)",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=120,
        metavar="N",
        help="frames to send; 0 goes on until stopped (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="specimen and noise (default: 0)")
    parser.add_argument(
        "--grains", type=int, default=1, help="crystal grains of the film (default: %(default)s)"
    )
    parser.add_argument(
        "--counts",
        type=float,
        default=400.0,
        help="mean electrons a pixel (default: %(default)s)",
    )
    parser.add_argument(
        "--dose-per-frame",
        type=float,
        metavar="E_PER_M2",
        help="electrons per square metre (default: all amorphous at the last frame)",
    )
    parser.add_argument(
        "--dose-curve",
        choices=("linear", "steps"),
        default="linear",
        help=f"steady dose, or one step every {_STEP_FRAMES} frames (default: %(default)s)",
    )
    parser.add_argument(
        "--faults",
        default="",
        metavar="SPEC",
        help="for example gap=0.05,duplicate=20,lz4: a share of frames, or one in so many; "
        "kinds: gap, duplicate, reorder, burst, truncate, garbage, late-series, big-endian, "
        "lz4, zstd",
    )


def run(args: argparse.Namespace) -> int:
    if args.frames < 0 or args.seed < 0:
        raise ConfigError("--frames and --seed must be 0 or more.")
    film = IrradiatedFilm(
        shape=args.shape, seed=args.seed, grains=args.grains, mean_counts=args.counts
    )
    injector = FaultInjector(parse_faults(args.faults), seed=args.seed)
    simulation = Simulation(
        film=film,
        injector=injector,
        series=args.series or default_series("simulated"),
        dose_per_frame_e_per_m2=_dose_per_frame(args, film),
        step_frames=_STEP_FRAMES if args.dose_curve == "steps" else 1,
    )
    with stopping() as stopped, open_publisher(args) as publisher:
        if not wait_for_receiver(publisher, args, stopped):
            return conclude(args, simulation.series, Outcome(stopped=True))
        if injector.needs_late_series:
            simulation.publish_late_series(publisher)
        pitch_m = (film.pixel_size_m, film.pixel_size_m)
        publisher.start(simulation.series, pixel_size_m=pitch_m)
        outcome = send_frames(
            publisher,
            args,
            stopped,
            total=args.frames or None,
            prepare=simulation.prepare,
            flush=injector.flush,
        )
    outcome.extra["faults"] = {str(fault): n for fault, n in sorted(injector.injected.items())}
    outcome.extra["seed"] = args.seed
    return conclude(args, simulation.series, outcome)


class Simulation:
    """Exposes the film frame by frame and encodes what is sent, faults included."""

    def __init__(
        self,
        *,
        film: IrradiatedFilm,
        injector: FaultInjector,
        series: str,
        dose_per_frame_e_per_m2: float,
        step_frames: int,
    ) -> None:
        self.series = series
        self._film = film
        self._injector = injector
        self._dose_per_frame_e_per_m2 = dose_per_frame_e_per_m2
        self._step_frames = step_frames

    @property
    def late_series(self) -> str:
        """Name of the ended series to which late frames belong."""
        return f"{self.series[:120]}-before"

    def publish_late_series(self, publisher: FramePublisher) -> None:
        """Begin and end, without frames, the series whose frames come late."""
        publisher.start(self.late_series)
        publisher.end(frames=0)

    def prepare(self, number: int) -> Prepared:
        """Expose frame `number` and return what encodes it when its time has come."""
        steps = number // self._step_frames * self._step_frames
        simulated = self._film.expose(steps * self._dose_per_frame_e_per_m2, number=number)
        return partial(self._messages, simulated, number)

    def _messages(self, simulated: SimulatedFrame, number: int, t_ns: int) -> list[Message]:
        return self._injector.messages(number, partial(self._encode, simulated, number, t_ns))

    def _encode(self, simulated: SimulatedFrame, number: int, t_ns: int, style: Style) -> Message:
        step_m = self._film.pixel_size_m
        y_m, x_m = (drift * step_m for drift in simulated.drift_px)
        values = simulated.counts_YX.astype(">u2") if style.big_endian else simulated.counts_YX
        with sendable("simulated frame"):
            return encode_frame(
                series=self.late_series if style.late_series else self.series,
                number=number,
                t_ns=t_ns,
                channels=[Channel(name="image", values=values)],
                codec=style.codec,
                pixel_size_m=(step_m, step_m),
                stage={"x_m": x_m, "y_m": y_m},
                pixel_to_stage=((step_m, 0.0, x_m), (0.0, step_m, y_m)),
                dose_e_per_m2=simulated.dose_e_per_m2,
                user=self._user(simulated),
            )

    def _user(self, simulated: SimulatedFrame) -> dict[str, Any]:
        """The truth, for whoever scores the results: `front_px` is one `<f4` a row."""
        return {
            "truth": {
                "front_px": simulated.front_px_Y.astype("<f4").tobytes(),
                "amorphous_fraction": simulated.amorphous_fraction,
                "seed": self._film.seed,
            },
            "faults": {str(fault): n for fault, n in self._injector.injected.items()},
        }


def _dose_per_frame(args: argparse.Namespace, film: IrradiatedFilm) -> float:
    if args.dose_per_frame is not None:
        if not args.dose_per_frame >= 0 or not np.isfinite(args.dose_per_frame):
            raise ConfigError("--dose-per-frame must be 0 or more.")
        return float(args.dose_per_frame)
    return film.dose_full_e_per_m2 / max(1, (args.frames or _ENDLESS_FRAMES) - 1)
