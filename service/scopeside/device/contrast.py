"""The contrast window of a frame on the card, held for the series where that is asked for.

What `stages.preprocess` decides by looking at numbers is decided here by the card, so that nobody
waits between finding the window and using it.

Shape suffix: Y, X frame pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from scopeside.device.pixels import FrameKind, saturated
from scopeside.messages import Array, Contrast, Float32, Frame
from scopeside.settings import PreprocessSettings
from scopeside.stages.preprocess import finite_or, gain_of, require_fit
from scopeside_kernels.contrast import ContrastTensors, contrast_tensors, contrast_window


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The detector's dark frame and the gain that makes it flat, as `Preprocess` has them."""

    dark_YX: Float32 | None = None
    gain_YX: Float32 | None = None

    @classmethod
    def of(cls, dark_YX: Array | None, flat_YX: Array | None) -> References:
        """Return what `Preprocess` makes of the same reference frames."""
        return cls(
            dark_YX=None if dark_YX is None else finite_or(dark_YX, 0.0),
            gain_YX=None if flat_YX is None else gain_of(flat_YX),
        )

    def require_fit(self, frame: Frame) -> None:
        """Raise DropError (`bad_shape`) for a frame that one of them does not fit."""
        if self.dark_YX is not None:
            require_fit(frame, self.dark_YX, "dark reference", "preprocess.dark")
        if self.gain_YX is not None:
            require_fit(frame, self.gain_YX, "flat field", "preprocess.flat")


class Held:
    """The window of the series' first frame with contrast; one for all lanes of a pipeline."""

    def __init__(self, device: torch.device) -> None:
        self.window_2 = torch.zeros(2, dtype=torch.float64, device=device)
        self.have = torch.zeros((), dtype=torch.bool, device=device)

    def forget(self) -> None:
        """Let the next frame with contrast set it; in the order of the line in use."""
        self.have.zero_()

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Leave it as it was before the block, in the order of the line in use."""
        window_2, have = self.window_2.clone(), self.have.clone()
        yield
        self.window_2.copy_(window_2)
        self.have.copy_(have)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRoom:
    """`found` has the frame's own window. `window_2` is the one in force, `opened_2` what chips are
    made with: closed where the frame is flat. `saturated_px` counts on the raw frame."""

    found: ContrastTensors
    window_2: Tensor
    opened_2: Tensor
    saturated_px: Tensor
    corrected_YX: Tensor | None
    dark_YX: Tensor | None
    gain_YX: Tensor | None


def contrast_room(kind: FrameKind, references: References, device: torch.device) -> ContrastRoom:
    """Make room for frames of a kind."""

    def placed(reference_YX: Float32 | None) -> Tensor | None:
        return None if reference_YX is None else torch.from_numpy(reference_YX).to(device)

    dark_YX, gain_YX = placed(references.dark_YX), placed(references.gain_YX)
    corrected_YX = None
    if dark_YX is not None or gain_YX is not None:
        corrected_YX = torch.zeros(kind.shape, dtype=torch.float32, device=device)
    dtype = kind.dtype if corrected_YX is None else torch.float32
    return ContrastRoom(
        found=contrast_tensors(dtype, device=device),
        window_2=torch.zeros(2, dtype=torch.float64, device=device),
        opened_2=torch.zeros(2, dtype=torch.float64, device=device),
        saturated_px=torch.zeros((), dtype=torch.int64, device=device),
        corrected_YX=corrected_YX,
        dark_YX=dark_YX,
        gain_YX=gain_YX,
    )


def find_contrast(
    frame_YX: Tensor, settings: PreprocessSettings, held: Held, room: ContrastRoom
) -> Tensor:
    """Correct the frame and find its window; returns the frame that chips are cut from."""
    source_YX = _corrected(frame_YX, room)
    contrast_window(source_YX, settings.low_percentile, settings.high_percentile, out=room.found)
    if room.corrected_YX is None:
        room.saturated_px.copy_(room.found.counts_2[1])
    elif not frame_YX.dtype.is_floating_point:
        room.saturated_px.copy_(saturated(frame_YX))
    own_2 = room.found.window_2
    flat = own_2[0] == own_2[1]
    if settings.contrast == "series":
        taken = ~held.have & ~flat
        held.window_2.copy_(torch.where(taken, own_2, held.window_2))
        held.have.logical_or_(taken)
        room.window_2.copy_(torch.where(held.have, held.window_2, own_2))
    else:
        room.window_2.copy_(own_2)
    room.opened_2.copy_(room.window_2)
    room.opened_2.masked_fill_(flat, 0.0)
    return source_YX


def _corrected(frame_YX: Tensor, room: ContrastRoom) -> Tensor:
    if room.corrected_YX is None:
        return frame_YX
    room.corrected_YX.copy_(frame_YX)
    if room.dark_YX is not None:
        room.corrected_YX.sub_(room.dark_YX)
    if room.gain_YX is not None:
        room.corrected_YX.mul_(room.gain_YX)
    return room.corrected_YX


def contrast_of(
    own: tuple[float, float], window: tuple[float, float], counts: tuple[int, int], pixels: int
) -> Contrast:
    """Return what the card found, as every result says it; counts are not finite, saturated."""
    nonfinite_px, saturated_px = counts
    return Contrast(
        low=window[0],
        high=window[1],
        flat=own[0] == own[1],
        nonfinite_px=nonfinite_px,
        saturated_fraction=saturated_px / max(pixels, 1),
    )
