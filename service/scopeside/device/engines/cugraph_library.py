"""pylibcugraph itself, in torch's memory and in torch's order.

Written after the sources of pylibcugraph, pylibraft, RMM and CuPy 26.10 and 14.2; nothing of it has
run yet: without a card the packages cannot even be imported.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

# torch goes first: CuPy loaded before it has brought CUDA libraries that torch could not use
# (cupy/cupy issue 7506). Then those that CuPy's memory is set for, then what they are used by.
import torch
from torch import Tensor

from scopeside.device.cuda_card import CudaLine
from scopeside.device.engines.packages import missing_packages
from scopeside.errors import BackendError


class PylibcugraphLibrary:
    """One resource handle, on a stream of the pipeline.

    Everything runs in that stream, whatever the current one is: what comes before and after is
    ordered by events. Memory is torch's: CuPy and RMM ask torch's pool for theirs.
    """

    def __init__(self, device: torch.device) -> None:
        missing = missing_packages()
        if missing:
            raise BackendError(
                f"communities.engine = cugraph needs {', '.join(missing)}, not installed here;"
                " pip install 'scopeside[gpu]', or set communities.engine = auto."
            )
        import cupy
        import rmm

        self._device = device
        self._line = CudaLine(device, priority=-1)
        share_pool(cupy, rmm, device)
        import pylibcugraph
        from pylibraft.common import DeviceResources

        self._cupy, self._plc = cupy, pylibcugraph
        self._stream = cupy_stream(cupy, self._line.stream, device.index or 0)
        self._resources = DeviceResources(stream=self._line.stream.cuda_stream)
        self._handle = pylibcugraph.ResourceHandle(self._resources.getHandle())
        self._properties = pylibcugraph.GraphProperties(is_symmetric=True, is_multigraph=False)

    @property
    def version(self) -> str:
        return version("pylibcugraph-cu13")

    @property
    def device(self) -> torch.device:
        return self._device

    def louvain(
        self,
        offsets: Tensor,
        neighbours_E: Tensor,
        weights_E: Tensor,
        *,
        resolution: float,
        threshold: float,
        levels: int,
    ) -> Tensor:
        before = torch.cuda.current_stream(self._device)
        self._line.stream.wait_stream(before)
        with (
            torch.cuda.stream(self._line.stream),
            self._cupy.cuda.Device(self._device.index or 0),
            self._stream,
        ):
            arrays = [self._cupy.from_dlpack(x) for x in (offsets, neighbours_E, weights_E)]
            graph = self._plc.SGGraph(
                self._handle,
                self._properties,
                arrays[0],
                arrays[1],
                weight_array=arrays[2],
                store_transposed=False,
                renumber=False,
                do_expensive_check=False,
                input_array_format="CSR",
            )
            vertices, clusters, _ = self._plc.louvain(
                self._handle, graph, levels, threshold, resolution, do_expensive_check=False
            )
            labels_N = torch.empty(len(offsets) - 1, dtype=torch.int32, device=self._device)
            found = torch.utils.dlpack.from_dlpack(clusters).to(torch.int32)
            labels_N[torch.utils.dlpack.from_dlpack(vertices).to(torch.int64)] = found
            # The graph and its arrays go when this returns: not before the card is done.
            self._line.stream.synchronize()
        before.wait_stream(self._line.stream)
        return labels_N


def cupy_stream(cupy: Any, stream: Any, index: int) -> Any:
    """Return torch's stream as CuPy's; taking its handle alone is deprecated since CuPy 14."""
    from_external = getattr(cupy.cuda.Stream, "from_external", None)
    if from_external is None or not hasattr(stream, "__cuda_stream__"):
        return cupy.cuda.ExternalStream(stream.cuda_stream, index)
    with cupy.cuda.Device(index):
        return from_external(stream)


def share_pool(cupy: Any, rmm: Any, device: torch.device) -> None:
    """Let CuPy and RMM take their memory from torch's pool: for the whole process."""

    def allocate(size: int, stream: int) -> int:
        if size == 0:
            return 0
        return int(torch.cuda.caching_allocator_alloc(size, device, stream))

    def free(pointer: int) -> None:
        if pointer:
            torch.cuda.caching_allocator_delete(pointer)  # type: ignore[no-untyped-call]

    allocator = cupy.cuda.memory.PythonFunctionAllocator(
        lambda size, _: allocate(size, cupy.cuda.get_current_stream().ptr),
        lambda pointer, _: free(pointer),
    )
    cupy.cuda.set_allocator(allocator.malloc)
    resource = rmm.mr.CallbackMemoryResource(
        lambda size, stream: allocate(size, stream.__cuda_stream__()[1]),
        lambda pointer, _size, _stream: free(pointer),
    )
    rmm.mr.set_per_device_resource(device.index or 0, resource)
