"""Compact weights: rounding moves a weight by half a scale at most, and embeddings hardly."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import save_file

from scopeside.errors import WeightsError
from scopeside.stages.embed.compact import LEVELS, SCALE, compacted, expanded
from scopeside.stages.embed.resnet50 import from_state
from scopeside.stages.embed.seeded import seeded_weights
from scopeside.stages.embed.simulated import film_chips
from scopeside.stages.embed.weights import load_weights

kernels = hnp.arrays(
    np.float32,
    st.tuples(*(st.integers(1, 4) for _ in range(4))),
    elements=st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6),
)


@pytest.fixture(scope="module")
def seeded():
    return seeded_weights()


@pytest.fixture(scope="module")
def compact_file(seeded, tmp_path_factory):
    path = tmp_path_factory.mktemp("compact") / "encoder-int8.safetensors"
    save_file(compacted(seeded.state)[0], path)
    return path


@given(kernel=kernels)
def test_a_kernel_comes_back_within_half_a_scale(kernel):
    compact, _ = compacted({"conv.weight": torch.from_numpy(kernel)})
    scale_O = compact["conv.weight" + SCALE]
    assert compact["conv.weight"].dtype == torch.int8
    assert tuple(scale_O.shape) == (len(kernel),)
    back = expanded(compact)
    assert list(back) == ["conv.weight"]
    assert back["conv.weight"].dtype == torch.float32
    error = (back["conv.weight"] - torch.from_numpy(kernel)).abs()
    assert (error <= (0.5 + 1e-4) * scale_O[:, None, None, None]).all()


@given(kernel=kernels)
@settings(max_examples=50)
def test_what_was_rounded_once_is_rounded_no_further(kernel):
    once = expanded(compacted({"conv.weight": torch.from_numpy(kernel)})[0])
    compact, loss = compacted(once)
    assert loss.worst < 1e-5
    torch.testing.assert_close(
        expanded(compact)["conv.weight"], once["conv.weight"], atol=0, rtol=1e-5
    )


def test_the_largest_weight_of_a_channel_takes_the_last_level():
    kernel = torch.tensor([[1.0, -2.0], [0.25, 0.5]]).view(2, 2, 1, 1)
    compact, _ = compacted({"conv.weight": kernel})
    assert compact["conv.weight"].flatten().tolist() == [64, -LEVELS, 64, LEVELS]
    assert compact["conv.weight" + SCALE].tolist() == pytest.approx([2.0 / LEVELS, 0.5 / LEVELS])


def test_channels_of_zeros_come_back_as_zeros_and_lose_nothing():
    compact, loss = compacted({"conv.weight": torch.zeros(3, 2, 1, 1)})
    assert (expanded(compact)["conv.weight"] == 0).all()
    assert (loss.mean, loss.worst) == (0.0, 0.0)


def test_vectors_pass_as_they_are():
    state = {"bn.weight": torch.tensor([0.1, -3.0]), "bn.bias": torch.tensor([0.7, 1e-9])}
    compact, loss = compacted(state)
    assert compact.keys() == state.keys()
    assert all(torch.equal(expanded(compact)[name], state[name]) for name in state)
    assert (loss.mean, loss.worst) == (0.0, 0.0)


@pytest.mark.parametrize(
    "tensors",
    [
        {"conv.weight.scale": torch.ones(2)},
        {"bn.weight": torch.ones(2), "bn.weight.scale": torch.ones(2)},
        {"conv.weight": torch.ones(2, 1, 1, 1), "conv.weight.scale": torch.ones(3)},
        {"conv.weight": torch.ones(2, 1, 1, 1), "conv.weight.scale": torch.ones(2, 1)},
        {"conv.weight": torch.ones(2, 1, 1, 1), "conv.weight.scale": torch.tensor(1.0)},
    ],
)
def test_a_scale_that_fits_no_kernel_is_refused(tensors):
    with pytest.raises(ValueError, match=r"weight\.scale fits no kernel"):
        expanded(tensors)


def test_a_file_with_a_scale_that_fits_no_kernel_is_one_sentence(tmp_path):
    path = tmp_path / "odd.safetensors"
    save_file({"conv1.weight.scale": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match=r"odd\.safetensors is damaged .* fits no kernel\."):
        load_weights(str(path))


def test_a_compact_file_takes_a_quarter_of_the_room(seeded, compact_file):
    whole = sum(4 * tensor.numel() for tensor in seeded.state.values())
    assert compact_file.stat().st_size < 0.27 * whole


def test_a_compact_file_is_loaded_and_embeds_as_the_float32_weights_do(seeded, compact_file):
    loaded = load_weights(str(compact_file))
    assert loaded.state.keys() == seeded.state.keys()
    # Grey chips in all three colours; normalisation is the same for both.
    chips = torch.from_numpy(film_chips(4, 64, seed=3))[:, None].expand(-1, 3, -1, -1) * 4 - 2
    with torch.inference_mode():
        one, other = (from_state(dict(weights.state))(chips) for weights in (seeded, loaded))
    assert torch.cosine_similarity(one, other).min() >= 0.999
