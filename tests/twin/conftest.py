"""A twin for tests that need no more than one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from twins import Alongside, alongside


@pytest.fixture
def twin(tmp_path) -> Iterator[Alongside]:
    with alongside(tmp_path) as running:
        yield running
