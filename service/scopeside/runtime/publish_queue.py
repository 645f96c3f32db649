"""Between the pipeline and the publishing thread: where rules look at a frame before it is sent."""

from __future__ import annotations

from collections.abc import Callable

from scopeside.channels import Channel, ClosedChannelError
from scopeside.errors import DropReason
from scopeside.messages import Accounting, Frame, Segmentation
from scopeside.steering.steering import Steering

NOT_PUBLISHED = "The service stopped before its result was published."


class PublishQueue:
    """The pipeline's sink: what it displaces was never published, so it counts as dropped."""

    def __init__(
        self,
        segmentations: Channel[Segmentation],
        drop: Callable[[Frame, DropReason, str], Accounting],
        steering: Steering,
    ) -> None:
        self._segmentations = segmentations
        self._drop = drop
        self._steering = steering

    def put(self, segmentation: Segmentation) -> None:
        # Rules come before the megabytes of the result: what they stop cannot wait.
        self._steering.observe(segmentation)
        try:
            displaced = self._segmentations.put(segmentation)
        except ClosedChannelError:
            self._drop(segmentation.frame, DropReason.DEADLINE, NOT_PUBLISHED)
            return
        if displaced is not None:
            self._drop(displaced.frame, DropReason.OVERLOAD, "Publishing fell behind.")
        self._steering.keep(segmentation)
