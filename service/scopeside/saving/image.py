"""One image of a run: the frames of a series that have one shape, appended one by one.

Shapes: Y, X frame pixels.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Blosc

from scopeside.client.result import Result
from scopeside.messages import Array
from scopeside.saving.layout import (
    COMMUNITIES,
    CONFIDENCE,
    CONFIDENCE_PATH,
    FRAMES,
    KEY,
    LABELS,
    LABELS_PATH,
    LEVEL,
    ROWS,
)
from scopeside.saving.ngff import LabelColor, Scales, image_label, multiscales
from scopeside.saving.packet import FrameFacts
from scopeside.saving.row import row_of

COMPRESSOR = Blosc(cname="zstd", clevel=1, shuffle=Blosc.SHUFFLE)
"""Label maps shrink to a few percent; the lowest level, since a frame must not wait for it."""


@dataclass(slots=True)
class _Stack:
    """An array (t, y, x) that grows by chunks of one frame."""

    array: Any
    store: Any

    def put(self, index: int, frame_YX: Array) -> None:
        """Write a frame's chunk under its name, complete or not at all; no shape changes yet."""
        little_YX = frame_YX.astype(self.array.dtype, copy=False)
        self.store[f"{self.array.path}/{index}/0/0"] = COMPRESSOR.encode(
            np.ascontiguousarray(little_YX)
        )

    def undo(self, index: int) -> None:
        """Take a frame's chunk away again, where it is there."""
        with suppress(KeyError):
            del self.store[f"{self.array.path}/{index}/0/0"]

    def admit(self, length: int) -> None:
        """Let readers see so many frames; frames without a chunk read as 0."""
        self.array.resize(length, *self.array.shape[1:])


class SavedImage:
    """Writes one group; every `append` leaves it readable as a whole (see `layout`)."""

    def __init__(self, store: Any, name: str, result: Result) -> None:
        """Make an empty image for frames such as that of `result`; OSError where it cannot be."""
        ny, nx = result.labels_YX.shape
        self.series = result.series
        self.shape = (ny, nx)
        self.length = 0
        self.last_frame = -1
        self._rows = Path(store.path) / name / ROWS
        self._store = store
        self._group = zarr.open_group(store, path=name, mode="w")
        self._confidence = self._stack(CONFIDENCE_PATH, "|u1")
        self._labels = self._stack(LABELS_PATH, "<u2")
        self._frames: _Stack | None = None
        self._communities: dict[int, LabelColor] = {}
        self._provenance: list[dict[str, Any]] = []
        self._pixel_size_m: tuple[float, float] | None = None
        self._first_ns = self._last_ns = result.t_ns

    def takes(self, result: Result, facts: FrameFacts) -> bool:
        """Whether a frame belongs here: same series, shape, pixels and calibration, and later."""
        image_YX, frames = facts.image_YX, self._frames
        return (
            result.series == self.series
            and result.labels_YX.shape == self.shape
            and result.frame > self.last_frame
            and (facts.pixel_size_m or self._pixel_size_m) == self._pixel_size_m
            and (
                image_YX is None
                or frames is None
                or frames.array.dtype == image_YX.dtype.newbyteorder("<")
            )
        )

    def append(self, result: Result, facts: FrameFacts) -> None:
        """Add a frame; whoever reads sees it as a whole or not yet. OSError where it cannot be."""
        index = self.length
        changed = self._note(result, facts)
        if facts.image_YX is not None:
            self._frame_stack(facts.image_YX).put(index, facts.image_YX)
        self._confidence.put(index, result.confidence_YX)
        self._labels.put(index, result.labels_YX)
        with self._rows.open("a", encoding="utf-8") as rows:
            rows.write(
                row_of(
                    result.raw,
                    index=index,
                    pixel_size_m=self._pixel_size_m,
                    dose_e_per_m2=facts.dose_e_per_m2,
                    frame_saved=facts.image_YX is not None,
                )
                + "\n"
            )
        # The period of the frames is renewed at 2, 4, 8, ... of them: often enough for who looks
        # in meanwhile, and for what a killed process leaves.
        if changed or index & (index + 1) == 0:
            self._describe(index + 1)
        self.length = index + 1
        self.last_frame = result.frame
        for stack in (self._frames, self._confidence, self._labels):
            if stack is not None:
                stack.admit(self.length)

    def undo(self) -> None:
        """Take away what an `append` that failed has left of its frame."""
        for stack in (self._frames, self._confidence, self._labels):
            if stack is not None:
                stack.undo(self.length)

    def end(self) -> None:
        """Renew what only the last frame decides: how long a frame takes on average."""
        self._describe(self.length)

    def _note(self, result: Result, facts: FrameFacts) -> bool:
        """Take in whatever attributes say; return whether they must be renewed for this frame."""
        now = {
            one.id: LabelColor(id=one.id, name=one.name, color=one.color)
            for one in result.communities
        }
        changed = any(self._communities.get(id_) != one for id_, one in now.items())
        self._communities |= now
        provenance = dict(result.provenance)
        if not self._provenance or self._provenance[-1]["provenance"] != provenance:
            self._provenance.append({"from_index": self.length, "provenance": provenance})
            changed = True
        if self.length == 0:
            self._pixel_size_m = facts.pixel_size_m
        self._last_ns = result.t_ns
        return changed

    def _frame_stack(self, image_YX: Array) -> _Stack:
        if self._frames is None:
            self._frames = self._stack(FRAMES, image_YX.dtype.newbyteorder("<").str)
            self._frames.admit(self.length)
            self._describe(self.length + 1)
        return self._frames

    def _stack(self, path: str, dtype: str) -> _Stack:
        array = self._group.create_dataset(
            path,
            shape=(0, *self.shape),
            chunks=(1, *self.shape),
            dtype=dtype,
            compressor=COMPRESSOR,
            fill_value=0,
            dimension_separator="/",
        )
        return _Stack(array, self._store)

    def _describe(self, frames: int) -> None:
        """Renew the attributes, each file at once; labels before the frames that show them."""
        elapsed_s = (self._last_ns - self._first_ns) / 1e9
        period_s = elapsed_s / (frames - 1) if frames > 1 and elapsed_s > 0 else None
        scales = Scales(period_s=period_s, pixel_size_m=self._pixel_size_m)
        labels = self._group.require_group(LABELS)
        labels.attrs.put({"labels": [COMMUNITIES]})
        labels.require_group(COMMUNITIES).attrs.put(
            {
                "multiscales": multiscales(COMMUNITIES, LEVEL, scales),
                "image-label": image_label(self._communities),
            }
        )
        self._group.require_group(CONFIDENCE).attrs.put(
            {"multiscales": multiscales(CONFIDENCE, LEVEL, scales)}
        )
        shown = CONFIDENCE_PATH if self._frames is None else FRAMES
        ours = {
            "series": self.series,
            "image": CONFIDENCE if self._frames is None else "frames",
            "rows": ROWS,
            "provenance": self._provenance,
        }
        self._group.attrs.put({"multiscales": multiscales(self.series, shown, scales), KEY: ours})
