"""When a device's memory is too small: said in our own error, and answered by smaller tiles."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from scopeside.errors import DeviceMemoryError

log = logging.getLogger(__name__)

Made = TypeVar("Made")


@contextmanager
def device_memory(what: str) -> Iterator[None]:
    """Turn torch's out-of-memory error into DeviceMemoryError, which says `what` did not fit."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise does_not_fit(what) from error


def does_not_fit(what: str) -> DeviceMemoryError:
    return DeviceMemoryError(
        f"The GPU's memory does not hold {what}; end other programs that use the GPU, or set"
        " embed.batch to a smaller number, embed.mode = chips or device = cpu."
    )


def in_fitting_tiles(make: Callable[[int], Made], batch: int) -> tuple[Made, int]:
    """Return what `make` makes for `batch` inputs a tile, and that number.

    For use while warming up, and `make` must allocate all that it will ever need. Where the
    device's memory is too small for the tile, half of it is tried, down to one input; each time
    is logged. Raises DeviceMemoryError where not even one fits.
    """
    while True:
        try:
            return make(batch), batch
        except DeviceMemoryError as error:
            if batch == 1:
                raise
            smaller = -(-batch // 2)
            # The numbers are part of the message, as a message that repeats is held back.
            log.warning(
                f"tiles of {batch} do not fit the GPU's memory, tiles of {smaller} are tried"
                f" (embed.batch = {smaller} spares the first attempt)",
                extra={"because": str(error)},
            )
        # Outside of the handler, whose traceback kept alive what the failed attempt had made.
        batch = smaller
        _free_cached_blocks()


def _free_cached_blocks() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
