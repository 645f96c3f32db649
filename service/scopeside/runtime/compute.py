"""The compute thread: takes frames, runs the pipeline, hands results on; nothing stops it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any, TypeVar

from scopeside.channels import Channel, EndOfChannelError
from scopeside.errors import ConfigError, DropError, DropReason, ServiceError
from scopeside.messages import Frame
from scopeside.ports import Identities, ResultSink, Segmenter
from scopeside.settings import Settings
from scopeside.turns import Turns

log = logging.getLogger(__name__)

IDLE_S = 0.1
"""How often an idle thread looks whether a reset or new settings are waiting."""

ANSWER_S = 10.0
"""How long an asker waits for what is done between two frames: several frames of a slow encoder."""

ESTIMATE_WEIGHT = 0.2
"""Weight of the newest frame in the running mean of compute time (policy `deadline`)."""

Answer = TypeVar("Answer")
Drop = Callable[[Frame, DropReason, str], object]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A frame that the pipeline works on, and when that began."""

    frame: Frame
    work: Any
    begun_s: float


class Compute:
    """Runs the pipeline over the frames of one channel until the channel ends.

    `changed` is told when identities were named, forgotten or kept as the reference.
    `drop` counts and reports a frame that cannot be segmented. Changes asked for by other
    threads (`apply`, `reset`) happen here, between two frames, so no frame sees half of one.
    As many frames are begun as the pipeline has lanes, if so many wait; they end in order.
    """

    def __init__(
        self,
        pipeline: Segmenter,
        *,
        frames: Channel[Frame],
        results: ResultSink,
        drop: Drop,
        deadline_s: float | None,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._pipeline = pipeline
        self._frames = frames
        self._results = results
        self._drop = drop
        self._deadline_s = deadline_s
        self._changed = changed
        self._estimate_s = 0.0
        self._changes: list[Callable[[], object]] = []
        self._changes_lock = Lock()
        self.abandon = Event()
        self.turns = Turns()
        self._begun: deque[_Begun] = deque()
        self._recovered = False
        self._current: list[Frame] = []
        self._current_lock = Lock()

    def describe(self) -> dict[str, Any]:
        """Return what computes, where, and how often it had to plan anew."""
        provenance = self._pipeline.provenance
        return {
            "device": provenance.device,
            "embedder": provenance.embedder,
            "weights": provenance.weights_name,
            "clusterer": provenance.clusterer,
            "replans": self._pipeline.replans,
            **self._pipeline.figures(),
        }

    @property
    def identities(self) -> Identities:
        """Who is known; any thread may ask."""
        return self._pipeline.tracker

    def apply(self, settings: Settings, *, config_hash: str) -> None:
        """Let the next frame be computed with `settings`."""
        self._later(lambda: self._pipeline.apply(settings, config_hash=config_hash))

    def name(self, community: int, name: str | None) -> None:
        """Give a community a name from the next frame on; ConfigError for one never seen.

        Waits until the name is given.
        """

        def give() -> None:
            # Asked there and not here: a reset that is under way forgets who is known now.
            if not self._pipeline.tracker.set_name(community, name):
                raise ConfigError(
                    f"Community {community} is not known: name one that a result or event has"
                    " shown."
                )

        self.between_frames(give)

    def reset(self, *, then: Callable[[], object] = lambda: None) -> None:
        """Forget identities between two frames, and let others know `then`.

        Waits until they are forgotten.
        """

        def forget() -> None:
            self._pipeline.reset()
            then()

        self.between_frames(forget)

    def waiting_s(self) -> float | None:
        """Return the age of the oldest frame that is being computed; None where there is none."""
        with self._current_lock:
            received_s = [frame.received_s for frame in self._current]
        return time.monotonic() - min(received_s) if received_s else None

    def reference(self) -> tuple[int, ...]:
        """Keep the current frame's communities as the reference state; return their ids.

        Waits until the frame that is being computed is done. Raises ConfigError where no frame was
        segmented yet, and ServiceError where the thread does not come to it within `ANSWER_S`.
        """
        return self.between_frames(self._pipeline.memory.keep_reference)

    def between_frames(self, change: Callable[[], Answer]) -> Answer:
        """Let the compute thread do something between two frames, none begun; return its answer.

        Raises the ConfigError that it raises, and ServiceError where the thread does not come to
        it within `ANSWER_S`.
        """
        answer: Future[Answer] = Future()

        def do() -> None:
            try:
                done = change()
                # Before the answer: who has it may count on what was changed.
                self._changed()
                answer.set_result(done)
            except ConfigError as error:
                answer.set_exception(error)

        self._later(do)
        try:
            return answer.result(ANSWER_S)
        except TimeoutError:
            raise ServiceError(
                f"The frame in work was not done within {ANSWER_S:g} s, so it is not known yet what"
                " became of the request: ask again."
            ) from None

    def run(self) -> None:
        """Work until the channel is closed and empty; once `abandon` is set, only empty it."""
        while True:
            self.turns.mark()
            if len(self._begun) >= self._pipeline.lanes:
                self._finish()
            if self._recovered:
                # What was begun is begun anew: before anything that came later.
                self._finish_all()
                self._recovered = False
            try:
                # Nobody is waited for while a frame that is begun could be finished.
                frame = self._frames.get(timeout_s=0.0 if self._begun else IDLE_S)
            except TimeoutError:
                if self._begun:
                    self._finish()
                else:
                    self._make_changes()
                continue
            except EndOfChannelError:
                self._finish_all()
                return
            # At once: a change may take as long as a frame, and this one is nowhere else.
            with self._current_lock:
                self._current.append(frame)
            if self._changes:
                self._finish_all()
                self._make_changes()
            self._begin(frame)

    def give_up(self) -> list[Frame]:
        """Take from this thread the frames it computes (their results will be discarded) and all
        that wait.

        For a service that stops while a frame outlasts every bound, or after this thread died:
        its caller counts them.
        """
        with self._current_lock:
            frames, self._current = self._current, []
        return frames + self._frames.take_all()

    def _begin(self, frame: Frame) -> None:
        if self.abandon.is_set():
            self._refuse(frame, DropReason.DEADLINE, "The service stopped before it was computed.")
            return
        age_s = time.monotonic() - frame.received_s
        if self._deadline_s is not None and age_s + self._estimate_s > self._deadline_s:
            self._refuse(
                frame,
                DropReason.DEADLINE,
                f"It is {age_s:.3f} s old, computing takes {self._estimate_s:.3f} s, and the "
                f"deadline is {self._deadline_s:.3f} s.",
            )
            # A frame slow beyond the deadline must not shut the gate for ever: the estimate
            # fades while nothing is computed, until a frame is tried again.
            self._estimate_s *= 1.0 - ESTIMATE_WEIGHT
            return
        begun_s = time.monotonic()
        with self._refusing(frame):
            self._begun.append(_Begun(frame, self._pipeline.begin(frame), begun_s))

    def _finish_all(self) -> None:
        while self._begun:
            self._finish()

    def _finish(self) -> None:
        begun = self._begun.popleft()
        segmentation = None
        with self._refusing(begun.frame):
            segmentation = self._pipeline.finish(begun.work)
        if segmentation is None:
            return
        # A frame that re-planned says nothing about the next one's time.
        if not segmentation.replanned:
            spent_s = time.monotonic() - begun.begun_s
            self._estimate_s += ESTIMATE_WEIGHT * (spent_s - self._estimate_s)
        with self._settling(begun.frame) as mine:
            if mine:
                self._results.put(segmentation)

    @contextmanager
    def _refusing(self, frame: Frame) -> Iterator[None]:
        """Count a frame that fails, and let the pipeline recover from a failure that was not the
        frame's own; DeviceLostError, where it cannot, ends the thread."""
        try:
            yield
        except DropError as error:
            self._refuse(frame, error.reason, str(error))
        except Exception as error:
            # The barrier that keeps the service alive: whatever a frame provokes costs that
            # frame alone. It is counted, reported as an event and logged with its traceback.
            log.exception("frame not computed", extra=_frame_fields(frame))
            self._refuse(
                frame,
                DropReason.COMPUTE,
                f"Computing it failed with {type(error).__name__}: {error}",
            )
            self._pipeline.recover()
            self._recovered = True

    def _refuse(self, frame: Frame, reason: DropReason, message: str) -> None:
        with self._settling(frame) as mine:
            if mine:
                self._drop(frame, reason, message)

    @contextmanager
    def _settling(self, frame: Frame) -> Iterator[bool]:
        """Say whether a frame is still this thread's to account for, and end that.

        Held to the end of the block, so that a frame is settled here or given up, never both.
        """
        with self._current_lock:
            # By identity: two frames may be equal, and comparing pixels has no answer.
            left = [one for one in self._current if one is not frame]
            mine, self._current = len(left) < len(self._current), left
            yield mine

    def _later(self, change: Callable[[], object]) -> None:
        with self._changes_lock:
            self._changes.append(change)

    def _make_changes(self) -> None:
        with self._changes_lock:
            changes, self._changes = self._changes, []
        for change in changes:
            change()


def _frame_fields(frame: Frame) -> dict[str, Any]:
    return {"series": frame.series, "frame": frame.number, "shape": list(frame.shape)}
