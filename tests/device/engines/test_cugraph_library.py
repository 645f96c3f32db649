"""How the streams of torch become CuPy's, by the way that the installed CuPy has."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from scopeside.device.engines.cugraph_library import cupy_stream

STREAM = SimpleNamespace(cuda_stream=77, __cuda_stream__=lambda: (0, 77))


class Cupy:
    """What of CuPy has to do with streams: it knows the device in use."""

    def __init__(self, *, modern):
        self.entered = []
        self.Stream = SimpleNamespace()
        if modern:
            self.Stream.from_external = lambda stream: ("external", stream, tuple(self.entered))
        self.cuda = self

    @contextmanager
    def Device(self, index):
        self.entered.append(index)
        yield
        self.entered.remove(index)

    def ExternalStream(self, pointer, index):
        return ("pointer", pointer, index)


def test_the_stream_itself_is_taken_over_on_its_device():
    assert cupy_stream(Cupy(modern=True), STREAM, 1) == ("external", STREAM, (1,))


@pytest.mark.parametrize(
    ("modern", "stream"), [(False, STREAM), (True, SimpleNamespace(cuda_stream=77))]
)
def test_where_either_library_is_older_its_handle_is(modern, stream):
    assert cupy_stream(Cupy(modern=modern), stream, 1) == ("pointer", 77, 1)
