"""Memory that is too small: told in one error, and answered by smaller tiles."""

from __future__ import annotations

import pytest
import torch

from scopeside.errors import DeviceMemoryError
from scopeside.stages.embed.device_memory import device_memory, in_fitting_tiles


def holding(most, tried):
    """A maker that runs out of memory, as torch does, above `most` inputs."""

    def make(batch):
        tried.append(batch)
        with device_memory(f"tiles of {batch}"):
            if batch > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return f"program of {batch}"

    return make


@pytest.mark.parametrize(
    ("most", "batches"),
    [(481, [481]), (300, [481, 241]), (10, [481, 241, 121, 61, 31, 16, 8]), (1, [5, 3, 2, 1])],
)
def test_tiles_are_halved_until_they_fit_and_each_time_is_logged(caplog, most, batches):
    tried = []
    made, batch = in_fitting_tiles(holding(most, tried), batches[0])
    assert tried == batches
    assert (made, batch) == (f"program of {batches[-1]}", batches[-1])
    assert len(caplog.records) == len(batches) - 1
    for record, before, after in zip(caplog.records, batches[:-1], batches[1:], strict=True):
        assert f"tiles of {before} do not fit" in record.message
        assert f"embed.batch = {after}" in record.message
        assert f"does not hold tiles of {before}" in record.because


def test_where_not_even_one_input_fits_that_is_the_error():
    with pytest.raises(DeviceMemoryError, match=r"does not hold tiles of 1; .* device = cpu"):
        in_fitting_tiles(holding(0, []), 4)


def test_other_errors_are_not_answered_by_smaller_tiles():
    tried = []

    def make(batch):
        tried.append(batch)
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        in_fitting_tiles(make, 8)
    assert tried == [8]


def test_what_a_failed_attempt_held_is_let_go_before_the_next():
    import weakref

    class Big:
        pass

    held = []

    def make(batch):
        big = Big()
        if batch > 2:
            held.append(weakref.ref(big))
            with device_memory("it"):
                raise torch.OutOfMemoryError
        assert [reference() for reference in held] == [None]
        return big

    assert in_fitting_tiles(make, 4)[1] == 2
