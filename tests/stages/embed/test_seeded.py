"""The seeded weights: the same bits everywhere, every layer alive, phases told apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.seeded import NAME, seeded_state, seeded_weights
from scopeside.stages.embed.simulated import film_chips, film_image
from scopeside.stages.embed.torch_encoder import TorchEncoder
from scopeside.stages.embed.weights import Weights, state_sha256
from scopeside_kernels import reference

SHA256 = "d265c920538af82b8995dbfbf0749e371833b940e7b8e60052b9e53fb1efe1a2"


@pytest.fixture(scope="module")
def weights() -> Weights:
    return seeded_weights()


def test_seeded_weights_have_the_committed_hash_and_name(weights):
    assert (weights.name, weights.sha256) == (NAME, SHA256)


def test_seeded_weights_are_the_same_every_time(weights):
    assert seeded_weights().sha256 == weights.sha256


def test_another_seed_gives_other_weights():
    assert state_sha256(seeded_state(1)) != state_sha256(seeded_state(2))


def test_convolutions_keep_the_variance_of_he_initialisation():
    state = seeded_state()
    for name, fan_in in (("layer3.2.conv1.weight", 1024), ("layer3.2.conv2.weight", 256 * 9)):
        assert abs(float(state[name].var()) * fan_in / 2.0 - 1.0) < 0.01
    assert float(state["layer3.2.conv1.weight"].abs().max()) <= np.sqrt(6.0 / 1024)


def test_the_3x3_convolutions_smooth_in_space():
    weight = seeded_state()["layer2.0.conv2.weight"]
    centre = weight[:, :, 1, 1]
    assert torch.allclose(weight[:, :, 0, 0], centre / 4)
    assert torch.allclose(weight[:, :, 0, 1], centre / 2)
    assert torch.allclose(weight[:, :, 2, 1], centre / 2)


def test_every_residual_stage_is_alive_and_of_moderate_size(weights):
    trunk = from_state(weights.state)
    seen = {}
    for number in range(1, 5):
        name = f"layer{number}"
        trunk.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.__setitem__(name, output)
        )
    chips = torch.from_numpy(film_chips(16, 64, seed=5))[:, None]
    with torch.inference_mode():
        GreyResNet50(trunk, "pool")(chips)
    assert len(seen) == 4
    for output in seen.values():
        alive_C = output.amax(dim=(0, 2, 3)) > 0
        assert float(alive_C.float().mean()) > 0.98
        assert 0.1 < float(output.std()) < 10.0


def test_amorphous_and_crystalline_chips_lie_apart(weights):
    program = TorchEncoder(weights).compile((24, 1, 64, 64), "pool")
    chips, phase_N = [], np.repeat([0, 1], 12)
    for progress in (0.0, 1.0):
        image_YX = film_image((256, 256), seed=9, progress=progress)
        origin = np.arange(0, 256, 64)
        chips.append(reference.chips(image_YX, origin, origin, 64, 64)[:12])
    out = np.empty((1, 24, 2048), np.float32)
    program(np.concatenate(chips)[None, :, None], out)
    unit_ND = reference.unit_rows(out[0], centred=True)
    similarity_NN = unit_ND @ unit_ND.T
    same = phase_N[:, None] == phase_N[None, :]
    others = ~np.eye(24, dtype=bool)
    assert similarity_NN[same & others].mean() > similarity_NN[~same].mean() + 0.1
    nearest_NK, _ = reference.neighbours(unit_ND, 3)
    assert (phase_N[nearest_NK] == phase_N[:, None]).mean() > 0.8
