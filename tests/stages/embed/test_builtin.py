"""The built-in weights: the file of the package, its card, and what training was for."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest

from scopeside.errors import WeightsError
from scopeside.stages.embed import builtin
from scopeside.stages.embed.builtin import FILE, NAME, builtin_weights
from scopeside.stages.embed.seeded import seeded_weights
from scopeside.stages.embed.simulated import film_image
from scopeside.stages.embed.torch_encoder import TorchEncoder
from scopeside.stages.embed.weights import Weights
from scopeside_kernels import reference

FOLDER = resources.files("scopeside.stages.embed")
MOST_BYTES = 25_000_000


def test_the_name_and_hash_are_those_of_the_file(weights):
    data = (FOLDER / FILE).read_bytes()
    assert (weights.name, weights.sha256) == (NAME, hashlib.sha256(data).hexdigest())
    assert len(data) <= MOST_BYTES


def test_the_card_says_what_the_file_is(weights):
    card = (FOLDER / "builtin.md").read_text(encoding="utf-8")
    assert weights.sha256 in card


def test_a_missing_file_says_to_install_again(monkeypatch):
    monkeypatch.setattr(builtin, "FILE", "absent.safetensors")
    with pytest.raises(WeightsError, match=r"absent\.safetensors are missing; install"):
        builtin_weights()


def test_training_brought_chips_of_one_phase_together(weights):
    """The mean centred cosine within a phase less that across, against the seeded weights."""
    trained, seeded = gap(weights), gap(seeded_weights())
    assert trained > seeded + 0.2
    assert trained > 1.0


def gap(weights: Weights) -> float:
    program = TorchEncoder(weights).compile((24, 1, 64, 64), "pool")
    origin = np.arange(0, 256, 64)
    images = [film_image((256, 256), seed=9, progress=progress) for progress in (0.0, 1.0)]
    chips = [reference.chips(image_YX, origin, origin, 64, 64)[:12] for image_YX in images]
    out = np.empty((1, 24, 2048), np.float32)
    program(np.concatenate(chips)[None, :, None], out)
    unit_ND = reference.unit_rows(out[0], centred=True)
    cosine_NN = unit_ND @ unit_ND.T
    phase_N = np.repeat([0, 1], 12)
    same_NN = phase_N[:, None] == phase_N
    others_NN = ~np.eye(24, dtype=bool)
    return float(cosine_NN[same_NN & others_NN].mean() - cosine_NN[~same_NN].mean())
