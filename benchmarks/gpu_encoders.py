"""The network by each backend on a card, beside a matrix product of the same run.

Shapes: T tiles of B chips, H and W pixels of a chip.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from gpu_setup import Scale, Workload, percentiles_ms, timed
from harness import Row, significant
from scopeside.errors import FatalError
from scopeside.stages.embed.builtin import builtin_weights
from scopeside.stages.embed.encoder import ShapeBCHW
from scopeside.stages.embed.folded import FoldedResNet50, FoldedTrunk
from scopeside.stages.embed.tiling import configured_tiling
from scopeside.stages.embed.torch_encoder import DTYPES, TorchEncoder


def product_rates(scale: Scale) -> dict[str, float]:
    """Return TFLOP/s of a large square matrix product by precision: what this card does at best."""
    card, side = scale.card(), scale.product_side
    line = card.line()
    rates = {}
    for precision in ("fp32",) if scale.rehearsal else ("fp32", "fp16"):
        with line.use():
            a, b = (
                torch.randn(side, side, dtype=DTYPES[precision], device=card.device)
                for _ in range(2)
            )
            out = torch.empty_like(a)
        spent_s = timed(
            card, line, lambda a=a, b=b, out=out: torch.mm(a, b, out=out), scale.repeats
        )
        rates[precision] = 2 * side**3 / sorted(spent_s)[len(spent_s) // 2] / 1e12
    return rates


def encoder_rows(scale: Scale, workload: Workload, rates: dict[str, float]) -> list[Row]:
    """Time the network over all chips of a frame by each backend; what cannot be had says why."""
    settings = scale.configuration(workload).settings
    tiling = configured_tiling(settings, scale.device)
    side = settings.chips.effective_input_px
    shape_BCHW = (tiling.batch, 1, side, side)
    chips = tiling.tiles * tiling.batch
    flops = chips * _flops(side)
    card = scale.card()
    line = card.line()
    rows: list[Row] = []
    for backend in scale.encoders:
        row: Row = {"workload": workload.name, "backend": backend, "chips": chips}
        try:
            with line.use():
                run, precision = _program(backend, tiling.tiles, shape_BCHW, scale)
            spent_s = timed(card, line, run, scale.repeats)
        except (FatalError, ImportError) as error:
            rows.append(row | {"lacks": str(error)})
            continue
        rate = flops / sorted(spent_s)[len(spent_s) // 2] / 1e12
        rows.append(
            row
            | percentiles_ms(spent_s)
            | {
                "tflops": significant(rate, 4),
                "share_of_product": significant(rate / rates[precision], 3),
            }
        )
        card.release()
    return rows


def _program(
    backend: str, tiles: int, shape_BCHW: ShapeBCHW, scale: Scale
) -> tuple[Callable[[], None], str]:
    """Return what runs the network on all tiles once, and in which precision."""
    library, precision, *how = backend.split()
    weights = builtin_weights()
    if library == "tensorrt":
        from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder
        from scopeside.stages.embed.tensorrt_library import TensorRtLibrary

        encoder = TensorRtEncoder(
            weights, TensorRtLibrary(scale.device), device=scale.device, precision=precision
        )
        return encoder.device_program(tiles, shape_BCHW, "pool").run, precision
    if how == ["captured"]:
        program = TorchEncoder(weights, device=scale.device, precision=precision)
        return program.device_program(tiles, shape_BCHW, "pool").run, precision
    dtype = DTYPES[precision]
    trunk = FoldedTrunk(weights.state, dtype=dtype, device=scale.device)
    module = FoldedResNet50(trunk, "pool").eval()
    input_TB1HW = torch.rand((tiles, *shape_BCHW), device=scale.device).to(dtype)

    def eager() -> None:
        for tile_B1HW in input_TB1HW:
            module(tile_B1HW)

    return eager, precision


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
