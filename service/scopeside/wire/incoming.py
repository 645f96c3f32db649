"""What a sender can say, decoded: a series begins, a frame, a series is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scopeside.messages import Channel, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMessage:
    """A series begins."""

    series: str
    t_ns: int
    pixel_size_m: tuple[float, float] | None = None
    user: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMessage:
    """One frame as its sender described it; channel values are read-only."""

    series: str
    number: int
    t_ns: int
    channels: tuple[Channel, ...]
    pixel_size_m: tuple[float, float] | None = None
    stage: Mapping[str, float] | None = None
    pixel_to_stage: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    dose_e_per_m2: float | None = None
    clock_offset_ns: int | None = None
    clock_uncertainty_ns: int | None = None
    user: Any = None

    def received(
        self,
        *,
        at_ns: int,
        at_s: float,
        same_host: bool,
        pixel_size_m: tuple[float, float] | None = None,
    ) -> Frame:
        """Return the frame, received at `at_ns` (wall clock) and `at_s` (monotonic).

        `pixel_size_m` is that of its series, for a frame that gives none itself.
        """
        return Frame(
            series=self.series,
            number=self.number,
            t_ns=self.t_ns,
            channels=self.channels,
            received_ns=at_ns,
            received_s=at_s,
            pixel_size_m=self.pixel_size_m or pixel_size_m,
            stage=self.stage,
            pixel_to_stage=self.pixel_to_stage,
            dose_e_per_m2=self.dose_e_per_m2,
            clock_offset_ns=self.clock_offset_ns,
            clock_uncertainty_ns=self.clock_uncertainty_ns,
            same_host=same_host,
            user=self.user,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndMessage:
    """A series is over; `frames` is how many were sent, None where the sender did not say."""

    series: str
    t_ns: int
    frames: int | None = None
    user: Any = None


Message = StartMessage | FrameMessage | EndMessage
