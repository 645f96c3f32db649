"""Where the device stages run in these tests: Triton's interpreter, whatever is in this machine.

Triton looks at the variable when it is imported, so it is set here, before any test module is.
"""

import os

import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With TRITON_INTERPRET=0 (`make test-gpu`) only what is marked `gpu` can run here."""
    if os.environ["TRITON_INTERPRET"] == "0":
        for item in items:
            if item.path.parent.name == "device" and item.get_closest_marker("gpu") is None:
                item.add_marker(pytest.mark.skip(reason="needs Triton's interpreter"))
