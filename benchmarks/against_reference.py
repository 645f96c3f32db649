"""How much faster is the pipeline than the published method's loop written plainly?

    .venv/bin/python benchmarks/against_reference.py

The loop (tests/parity/reference_loop.py around one torch call per chip) and the pipeline segment
the same frames, cut into the same chips, with the same weights, by turns within one process. So
that the encoder's batching is not mistaken for the rest, a loop with batches stands beside it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from harness import ROOT, Report, Row, in_fresh_process, quick_parser, say, spread
from scopeside.messages import Array, ChipGrid, Float32

sys.path.insert(0, str(ROOT / "tests" / "parity"))

CUTOFF = 0.8
"""Similarity from which chips are joined, after PNNL's public code."""
BATCH = 32
CASES = ((512, 3), (1024, 2))
"""Side in pixels, rounds."""
LOOP, BATCHED = "loop, one call a chip", "loop, batches of 32"
OURS = {"chips": "Scopeside, chips mode", "shared": "Scopeside, shared mode"}

Parts = dict[str, float]


class ReferenceLoop:
    """Min-max contrast, a torch call for every `batch` chips, pdist, threshold, Louvain."""

    def __init__(self, batch: int) -> None:
        import torch

        from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
        from scopeside.stages.embed.weights import load_weights

        self._torch = torch
        self._module = GreyResNet50(from_state(load_weights("builtin").state), "pool").eval()
        self._batch = batch

    def __call__(self, image_YX: Array, grid: ChipGrid) -> Parts:
        import reference_loop

        begun_s = time.perf_counter()
        embeddings_ND = self._embedded(image_YX, grid)
        embedded_s = time.perf_counter()
        joined_NN = reference_loop.adjacency(embeddings_ND, CUTOFF)
        joined_s = time.perf_counter()
        labels_N = reference_loop.communities(joined_NN, seed=42)
        # One label a chip, painted over what the next chip does not cover.
        labels_YX = np.zeros(grid.shape, np.int64)
        for number, label in enumerate(labels_N):
            y0, x0 = grid.y0_R[number // grid.cols], grid.x0_C[number % grid.cols]
            labels_YX[y0 : y0 + grid.chip_px, x0 : x0 + grid.chip_px] = label
        return {
            "embed": embedded_s - begun_s,
            "graph": joined_s - embedded_s,
            "rest": time.perf_counter() - joined_s,
        }

    def _embedded(self, image_YX: Array, grid: ChipGrid) -> Float32:
        low, high = float(image_YX.min()), float(image_YX.max())
        scaled_YX = ((image_YX - low) / (high - low)).astype(np.float32)
        chips = [
            scaled_YX[y0 : y0 + grid.chip_px, x0 : x0 + grid.chip_px]
            for y0 in grid.y0_R
            for x0 in grid.x0_C
        ]
        found = []
        with self._torch.inference_mode():
            for first in range(0, len(chips), self._batch):
                tile_B1HW = np.stack(chips[first : first + self._batch])[:, None]
                found.append(self._module(self._torch.from_numpy(tile_B1HW)).numpy())
        return np.concatenate(found)


def measure(side_px: int, rounds: int) -> Row:
    """Seconds of every method's parts by round; meant for a process of its own."""
    from scopeside.assembly import assemble, still_frame, warm_up
    from scopeside.configuration import load_settings
    from scopeside.testing.specimen import IrradiatedFilm

    film = IrradiatedFilm(shape=(side_px, side_px))
    doses = np.linspace(0.3, 0.7, rounds + 1) * film.dose_full_e_per_m2
    images = [film.expose(dose).counts_YX for dose in doses]
    grid = ChipGrid(shape=(side_px, side_px), chip_px=64, stride_px=32)
    methods: dict[str, Callable[[int], Parts]] = {}

    def add_ours(mode: str) -> None:
        configuration = load_settings(
            sets=[f"embed.mode={mode}", f"service.frame_shape=[{side_px}, {side_px}]"]
        )
        pipeline = assemble(configuration)
        warm_up(pipeline, configuration.settings)

        def segment(number: int) -> Parts:
            begun_s = time.perf_counter()
            result = pipeline.segment(still_frame(images[number], number=number, series="film"))
            if result.grid != grid:
                raise SystemExit("The pipeline and the loop do not cut the same chips.")
            stages_s = result.stages_s
            embed_s = stages_s["preprocess"] + stages_s["chips"] + stages_s["embed"]
            graph_s = stages_s["graph"]
            rest_s = time.perf_counter() - begun_s - embed_s - graph_s
            return {"embed": embed_s, "graph": graph_s, "rest": rest_s}

        methods[OURS[mode]] = segment

    def add_loop(name: str, batch: int) -> None:
        loop = ReferenceLoop(batch)
        methods[name] = lambda number: loop(images[number], grid)
        # Allocation and code generation of the first calls are nobody's speed.
        loop(images[0][: 4 * 64, : 2 * 64], ChipGrid(shape=(256, 128), chip_px=64, stride_px=32))

    for mode in OURS:
        add_ours(mode)
    add_loop(LOOP, 1)
    add_loop(BATCHED, BATCH)
    for name in OURS.values():
        methods[name](0)  # the survey of the series' first frame comes once
    spent: dict[str, list[Parts]] = {name: [] for name in methods}
    names = list(methods)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            spent[name].append(methods[name](turn + 1))
    return {"side_px": side_px, "chips": grid.chips, "spent": spent}


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--one", nargs=2, metavar=("SIDE_PX", "ROUNDS"))
    arguments = parser.parse_args()
    if arguments.one:
        side_px, rounds = arguments.one
        json.dump(measure(int(side_px), int(rounds)), sys.stdout)
        print()
        return
    report = Report(
        name="against_reference",
        question="How much faster is it than the published method's loop written plainly?",
        how=(
            "Same simulated frames, same 64-px chips at stride 32, same weights, by turns in one"
            " process. The loop: min-max contrast, ResNet50 in torch float32 one chip at a time,"
            f" SciPy pdist, unweighted edges from {CUTOFF}, Louvain by NetworkX at resolution 1."
            " A ratio is the loop's whole time over ours in the same round."
        ),
    )
    times: list[Row] = []
    ratios: list[Row] = []
    for side_px, rounds in CASES:
        case = in_fresh_process(__file__, "--one", str(side_px), str(rounds))
        totals = {
            name: [sum(parts.values()) for parts in turns] for name, turns in case["spent"].items()
        }
        for name, turns in case["spent"].items():
            times.append(
                {"side_px": side_px, "chips": case["chips"], "method": name}
                | {"total_s": spread(totals[name])}
                | {f"{part}_s": spread(t[part] for t in turns)["median"] for part in turns[0]}
            )
        for mode, name in OURS.items():
            row: Row = {"side_px": side_px, "mode": mode}
            for loop in (LOOP, BATCHED):
                pairs = zip(totals[loop], totals[name], strict=True)
                row[f"over {loop}"] = spread(theirs / ours for theirs, ours in pairs)
            ratios.append(row)
            ratio = row[f"over {LOOP}"]["median"]
            say(f"{side_px} px, {mode} mode: {ratio:.1f} times as fast as the loop")
            report.aim(
                f"speed over the reference loop, {side_px} x {side_px}, {mode} mode",
                "above",
                8.0 if mode == "chips" else 25.0,
                "times",
                ratio,
            )
    report.table("Seconds a frame", times)
    report.table("Times as fast", ratios)
    report.write()


if __name__ == "__main__":
    main()
