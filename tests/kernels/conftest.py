"""Where the kernels run in these tests: Triton's interpreter, or a card with TRITON_INTERPRET=0.

Triton looks at the variable when it is imported, so it is set here, before any test module is.
Nothing else in the tests imports Triton (torch does so only to compile for a GPU).
"""

import os

import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With TRITON_INTERPRET=0 tests of kernels need a card: `make test-gpu` runs those."""
    if os.environ["TRITON_INTERPRET"] == "0":
        for item in items:
            if item.path.name.endswith("_kernel.py"):
                item.add_marker(pytest.mark.gpu)
