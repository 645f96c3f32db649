"""Bluesky's real RunEngine, and every document that it emits, checked against its schema."""

import asyncio

import event_model
import pytest
from bluesky.run_engine import RunEngine


class Documents:
    """What the RunEngine emitted, in order."""

    def __init__(self):
        self.all = []

    def __call__(self, name, document):
        event_model.schema_validators[event_model.DocumentNames[name]].validate(document)
        self.all.append((name, document))

    def named(self, name):
        return [document for kind, document in self.all if kind == name]


@pytest.fixture
def documents():
    return Documents()


@pytest.fixture
def engine(documents):
    loop = asyncio.new_event_loop()
    engine = RunEngine({}, loop=loop, call_returns_result=True)
    engine.subscribe(documents)
    yield engine
    if engine.state not in ("idle", "panicked"):
        engine.halt()
    loop.call_soon_threadsafe(loop.stop)
    engine._th.join()
    loop.close()
