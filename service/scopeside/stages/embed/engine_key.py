"""What a TensorRT engine was built from, for and with: everything that decides if it may run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from scopeside.stages.embed.resnet50 import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMachine:
    """The card that an engine runs on, and the software that builds and loads it.

    `flavour` is the distribution that brings torch_tensorrt; `driver` is "unknown" where it
    cannot be asked for.
    """

    gpu: str
    capability: str
    flavour: str
    tensorrt: str
    torch_tensorrt: str
    torch: str
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """One engine: the network (its weights, its code's version, shape, head, precision) and the
    machine. `shape_BCHW` is static."""

    weights_sha256: str
    network: int
    shape_BCHW: tuple[int, int, int, int]
    head: Head
    precision: str
    machine: EngineMachine

    @property
    def entry(self) -> str:
        """The name of its file: of what is asked for and of the card, not of versions, so that an
        engine which an update made stale is replaced and not left behind."""
        wanted = asdict(self)
        wanted.pop("network")
        for version in VERSIONS:
            wanted["machine"].pop(version)
        return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:40]

    @property
    def title(self) -> str:
        """The engine for people: `481 x 1 x 64 x 64 pool fp16`."""
        return f"{' x '.join(map(str, self.shape_BCHW))} {self.head} {self.precision}"

    def changes(self, other: EngineKey) -> tuple[str, ...]:
        """Return, in words, what differs in `other`: `torch 2.12.1, now 2.13.0`."""
        pairs = [("network version", self.network, other.network)]
        pairs += [
            (name.replace("_", "-"), getattr(self.machine, name), getattr(other.machine, name))
            for name in ("gpu", "capability", "flavour", *VERSIONS)
        ]
        return tuple(f"{name} {old}, now {new}" for name, old, new in pairs if old != new)


VERSIONS = ("tensorrt", "torch_tensorrt", "torch", "driver")
"""What of a machine changes with an update. TensorRT promises to load an engine with the version
that built it alone; the others decide which kernels it chose."""
