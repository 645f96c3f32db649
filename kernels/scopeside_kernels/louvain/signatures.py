"""Every kind of launch that a run makes, for compiling without a card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.cycle import restart_kernel, settle_kernel
from scopeside_kernels.louvain.join import fill_kernel, join_kernel, place_kernel
from scopeside_kernels.louvain.number import first_kernel, number_kernel, rank_kernel
from scopeside_kernels.louvain.prepare import begin_kernel, measure_kernel
from scopeside_kernels.louvain.run import rank_block
from scopeside_kernels.louvain.sweep import sweep_kernel
from scopeside_kernels.louvain.workspace import CARD, Blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A kernel, the types of its arguments by name as Triton writes them, and its constants.

    Constants are among `types` as `constexpr`.
    """

    name: str
    kernel: Any
    types: Mapping[str, str]
    constants: Mapping[str, Any]
    warps: int


def signatures(blocks: Blocks = CARD) -> Iterator[Signature]:
    """Yield what `run.louvain` launches; the given graph has offsets of 64 bits."""
    by_rows = {"ROWS": blocks.rows, "TILE": blocks.tile}
    wide = {"begin_N": "*i64", "end_N": "*i64"}
    for weighted, dtype in ((True, "*fp32"), (False, "*i32")):
        flags = {"WEIGHTED": weighted, **by_rows}
        kind = "weighted" if weighted else "unweighted"
        for kernel in (measure_kernel, begin_kernel):
            yield _signature(kernel, kind, {**wide, "weights_E": dtype}, flags, blocks.row_warps)
    parts = sorted({(stage.parts) for cycle in rules.SCHEDULE for stage in cycle})
    for base, offsets in ((True, wide), (False, {})):
        kind = "given graph" if base else "coarse graph"
        for part in parts:
            flags = {"PARTS": part, "PATIENCE": rules.patience(part), **by_rows}
            yield _signature(
                sweep_kernel, f"{kind}, {part} parts", offsets, flags, blocks.row_warps
            )
        yield _signature(join_kernel, kind, offsets, {"BASE": base, **by_rows}, blocks.row_warps)
        flags = {"BASE": base, "BLOCK": blocks.block}
        yield _signature(settle_kernel, kind, {}, flags, blocks.block_warps)
    for kernel in (restart_kernel, place_kernel, fill_kernel, first_kernel, number_kernel):
        yield _signature(kernel, "", {}, {"BLOCK": blocks.block}, blocks.block_warps)
    yield _signature(rank_kernel, "", {}, {"BLOCK": rank_block(blocks)}, 2 * blocks.block_warps)


def _signature(
    kernel: Any, kind: str, types: Mapping[str, str], constants: Mapping[str, Any], warps: int
) -> Signature:
    """Types by the names of the arguments: they say what is a tensor, and of which kind."""

    def type_of(name: str) -> str:
        if name in constants:
            return "constexpr"
        if name in types:
            return types[name]
        if name in ("ledger", "resolution", "keys_H"):
            return "*i64"
        return "*i32" if name.endswith(("_N", "_SN", "_E", "_H")) else "i32"

    return Signature(
        name=f"{kernel.__name__}: {kind}".rstrip(": "),
        kernel=kernel,
        types={name: type_of(name) for name in kernel.arg_names},
        constants=constants,
        warps=warps,
    )
