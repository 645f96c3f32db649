"""The network by each backend on a card, beside a matrix product of the same run.

Shapes: T tiles of B chips, H and W pixels of a chip.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from gpu_attempt import attempted
from gpu_setup import Scale, Workload, percentiles_ms, tf32, timed
from harness import Row, significant
from scopeside.stages.embed.builtin import builtin_weights
from scopeside.stages.embed.encoder import ShapeBCHW
from scopeside.stages.embed.folded import FoldedResNet50, FoldedTrunk
from scopeside.stages.embed.tiling import configured_tiling
from scopeside.stages.embed.torch_encoder import DTYPES, TorchEncoder

PRECISIONS = {name: (dtype, False) for name, dtype in DTYPES.items()} | {
    "tf32": (torch.float32, True)
}
"""What tensors are of, and whether float32 is rounded to TF32 where it is multiplied."""


def product_rates(scale: Scale) -> dict[str, float]:
    """Return TFLOP/s of a large square matrix product by precision: what this card does at best."""
    card, side = scale.card(), scale.product_side
    line = card.line()
    rates = {}
    for precision in ("fp32",) if scale.rehearsal else ("fp32", "tf32", "fp16"):
        dtype, rounded = PRECISIONS[precision]
        with line.use():
            a, b = (torch.randn(side, side, dtype=dtype, device=card.device) for _ in range(2))
            out = torch.empty_like(a)
        with tf32(rounded):
            spent_s = timed(
                card, line, lambda a=a, b=b, out=out: torch.mm(a, b, out=out), scale.repeats
            )
        rates[precision] = 2 * side**3 / sorted(spent_s)[len(spent_s) // 2] / 1e12
    return rates


def encoder_rows(scale: Scale, workload: Workload, rates: dict[str, float]) -> list[Row]:
    """Time the network over all chips of a frame by each backend; what cannot be had says why.

    The share of the product is of the same precision, and left out where that has no rate.
    """
    rows = []
    for backend in scale.encoders:
        what: Row = {"workload": workload.name, "backend": backend}
        row, flaw = attempted(lambda backend=backend: _measured(scale, workload, backend, rates))
        rows.append(what | (row or flaw))
        scale.card().release()
    return rows


def _measured(scale: Scale, workload: Workload, backend: str, rates: dict[str, float]) -> Row:
    settings = scale.configuration(workload).settings
    tiling = configured_tiling(settings, scale.device)
    side = settings.chips.effective_input_px
    shape_BCHW = (tiling.batch, 1, side, side)
    chips = tiling.tiles * tiling.batch
    card = scale.card()
    line = card.line()
    precision = backend.split()[1]
    with tf32(PRECISIONS[precision][1]):
        with line.use():
            run = _program(backend, tiling.tiles, shape_BCHW, scale)
        spent_s = timed(card, line, run, scale.repeats)
    rate = chips * _flops(side) / sorted(spent_s)[len(spent_s) // 2] / 1e12
    row = {"chips": chips} | percentiles_ms(spent_s) | {"tflops": significant(rate, 4)}
    if precision in rates:
        row["share_of_product"] = significant(rate / rates[precision], 3)
    return row


def _program(backend: str, tiles: int, shape_BCHW: ShapeBCHW, scale: Scale) -> Callable[[], None]:
    """Return what runs the network on all tiles once."""
    library, precision, *how = backend.split()
    weights = builtin_weights()
    if library == "tensorrt":
        from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder
        from scopeside.stages.embed.tensorrt_library import TensorRtLibrary

        encoder = TensorRtEncoder(
            weights, TensorRtLibrary(scale.device), device=scale.device, precision=precision
        )
        return encoder.device_program(tiles, shape_BCHW, "pool").run
    if how == ["captured"]:
        program = TorchEncoder(weights, device=scale.device, precision=precision)
        return program.device_program(tiles, shape_BCHW, "pool").run
    dtype = PRECISIONS[precision][0]
    trunk = FoldedTrunk(weights.state, dtype=dtype, device=scale.device)
    module: torch.nn.Module = FoldedResNet50(trunk, "pool").eval()
    if how == ["compiled"]:
        module = torch.compile(module, dynamic=False)
    input_TB1HW = torch.rand((tiles, *shape_BCHW), device=scale.device).to(dtype)

    def eager() -> None:
        for tile_B1HW in input_TB1HW:
            module(tile_B1HW)

    return eager


def _flops(side_px: int) -> int:
    """Return the floating-point operations of one chip: two for a multiplication and its sum."""
    # Imports Triton, which must not happen before `gpu_setup` has looked for a card.
    from torch.utils.flop_counter import FlopCounterMode

    module = FoldedResNet50(
        FoldedTrunk(builtin_weights().state, dtype=torch.float32, device="cpu"), "pool"
    )
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        module(torch.zeros(1, 1, side_px, side_px))
    return int(counter.get_total_flops())
