"""The newest label map that was published, for questions that come between frames."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from scopeside.errors import ServiceError
from scopeside.messages import Segmentation
from scopeside.steering.novelty import Seen, see


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A segmentation as it was made (nothing is copied), and how new each place of it is."""

    segmentation: Segmentation
    seen: Seen


class Newest:
    """Holds one published segmentation; one thread puts, any may ask."""

    def __init__(self) -> None:
        self._published: Published | None = None
        self._lock = Lock()

    def put(self, segmentation: Segmentation) -> None:
        """Take the segmentation whose result is sent next."""
        before = self._published
        seen = see(segmentation, None if before is None else before.seen)
        with self._lock:
            self._published = Published(segmentation=segmentation, seen=seen)

    def get(self) -> Published | None:
        """Return what was published last; None before the first frame."""
        with self._lock:
            return self._published

    def require(self) -> Published:
        """Return what was published last, or raise ServiceError before the first frame."""
        published = self.get()
        if published is None:
            raise ServiceError("No frame was segmented yet: ask again once a result has come.")
        return published
