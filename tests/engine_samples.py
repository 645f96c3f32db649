"""Machines and keys of engines, for tests."""

from __future__ import annotations

from scopeside.stages.embed.engine_key import EngineKey, EngineMachine

MACHINE = EngineMachine(
    gpu="Fake RTX 9000",
    capability="8.9",
    flavour="torch-tensorrt",
    tensorrt="11.0.0.114",
    torch_tensorrt="2.13.0",
    torch="2.13.0+cu130",
    driver="580.95.05",
)

KEY = EngineKey(
    weights_sha256="a" * 64,
    network=1,
    shape_BCHW=(4, 1, 64, 64),
    head="pool",
    precision="fp16",
    machine=MACHINE,
)
