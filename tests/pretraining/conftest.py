"""What the tests of training share: the weights they begin from, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from scopeside.pretraining.batches import Batch, drawn_batch
from scopeside.pretraining.trainer import Step, Trainer
from scopeside.stages.embed.seeded import seeded_weights
from scopeside.stages.embed.weights import Weights
from small_training import PLAN


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for each other make seconds into minutes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def start() -> Weights:
    return seeded_weights()


@pytest.fixture(scope="session")
def batches() -> list[Batch]:
    return [drawn_batch(PLAN, seed=7, number=number) for number in range(4)]


@pytest.fixture(scope="session")
def training(start: Weights, batches: list[Batch]) -> tuple[Trainer, list[Step]]:
    """A trainer that has taken two steps, and the steps; not to be stepped further."""
    trainer = Trainer(start.state, device="cpu")
    return trainer, [trainer.step(batches[number], done=number / 4) for number in range(2)]


@pytest.fixture
def trained(training: tuple[Trainer, list[Step]]) -> Trainer:
    return training[0]
