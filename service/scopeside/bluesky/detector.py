"""The service as a detector of ophyd-async: what is triggered is a frame, what is read its order.

Stepping (`trigger`, `read`), events carry the figures themselves: fractions of the communities
asked for, their front, points to visit next, and the series and number of the frame. Flying
(`kickoff`, `complete`) they are in the HDF5 file that stream documents point to. The label maps
are there in both cases.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
from bluesky.protocols import Hints, Reading, StreamAsset
from event_model import DataKey
from ophyd_async.core import (
    AsyncStatus,
    DetectorDataLogic,
    PathProvider,
    StandardDetector,
    StreamableDataProvider,
    StreamResourceDataProvider,
    StreamResourceInfo,
    TriggerInfo,
)

from scopeside.bluesky.acquiring import Acquire, Acquiring, Triggering
from scopeside.bluesky.figures import Community, Wanted
from scopeside.bluesky.label_file import LABELS, LabelFile
from scopeside.client import AsyncClient
from scopeside.errors import ServiceError
from scopeside.targets import Strategy

RESULT_TIMEOUT_S = 10.0
"""Longest wait for a result; as long as ophyd-async waits for an exposure by default."""


class ScopesideDetector(StandardDetector):
    """A detector whose documents carry what the service finds in each frame.

    `client` makes the client, on stage. `communities`, `front`, `visit`, `count` and `strategy`
    say what to tell of each frame (see `figures.Wanted`). `acquire` asks the microscope for a frame
    and returns its series and number, of which the result is then taken; without it the result of
    the first frame that the service receives after the trigger is. With `path_provider` label
    maps are written to an HDF5 file, of the frame's `shape`, by default the service's
    `service.frame_shape`; without, documents refer to them by series and frame.

    Staging raises ServiceAbsentError where no service answers; a trigger raises NoResultError
    where no result comes in time, and what else a client raises.
    """

    def __init__(
        self,
        client: Callable[[], AsyncClient] = AsyncClient,
        *,
        communities: tuple[Community, ...] = (),
        front: tuple[Community, Community] | None = None,
        visit: Community | None = None,
        count: int = 1,
        strategy: Strategy = "interior",
        acquire: Acquire | None = None,
        path_provider: PathProvider | None = None,
        shape: tuple[int, int] | None = None,
        result_timeout_s: float = RESULT_TIMEOUT_S,
        name: str = "",
    ) -> None:
        self._wanted = Wanted(
            communities=communities, front=front, visit=visit, count=count, strategy=strategy
        )
        self._acquiring = Acquiring(client, acquire, result_timeout_s)
        self.add_detector_logics(Triggering(self._acquiring), self._acquiring)
        if path_provider is not None:
            self.add_detector_logics(
                _LabelMaps(self._acquiring, self._wanted, path_provider, shape)
            )
        super().__init__(name=name)

    @AsyncStatus.wrap
    async def prepare(self, value: TriggerInfo) -> None:
        """Prepare to take a number of results; a single one is read, several are streamed."""
        self._acquiring.flying = value.number_of_collections != 1
        await StandardDetector.prepare(self, value)

    @AsyncStatus.wrap
    async def complete(self) -> None:  # type: ignore[override]  # a status without progress
        """Wait until all results are written; raises as a trigger does."""
        await self._acquiring.unless_failed(StandardDetector.complete(self))

    async def describe(self) -> dict[str, DataKey]:
        """Say what an event carries."""
        source = f"scopeside://{self._acquiring.client.endpoints.results}"
        keys = dict(await super().describe())
        keys[f"{self.name}-series"] = DataKey(source=source, dtype="string", shape=[])
        for key, shape, dtype in self._wanted.shapes():
            keys[f"{self.name}-{key}"] = DataKey(
                source=source, dtype=_kind(shape, dtype), shape=list(shape), dtype_numpy=dtype
            )
        return keys

    async def read(self) -> dict[str, Reading[Any]]:
        """Return the figures of the result that was triggered."""
        result = self._acquiring.newest
        if result is None:
            raise ServiceError("The detector has no result yet: trigger it before it is read.")
        values = {"series": result.series, **self._wanted.of(result)}
        now_s = time.time()
        readings = dict(await super().read())
        for key, value in values.items():
            readings[f"{self.name}-{key}"] = Reading(value=value, timestamp=now_s)
        return readings

    @property
    def hints(self) -> Hints:
        """The figures that a live plot shows."""
        shown = [key for key, shape, _ in self._wanted.shapes() if shape == () and key != "frame"]
        return Hints(fields=[f"{self.name}-{key}" for key in shown])


class _LabelMaps(DetectorDataLogic):
    """Begins a file when the detector is prepared, and points documents to it."""

    def __init__(
        self,
        acquiring: Acquiring,
        wanted: Wanted,
        path_provider: PathProvider,
        shape: tuple[int, int] | None,
    ) -> None:
        self._acquiring = acquiring
        self._wanted = wanted
        self._path_provider = path_provider
        self._shape = shape

    async def prepare_unbounded(self, datakey_name: str) -> StreamableDataProvider:
        shape = self._shape
        if shape is None:
            config = await self._acquiring.client.config()
            ny, nx = config["service"]["frame_shape"]
            shape = int(ny), int(nx)
        info = self._path_provider(datakey_name)
        path = Path(info.directory_path) / f"{info.filename}.h5"
        self._acquiring.begin(LabelFile(path, shape, self._wanted))
        return _Streams(
            self._acquiring,
            self._wanted,
            uri=f"{info.directory_uri}{info.filename}.h5",
            name=datakey_name,
            shape=shape,
        )

    async def stop(self) -> None:
        self._acquiring.begin(None)


class _Streams(StreamableDataProvider):
    """Stream documents of the label maps, and while flying of the figures too.

    A figure is either in an event or in a stream: the same key cannot be both.
    """

    def __init__(
        self,
        acquiring: Acquiring,
        wanted: Wanted,
        *,
        uri: str,
        name: str,
        shape: tuple[int, int],
    ) -> None:
        self.collections_written_signal = acquiring.taken
        self._acquiring = acquiring
        labels = _resource(f"{name}-{LABELS}", LABELS, shape, "<u2", (1, *shape))
        figures = [
            _resource(f"{name}-{key}", key, figure_shape, dtype, (64, *figure_shape))
            for key, figure_shape, dtype in wanted.shapes()
        ]
        self._labels, self._figures = (
            StreamResourceDataProvider(
                uri=uri,
                resources=resources,
                mimetype="application/x-hdf5",
                collections_written_signal=acquiring.taken,
            )
            for resources in ([labels], figures)
        )

    async def make_datakeys(self, collections_per_event: int) -> dict[str, DataKey]:
        keys: dict[str, DataKey] = {}
        for provider in self._told():
            keys |= await provider.make_datakeys(collections_per_event)
        return keys

    async def make_stream_docs(
        self, collections_written: int, collections_per_event: int
    ) -> AsyncIterator[StreamAsset]:
        for provider in self._told():
            async for document in provider.make_stream_docs(
                collections_written, collections_per_event
            ):
                yield document

    def _told(self) -> list[StreamResourceDataProvider]:
        return [self._labels, self._figures] if self._acquiring.flying else [self._labels]


def _resource(
    data_key: str, dataset: str, shape: tuple[int, ...], dtype: str, chunks: tuple[int, ...]
) -> StreamResourceInfo:
    return StreamResourceInfo(
        data_key=data_key,
        shape=shape,
        chunk_shape=chunks,
        dtype_numpy=np.dtype(dtype).str,
        parameters={"dataset": f"/{dataset}"},
    )


def _kind(shape: tuple[int, ...], dtype: str) -> Any:
    if shape:
        return "array"
    return "integer" if dtype == "<i8" else "number"
