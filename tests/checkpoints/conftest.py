"""What the tests of checkpoints share: a server with faults, and an environment without proxies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faulty_server import FaultyServer, serving


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with serving() as running:
        yield running
