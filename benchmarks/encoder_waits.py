"""What was gained by letting the encoder wait less: before and after, by turns.

    .venv/bin/python benchmarks/encoder_waits.py [--rounds 15]

`chips`: tiles one after the other, each on all cores, against tiles abreast, each on one.
`shared`: the map's axes turned round at the end of the graph, against block by block after it. Both
were found by profiling `scopeside bench`. Needs OpenVINO on a CPU; not part of `make bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import openvino as ov
from openvino import opset13 as op

from harness import Report, Row, quick_parser, say, spread
from scopeside.messages import ChipGrid, Float32
from scopeside.stages.embed.choose import native_precisions
from scopeside.stages.embed.encoder import output_shape
from scopeside.stages.embed.lanes import lanes
from scopeside.stages.embed.openvino_encoder import OpenVinoEncoder
from scopeside.stages.embed.openvino_graph import build_model
from scopeside.stages.embed.tiling import CPU_BATCH, tiles_abreast, tiles_of
from scopeside.stages.embed.weights import Weights, load_weights

SIDES_PX = (512, 1024)
CHIP_PX, STRIDE_PX = 64, 32
HINTS = {"bf16": "bf16", "fp16": "f16", "fp32": "f32"}

Call = Callable[[], Float32]


def before(weights: Weights, precision: str, given_TB1HW: Float32, head: str) -> Call:
    """As it was: one request on all cores, and the map turned round within the graph."""
    _, *shape_BCHW = given_TB1HW.shape
    model = build_model(weights.state, shape_BCHW=tuple(shape_BCHW), head=head)
    if head == "map":
        (result,) = model.get_results()
        turned = op.transpose(result.input_value(0), op.constant(np.array([0, 2, 3, 1], np.int64)))
        model = ov.Model([op.result(turned)], model.get_parameters(), "turned within")
    config = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
    }
    request = ov.Core().compile_model(model, "CPU", config).create_infer_request()
    out = np.empty((len(given_TB1HW), *output_shape(tuple(shape_BCHW), head)), np.float32)

    def call() -> Float32:
        for tile_B1HW, out_BF in zip(given_TB1HW, out, strict=True):
            request.set_input_tensor(ov.Tensor(tile_B1HW, shared_memory=True))
            request.set_output_tensor(ov.Tensor(out_BF, shared_memory=True))
            request.infer()
        return out

    return call


def after(weights: Weights, precision: str, given_TB1HW: Float32, head: str) -> Call:
    """As it is: the encoder of the service."""
    _, *shape_BCHW = given_TB1HW.shape
    program = OpenVinoEncoder(weights, precision=precision).compile(tuple(shape_BCHW), head)
    out = np.empty((len(given_TB1HW), *output_shape(tuple(shape_BCHW), head)), np.float32)

    def call() -> Float32:
        program(given_TB1HW, out)
        return out

    return call


def cases(weights: Weights, precision: str, side_px: int) -> dict[str, tuple[Call, Call, int]]:
    """Both forms of both modes for a frame of this side, and how many chips or maps they give."""
    random = np.random.default_rng(0)
    grid = ChipGrid(shape=(side_px, side_px), chip_px=CHIP_PX, stride_px=STRIDE_PX)
    chips_N1HW = random.random((grid.chips, 1, CHIP_PX, CHIP_PX), np.float32)

    def tiles(batch: int) -> Float32:
        tiling = tiles_of(grid.chips, batch)
        padded = np.concatenate([chips_N1HW, chips_N1HW[: tiling.padding]])
        return padded.reshape(tiling.tiles, batch, 1, CHIP_PX, CHIP_PX)

    frame = random.random((1, 1, 1, side_px, side_px), np.float32)
    abreast = tiles_abreast(grid.chips, CPU_BATCH, lanes(0)).batch
    return {
        "chips": (
            before(weights, precision, tiles(CPU_BATCH), "pool"),
            after(weights, precision, tiles(abreast), "pool"),
            grid.chips,
        ),
        "shared": (
            before(weights, precision, frame, "map"),
            after(weights, precision, frame, "map"),
            1,
        ),
    }


def timed(call: Call) -> tuple[float, float]:
    """Wall and processor seconds of one call, all threads together."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def measure(mode: str, side_px: int, old: Call, new: Call, count: int, rounds: int) -> Row:
    """Both by turns; their outputs must have the same bits."""
    width = old().shape[-1]
    same = np.array_equal(
        *(call().reshape(-1, width)[: count if mode == "chips" else None] for call in (old, new))
    )
    spent: dict[str, list[tuple[float, float]]] = {"before": [], "after": []}
    forms = {"before": old, "after": new}
    for turn in range(rounds):
        for name in sorted(forms, reverse=bool(turn % 2)):
            spent[name].append(timed(forms[name]))
    was, now = (np.array(spent[name]) for name in ("before", "after"))
    return {
        "mode": mode,
        "side_px": side_px,
        "before_ms": spread(1e3 * was[:, 0]),
        "after_ms": spread(1e3 * now[:, 0]),
        "times as fast": spread(was[:, 0] / now[:, 0]),
        "before_cpu_ms": spread(1e3 * was[:, 1]),
        "after_cpu_ms": spread(1e3 * now[:, 1]),
        "processor time, times less": spread(was[:, 1] / now[:, 1]),
        "same bits": bool(same),
    }


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    report = Report(
        name="encoder_waits",
        question="What was gained by letting the encoder wait less?",
        how=(
            "OpenVINO on the CPU, by turns in one process on the same numbers. chips: tiles one"
            " after the other on all cores, against tiles abreast, one a core. shared: the map"
            " turned round at the end of the graph, against block by block after it. Processor time"
            " is that of all threads, waiting in a loop included; it bears a busy machine better"
            " than wall time does."
        ),
    )
    weights = load_weights("builtin")
    precision = native_precisions("openvino", "cpu")[0]
    rows = []
    for side_px in SIDES_PX:
        for mode, (old, new, count) in cases(weights, precision, side_px).items():
            row = measure(mode, side_px, old, new, count, arguments.rounds)
            rows.append(row)
            say(
                f"{mode} {side_px}: {row['times as fast']['median']:.2f} times as fast,"
                f" processor time {row['processor time, times less']['median']:.2f} times less"
            )
    report.table(f"Encoder alone, {precision}", rows)
    report.write()


if __name__ == "__main__":
    main()
