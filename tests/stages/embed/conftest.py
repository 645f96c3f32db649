"""What the tests of the embedding share: weights and encoders are made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from scopeside.stages.embed.builtin import builtin_weights
from scopeside.stages.embed.openvino_encoder import OpenVinoEncoder
from scopeside.stages.embed.torch_encoder import TorchEncoder
from scopeside.stages.embed.weights import Weights
from stages_embed_fakes import FakeEncoder


@pytest.fixture(scope="session")
def weights() -> Weights:
    return builtin_weights()


@pytest.fixture(scope="session")
def torch_encoder(weights: Weights) -> TorchEncoder:
    return TorchEncoder(weights)


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled") / "models"


@pytest.fixture(scope="session")
def openvino_encoder(weights: Weights, cache_folder: Path) -> OpenVinoEncoder:
    return OpenVinoEncoder(weights, precision="fp32", cache=cache_folder)


@pytest.fixture
def fake_encoder() -> FakeEncoder:
    return FakeEncoder()
