"""Launch configurations: the most particular row that there is, and always one."""

from __future__ import annotations

import json
from importlib import resources

import pytest
import torch

from scopeside_kernels.launch import LaunchConfig, choose, launch_config

OPS = json.loads(resources.files("scopeside_kernels").joinpath("launch.json").read_text())


def row(warps: int) -> LaunchConfig:
    return LaunchConfig(blocks={}, num_warps=warps, num_stages=1)


@pytest.mark.parametrize(
    ("shape_class", "device", "warps"),
    [
        ("small", "card", 1),
        ("small", "other card", 2),
        ("large", "card", 3),
        ("large", "other card", 4),
        ("unheard of", "card", 3),
        ("unheard of", "other card", 4),
        ("bare", "other card", 4),
    ],
)
def test_shape_class_goes_before_device_and_the_default_row_serves_the_rest(
    shape_class: str, device: str, warps: int
) -> None:
    table = {
        "op": {
            "small": {"card": row(1), "default": row(2)},
            "bare": {"card": row(5)},
            "default": {"card": row(3), "default": row(4)},
        }
    }
    assert choose(table, "op", shape_class, device).num_warps == warps


def test_an_op_without_a_row_is_an_error() -> None:
    with pytest.raises(KeyError):
        choose({"op": {"default": {}}}, "op", "default", "card")
    with pytest.raises(KeyError):
        launch_config("no such op", torch.device("cpu"))


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_a_default_row_of_powers_of_two(op: str) -> None:
    config = launch_config(op, torch.device("cpu"))
    assert config.options == {"num_warps": config.num_warps, "num_stages": config.num_stages}
    for classes in OPS[op].values():
        assert "default" in classes
        for committed in classes.values():
            sizes = {**committed["blocks"], "num_warps": committed["num_warps"]}
            for name, size in sizes.items():
                assert name in ("PROGRAMS", "BANDS") or size & (size - 1) == 0, (op, name)
