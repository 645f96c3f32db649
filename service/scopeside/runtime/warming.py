"""Warming up in a thread of its own: the service beats, and can be told to stop, meanwhile."""

from __future__ import annotations

from threading import Thread

from scopeside.assembly import assemble, warm_up
from scopeside.configuration import Configuration
from scopeside.errors import ServiceError
from scopeside.ports import Embedder, Segmenter


class Warming:
    """Assembles the pipeline and computes its first frames; `thread` ends when that is done.

    A compiler cannot be interrupted: whoever stops waiting leaves the (daemon) thread behind.
    """

    def __init__(self, configuration: Configuration, *, embedder: Embedder | None) -> None:
        self._configuration = configuration
        self._embedder = embedder
        self._pipeline: Segmenter | None = None
        self._error: BaseException | None = None
        self.thread = Thread(target=self._work, name="scopeside-warm-up", daemon=True)
        self.thread.start()

    def pipeline(self) -> Segmenter:
        """Return the warm pipeline, or raise what kept it from getting warm."""
        if self._error is not None:
            raise self._error
        if self._pipeline is None:
            raise ServiceError("The service is still warming up; this is a fault of the program.")
        return self._pipeline

    def _work(self) -> None:
        try:
            pipeline = assemble(self._configuration, self._embedder)
            warm_up(pipeline, self._configuration.settings)
            self._pipeline = pipeline
        except BaseException as error:  # noqa: BLE001 (raised again, in the thread that asked)
            self._error = error
