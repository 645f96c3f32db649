"""Launch configurations of the kernels: committed by op, shape class and device; nothing tunes.

`launch.json` holds `op -> shape class -> device -> configuration`. A row for a device is one that
was measured there; where there is none, the `default` row of the shape class serves, and where
the shape class is unknown, the op's `default` class. Every op has `default` in both places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import torch

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchConfig:
    """How one op is cut into programs.

    `blocks` are the sizes its launcher asks for by name; powers of two, except counts of programs.
    """

    blocks: Mapping[str, int]
    num_warps: int
    num_stages: int

    @property
    def options(self) -> dict[str, int]:
        """What Triton takes beside the kernel's own arguments."""
        return {"num_warps": self.num_warps, "num_stages": self.num_stages}


def launch_config(op: str, device: torch.device, shape_class: str = DEFAULT) -> LaunchConfig:
    """Return the configuration of an op for tensors on `device`; KeyError for an unknown op."""
    return choose(_committed(), op, shape_class, device_name(device))


def choose(
    table: Mapping[str, Mapping[str, Mapping[str, LaunchConfig]]],
    op: str,
    shape_class: str,
    device: str,
) -> LaunchConfig:
    """The most particular row of a table: the device's own, or else the default one."""
    classes = table[op]
    for rows in (classes.get(shape_class, {}), classes[DEFAULT]):
        for name in (device, DEFAULT):
            if name in rows:
                return rows[name]
    raise KeyError(f"launch.json has no default row for '{op}'.")


@cache
def device_name(device: torch.device) -> str:
    """The card's name as its driver gives it, `default` for anything that is no card."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else DEFAULT


@cache
def _committed() -> dict[str, dict[str, dict[str, LaunchConfig]]]:
    text = resources.files("scopeside_kernels").joinpath("launch.json").read_text("utf-8")
    return {
        op: {
            shape_class: {device: LaunchConfig(**row) for device, row in rows.items()}
            for shape_class, rows in classes.items()
        }
        for op, classes in json.loads(text).items()
    }
