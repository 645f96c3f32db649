"""The network: torchvision's names and shapes, and where the grey input is normalised."""

from __future__ import annotations

import pytest
import torch

from scopeside.stages.embed.resnet50 import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    GreyResNet50,
    from_state,
    skeleton,
)

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def torchvision_names() -> list[str]:
    """The rule by which torchvision names the tensors of resnet50, less the classifier."""
    names = ["conv1.weight", *(f"bn1.{part}" for part in NORM)]
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            prefix = f"layer{layer}.{block}"
            for number in (1, 2, 3):
                names.append(f"{prefix}.conv{number}.weight")
                names += [f"{prefix}.bn{number}.{part}" for part in NORM]
            if block == 0:
                names.append(f"{prefix}.downsample.0.weight")
                names += [f"{prefix}.downsample.1.{part}" for part in NORM]
    return names


def test_names_are_those_of_torchvision_in_its_order():
    assert list(skeleton().state_dict()) == torchvision_names()


def test_there_are_as_many_parameters_as_in_torchvisions_resnet50_without_its_classifier():
    # torchvision documents 25,557,032 parameters, of which the classifier has 2048*1000 + 1000.
    counted = sum(parameter.numel() for parameter in skeleton().parameters())
    assert counted == 25_557_032 - 2_049_000


@pytest.mark.parametrize("layer", [2, 3, 4])
def test_stride_is_in_the_three_by_three(layer):
    block = skeleton().get_submodule(f"layer{layer}.0")
    assert block.conv1.stride == (1, 1)
    assert block.conv2.stride == (2, 2)
    assert block.downsample[0].stride == (2, 2)


def test_map_is_one_thirty_second_of_the_input_and_its_mean_is_the_pool(weights):
    trunk = from_state(weights.state)
    grey = torch.rand((2, 1, 64, 96), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        pool, feature_map = GreyResNet50(trunk, "pool")(grey), GreyResNet50(trunk, "map")(grey)
    assert tuple(feature_map.shape) == (2, 2, 3, 2048)
    torch.testing.assert_close(feature_map.mean(dim=(1, 2)), pool)


def test_grey_input_is_repeated_to_rgb_and_normalised_as_for_imagenet(weights):
    trunk = from_state(weights.state)
    grey = torch.rand((1, 1, 64, 64), generator=torch.Generator().manual_seed(1))
    rgb = torch.cat(
        [(grey - mean) / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)], dim=1
    )
    with torch.inference_mode():
        torch.testing.assert_close(GreyResNet50(trunk, "pool")(grey), trunk(rgb))


def test_network_from_a_state_shares_its_tensors(weights):
    trunk = from_state(weights.state)
    shared = trunk.get_parameter("layer4.2.conv3.weight")
    assert shared.data_ptr() == weights.state["layer4.2.conv3.weight"].data_ptr()
    assert not trunk.training
