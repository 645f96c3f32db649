"""Where the device stages run in these tests: Triton's interpreter, whatever is in this machine.

Triton looks at the variable when it is imported, so it is set here, before any test module is.
"""

import importlib.util
import os
from functools import partial

import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With TRITON_INTERPRET=0 (`make test-gpu`) only what is marked `gpu` can run here."""
    if os.environ["TRITON_INTERPRET"] == "0":
        for item in items:
            if item.path.parent.name == "device" and item.get_closest_marker("gpu") is None:
                item.add_marker(pytest.mark.skip(reason="needs Triton's interpreter"))


@pytest.fixture(autouse=True, scope="module")
def short_louvain():
    """A schedule of few sweeps for kernels and definition alike: interpreting all takes seconds."""
    if importlib.util.find_spec("triton") is None:
        yield
        return
    from scopeside.device import lane
    from scopeside.device.engines import kernel
    from scopeside_kernels import louvain, reference_louvain

    stage = reference_louvain.Stage
    schedule = ((stage(6, 2), stage(4, 2)),)
    plan = partial(louvain.plan, schedule=schedule, starts=2)
    patch = pytest.MonkeyPatch()
    patch.setattr(lane, "plan_louvain", plan)
    patch.setattr(kernel, "plan", plan)
    patch.setattr(
        reference_louvain,
        "louvain",
        partial(reference_louvain.louvain, schedule=schedule, starts=2),
    )
    yield
    patch.undo()
