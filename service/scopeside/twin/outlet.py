"""Sends the twin's exposures as frames of the wire contract."""

from __future__ import annotations

import time
from collections.abc import Callable

from scopeside.client.publisher import FramePublisher
from scopeside.errors import ServiceError
from scopeside.twin.microscope import Exposure

_LOOK_S = 0.1
"""Longest wait between two looks at whether to stop."""


class Outlet:
    """A publisher that waits for whoever takes the frames, and gives up after `wait_s`."""

    def __init__(
        self, publisher: FramePublisher, *, wait_s: float, stopped: Callable[[], bool]
    ) -> None:
        self._publisher = publisher
        self._wait_s = wait_s
        self._stopped = stopped

    @property
    def series(self) -> str | None:
        """The series that has begun; None between two."""
        return self._publisher.series

    def begin(self, series: str, *, pixel_m: float) -> None:
        """Begin a series. Raises ServiceError where nobody came to take it."""
        self._wait_for_receiver()
        self._publisher.start(series, pixel_size_m=(pixel_m, pixel_m))

    def send(self, exposure: Exposure, *, t_ns: int, user: dict[str, object]) -> None:
        """Send one frame. Raises ServiceError where nobody takes it."""
        self._wait_for_receiver()
        view = exposure.view
        self._publisher.frame(
            exposure.counts_YX,
            number=exposure.number,
            t_ns=t_ns,
            pixel_size_m=(view.pixel_m, view.pixel_m),
            stage={"x_m": view.x_m, "y_m": view.y_m},
            pixel_to_stage=view.pixel_to_stage,
            dose_e_per_m2=exposure.dose_e_per_m2,
            user=user,
        )

    def end(self) -> None:
        """End the series, where one has begun and somebody can be told."""
        if self.series is not None and self._publisher.ready(_LOOK_S):
            self._publisher.end()

    def _wait_for_receiver(self) -> None:
        until_s = time.monotonic() + self._wait_s
        while not self._publisher.wait_for_subscriber(_LOOK_S):
            if self._stopped() or time.monotonic() >= until_s:
                raise ServiceError(
                    f"Nobody took a frame at {self._publisher.address} for {self._wait_s:g} s: "
                    "see whether `scopeside serve` runs with this as ingest.endpoint."
                )
