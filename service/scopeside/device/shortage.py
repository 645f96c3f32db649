"""The card's memory running out while frames are computed, though all was allocated before.

A frame whose kind is planned allocates next to nothing, but libraries and the driver may (for a
launch, a copy, a frame of very many communities), and other programs may take what was left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from scopeside.device.pixels import FrameKind
from scopeside.errors import DeviceMemoryError

log = logging.getLogger(__name__)


class Shortage:
    """Remembers that memory ran out, until the recovery asks; `frames` counts how often it did.

    Planning a kind of frame that never fitted is no shortage: such frames are dropped, and
    everything else goes on as it was. Planning anew what did fit, after a recovery, is one.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._because: str | None = None
        self._fitted: frozenset[FrameKind] = frozenset()

    @contextmanager
    def noticed(self, kind: FrameKind) -> Iterator[None]:
        """Notice where work on a frame of this kind fails for want of memory."""
        try:
            yield
        except (RuntimeError, DeviceMemoryError) as error:
            if _is_shortage(error) or (
                isinstance(error, DeviceMemoryError) and kind in self._fitted
            ):
                self.frames += 1
                self._because = str(error)
            raise

    def smaller(self, batch: int, kinds: list[FrameKind]) -> int:
        """Return the tile to go on with: half of `batch` where memory ran out, down to one chip.

        For a recovery that drops the plans of `kinds`; the shortage is answered by that.
        """
        if kinds:
            self._fitted = frozenset(kinds)
        because, self._because = self._because, None
        if because is None:
            return batch
        smaller = -(-batch // 2)
        # The numbers are part of the message, as a message that repeats is held back.
        log.warning(
            f"the GPU's memory ran out while a frame was computed ({self.frames} times so far):"
            + (
                f" tiles of {smaller} chips take the place of {batch} (embed.batch = {smaller}"
                " begins with them)"
                if smaller < batch
                else " tiles are down to one chip, so end other programs that use the GPU"
            ),
            extra={"because": because},
        )
        return smaller


def _is_shortage(error: Exception) -> bool:
    """Say whether torch, or a call of CUDA that torch made, found no memory."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "CUDA error: out of memory" in str(error)
    )
