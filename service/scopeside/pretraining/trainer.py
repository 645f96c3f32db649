"""The network in training: one step a batch, and a running mean of its weights to keep.

Shapes: as in `batches` and `objective`; h, w pixels of the stride-32 map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from scopeside.pretraining.batches import CHIP_PX, EXPOSURES, Batch, Mode
from scopeside.pretraining.objective import cosine_loss
from scopeside.stages.embed.resnet50 import STRIDE_PX, GreyResNet50, ResNet50, from_state

LEARNING_RATE = 5e-4
WEIGHT_DECAY = 0.02
"""Of convolutions; batch norms are left free."""
BETAS = (0.9, 0.98)
WARM_UP_STEPS = 100
HOLD = 0.6
"""Share of the training at the full rate; then it falls linearly to `LAST_RATE` of it."""
LAST_RATE = 0.02
LONGEST_MEAN = 0.995
"""Decay of the running mean; early on the mean is over a third of the steps so far."""
MOST_GRADIENT = 1.0

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step measured: the loss before it and the length of the gradient."""

    number: int
    mode: Mode
    loss: float
    gradient: float


class Trainer:
    """ResNet50 under AdamW, convolutions in bf16, with a running mean of its weights.

    Batch norms use the statistics of the batch, as ever in training; `settled` gives the mean
    weights the statistics that they themselves see.
    """

    def __init__(self, state: Mapping[str, Tensor], *, device: str) -> None:
        self._device = torch.device(device)
        self._trunk = from_state({name: tensor.clone() for name, tensor in state.items()})
        self._network = _network(self._trunk, self._device)
        kernels = [p for p in self._trunk.parameters() if p.ndim == 4]
        others = [p for p in self._trunk.parameters() if p.ndim != 4]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": kernels, "weight_decay": WEIGHT_DECAY},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=LEARNING_RATE,
            betas=BETAS,
            fused=True,
        )
        self._mean = {name: tensor.clone() for name, tensor in _floats(self._trunk)}
        self._steps = 0

    @property
    def steps(self) -> int:
        """Steps taken so far, before an interruption included."""
        return self._steps

    @property
    def mean(self) -> State:
        """The running mean of the weights, with that of the batch statistics."""
        return self._mean

    def step(self, batch: Batch, *, done: float) -> Step:
        """Learn from one batch; `done` is the share of the training that lies behind, 0 to 1."""
        for group in self._optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate(self._steps, done)
        asked = (batch.cosine_SPP, batch.weight_SPP, batch.common_S)
        loss = cosine_loss(
            self._embeddings(batch), *(torch.from_numpy(one).to(self._device) for one in asked)
        )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        gradient = nn.utils.clip_grad_norm_(self._trunk.parameters(), MOST_GRADIENT)
        self._optimizer.step()
        self._steps += 1
        decay = min(LONGEST_MEAN, 1.0 - 1.0 / (self._steps / 3.0 + 1.0))
        for name, tensor in _floats(self._trunk):
            self._mean[name].lerp_(tensor, 1.0 - decay)
        return Step(
            number=self._steps,
            mode=batch.mode,
            loss=float(loss.detach()),
            gradient=float(gradient),
        )

    def _embeddings(self, batch: Batch) -> Tensor:
        """Return `(S, V, N, D)` in float32, pooled as the batch's mode has it."""
        map_BhwD = _forward(self._network, batch, self._device)
        if batch.mode == "chips":
            pooled = map_BhwD.mean(dim=(1, 2))
        else:
            cells = CHIP_PX // STRIDE_PX
            map_BDhw = map_BhwD.permute(0, 3, 1, 2)
            pooled = functional.avg_pool2d(map_BDhw, cells, stride=1).permute(0, 2, 3, 1)
        return pooled.reshape(len(batch.common_S), EXPOSURES, -1, pooled.shape[-1])

    def settled(self, batches: Iterable[Batch]) -> State:
        """Return the mean weights with batch-norm statistics averaged over `batches`."""
        trunk = from_state({name: tensor.clone() for name, tensor in self._mean.items()})
        for module in trunk.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None  # the plain average over batches
        network = _network(trunk, self._device)
        with torch.no_grad():
            for batch in batches:
                _forward(network, batch, self._device)
        return {name: tensor.detach().cpu().contiguous() for name, tensor in _floats(trunk)}

    def to_resume(self) -> dict[str, Any]:
        """Return all that `resume` needs, as torch saves it."""
        return {
            "steps": self._steps,
            "network": self._trunk.state_dict(),
            "mean": self._mean,
            "optimizer": self._optimizer.state_dict(),
        }

    def resume(self, saved: Mapping[str, Any]) -> None:
        """Go on where `to_resume` was called; the next step is the one that would have come."""
        self._trunk.load_state_dict(saved["network"])
        self._optimizer.load_state_dict(saved["optimizer"])
        for name, tensor in self._mean.items():
            tensor.copy_(saved["mean"][name])
        self._steps = int(saved["steps"])


def rate(steps: int, done: float) -> float:
    """Return the learning rate's share: a linear rise, a hold, a linear fall."""
    rise = min(1.0, (steps + 1) / WARM_UP_STEPS)
    fall = 1.0 if done < HOLD else max(LAST_RATE, (1.0 - done) / (1.0 - HOLD))
    return rise * fall


def _network(trunk: ResNet50, device: torch.device) -> GreyResNet50:
    trunk.requires_grad_(requires_grad=True)
    network = GreyResNet50(trunk, "map").to(device)
    return network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload,no-any-return]


def _forward(network: GreyResNet50, batch: Batch, device: torch.device) -> Tensor:
    inputs_B1HW = torch.from_numpy(batch.inputs_BHW)[:, None].to(device)
    with torch.autocast(device.type, torch.bfloat16):
        map_BhwD: Tensor = network(inputs_B1HW.to(memory_format=torch.channels_last))
    return map_BhwD.float()


def _floats(trunk: ResNet50) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors that a checkpoint holds: all but the batch counters."""
    for name, tensor in trunk.state_dict().items():
        if tensor.is_floating_point():
            yield name, tensor
