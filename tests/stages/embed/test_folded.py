"""The folded network computes what the plain one does, in every precision."""

from __future__ import annotations

import pytest
import torch

from scopeside.stages.embed.folded import FoldedResNet50, FoldedTrunk, output_dtype
from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.simulated import film_chips


@pytest.fixture(scope="module")
def chips_B1HW():
    # Pixels of 0 and of 1 at the border too, where the padding meets the normalisation.
    return torch.from_numpy(film_chips(3, 32, seed=5))[:, None]


@pytest.fixture(scope="module")
def trunks(weights):
    made = {}

    def trunk(dtype):
        if dtype not in made:
            made[dtype] = FoldedTrunk(weights.state, dtype=dtype, device="cpu")
        return made[dtype]

    return trunk


def plain(weights, head, chips_B1HW):
    with torch.inference_mode():
        return GreyResNet50(from_state(weights.state), head)(chips_B1HW)


def folded(trunks, head, chips_B1HW, dtype):
    with torch.inference_mode():
        return FoldedResNet50(trunks(dtype), head)(chips_B1HW.to(dtype))


@pytest.mark.parametrize("head", ["pool", "map"])
def test_in_float32_it_equals_the_plain_network_up_to_rounding(weights, trunks, chips_B1HW, head):
    expected = plain(weights, head, chips_B1HW)
    found = folded(trunks, head, chips_B1HW, torch.float32)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("dtype", "least"), [(torch.float16, 0.99999), (torch.bfloat16, 0.9995)])
def test_a_reduced_precision_keeps_every_chips_cosine(weights, trunks, chips_B1HW, dtype, least):
    expected = plain(weights, "pool", chips_B1HW)
    found = folded(trunks, "pool", chips_B1HW, dtype)
    assert float(torch.nn.functional.cosine_similarity(found, expected).min()) > least
    assert not torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("head", ["pool", "map"])
def test_outputs_are_float32_but_for_a_float16_map(trunks, chips_B1HW, head, dtype):
    found = folded(trunks, head, chips_B1HW[:1], dtype)
    expected = torch.float16 if (head, dtype) == ("map", torch.float16) else torch.float32
    assert found.dtype == output_dtype(dtype, head) == expected


def test_the_kernels_lie_channels_last(trunks):
    kernels = [tensor for tensor in trunks(torch.float16).parameters() if tensor.ndim == 4]
    assert len(kernels) == 53
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in kernels)
    assert {tensor.dtype for tensor in trunks(torch.float16).parameters()} == {torch.float16}
