"""The pipeline beside the published method's loop: same frames, chips and weights, by turns.

The pipeline runs as the settings have it, and in the loop's own precision: the first is what a user
gets, and the second what is compared with like. Two loops stand beside it: the straightforward one,
with one encoder call a chip, and the same with chips in batches, so that the encoder's batching is
not mistaken for the rest.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from scopeside.assembly import assemble, still_frame, warm_up
from scopeside.bench import reference_loop
from scopeside.bench.report import Report, spread
from scopeside.configuration import Configuration, config_hash
from scopeside.errors import ConfigError, ServiceError
from scopeside.messages import Array, ChipGrid, Float32
from scopeside.settings import Settings
from scopeside.stages.embed.choose import Precision, choose

CUTOFF = 0.8
"""Similarity from which chips are joined, after PNNL's public code."""
SEED = 42
"""Of Louvain, after PNNL's public code."""
BATCH = 32
EQUAL: Precision = "fp32"
"""Of the loops, as the method was published: in it ours and theirs are compared with like."""
LOOP, BATCHED = f"loop, one call a chip, {EQUAL}", f"loop, batches of {BATCH}, {EQUAL}"
MODES = ("chips", "shared")

Parts = dict[str, float]
"""Seconds of one frame: `embed` (contrast and chips with it), `graph`, and the `rest`."""

Method = Callable[[Array, int], Parts]


def ours(mode: str, precision: Precision) -> str:
    """Name the pipeline in this mode and precision."""
    return f"Scopeside, {mode} mode, {precision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """What every method spent on every round's frame, by name and in the order of the rounds."""

    shape: tuple[int, int]
    chips: int
    spent: Mapping[str, Sequence[Parts]]

    def totals_s(self, method: str) -> list[float]:
        return [sum(parts.values()) for parts in self.spent[method]]

    def times_as_fast(self, ours: str, loop: str) -> list[float]:
        """The loop's time over ours, round by round."""
        pairs = zip(self.totals_s(loop), self.totals_s(ours), strict=True)
        return [theirs_s / ours_s for theirs_s, ours_s in pairs]

    @property
    def ours(self) -> list[str]:
        return [name for name in self.spent if name not in (LOOP, BATCHED)]


class ReferenceLoop:
    """Min-max contrast, a torch call in float32 for every `batch` chips, pdist, threshold,
    Louvain; the label of a chip is painted over what the next one does not cover."""

    def __init__(self, settings: Settings, *, batch: int) -> None:
        import torch

        from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
        from scopeside.stages.embed.weights import load_weights

        weights = load_weights(
            settings.embed.weights,
            cache=settings.service.cache,
            sha256=settings.embed.weights_sha256,
        )
        self._torch = torch
        self._device = choose(settings).device
        self._module = GreyResNet50(from_state(weights.state), "pool").eval().to(self._device)
        self._batch = batch
        self._input_px = settings.chips.effective_input_px

    def __call__(self, image_YX: Array, grid: ChipGrid) -> Parts:
        begun_s = time.perf_counter()
        embeddings_ND = self._embedded(image_YX, grid)
        embedded_s = time.perf_counter()
        joined_NN = reference_loop.adjacency(embeddings_ND, CUTOFF)
        joined_s = time.perf_counter()
        labels_N = reference_loop.communities(joined_NN, seed=SEED)
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
                found.append(self._called(tile_B1HW))
        embeddings_ND: Float32 = np.concatenate(found)
        return embeddings_ND

    def _called(self, tile_B1HW: Float32) -> Float32:
        given: Any = self._torch.from_numpy(tile_B1HW).to(self._device)
        side = self._input_px
        if given.shape[-1] != side:
            given = self._torch.nn.functional.interpolate(given, size=(side, side), mode="bilinear")
        embedded_BD: Float32 = self._module(given).cpu().numpy()
        return embedded_BD


def side_by_side(
    configuration: Configuration, images: Sequence[Array], *, rounds: int
) -> SideBySide:
    """Measure in a process of its own, which inherits no threads, caches or memory.

    Takes `rounds + 1` images: the first is the warm-up's. Raises ConfigError without an encoder.
    """
    if configuration.settings.embed.backend == "null":
        raise ConfigError("Without an encoder there is nothing to compare: set embed.backend.")
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawned) as pool:
        return pool.submit(measure, configuration, tuple(images), rounds=rounds).result()


def measure(configuration: Configuration, images: Sequence[Array], *, rounds: int) -> SideBySide:
    """Measure in this process: every method on the image of every round, in rotating order."""
    settings = configuration.settings
    ny, nx = images[0].shape
    chips = settings.chips
    grid = ChipGrid(shape=(ny, nx), chip_px=chips.size_px, stride_px=chips.effective_stride_px)
    methods: dict[str, Method] = {
        ours(mode, precision): _ours(_as(configuration, mode, precision, images[0]), grid)
        for precision in dict.fromkeys((choose(settings).precision, EQUAL))
        for mode in MODES
    }
    for name in methods:
        methods[name](images[0], 0)  # the survey of the series' first frame comes once
    corner_YX, corner = _corner(images[0], grid)
    for name, batch in ((LOOP, 1), (BATCHED, BATCH)):
        loop = ReferenceLoop(settings, batch=batch)
        # Allocation and code generation of the first calls are nobody's speed.
        loop(corner_YX, corner)
        methods[name] = partial(_looped, loop, grid)
    spent: dict[str, list[Parts]] = {name: [] for name in methods}
    names = list(methods)
    for turn in range(rounds):
        place = turn % len(names)
        for name in names[place:] + names[:place]:
            spent[name].append(methods[name](images[turn + 1], turn + 1))
    return SideBySide(shape=(ny, nx), chips=grid.chips, spent=spent)


def as_report(found: SideBySide) -> Report:
    """Return what `report.json` holds under `against`; times in seconds."""
    return {
        "reference": LOOP,
        "shape": list(found.shape),
        "chips": found.chips,
        "methods": {
            name: {"total_s": spread(found.totals_s(name))}
            | {f"{part}_s": spread([parts[part] for parts in turns]) for part in turns[0]}
            for name, turns in found.spent.items()
        },
        "times_as_fast": {
            name: {loop: spread(found.times_as_fast(name, loop)) for loop in (LOOP, BATCHED)}
            for name in found.ours
        },
    }


def _looped(loop: ReferenceLoop, grid: ChipGrid, image_YX: Array, _number: int) -> Parts:
    return loop(image_YX, grid)


def _corner(image_YX: Array, grid: ChipGrid) -> tuple[Array, ChipGrid]:
    side = min(4 * grid.chip_px, *image_YX.shape)
    corner = ChipGrid(shape=(side, side), chip_px=grid.chip_px, stride_px=grid.stride_px)
    return image_YX[:side, :side], corner


def _ours(configuration: Configuration, grid: ChipGrid) -> Method:
    pipeline = assemble(configuration)
    warm_up(pipeline, configuration.settings)

    def segment(image_YX: Array, number: int) -> Parts:
        begun_s = time.perf_counter()
        result = pipeline.segment(still_frame(image_YX, number=number, series="side by side"))
        total_s = time.perf_counter() - begun_s
        if result.grid != grid:
            raise ServiceError("The pipeline and the loop do not cut the same chips.")
        stages_s = result.stages_s
        embed_s = stages_s["preprocess"] + stages_s["chips"] + stages_s["embed"]
        graph_s = stages_s["graph"]
        return {"embed": embed_s, "graph": graph_s, "rest": total_s - embed_s - graph_s}

    return segment


def _as(
    configuration: Configuration, mode: str, precision: Precision, image_YX: Array
) -> Configuration:
    settings = configuration.settings
    embed = settings.embed.model_copy(update={"mode": mode, "precision": precision})
    expected = {"frame_shape": image_YX.shape, "frame_dtype": image_YX.dtype.str[1:]}
    service = settings.service.model_copy(update=expected)
    changed = settings.model_copy(update={"embed": embed, "service": service})
    return replace(configuration, settings=changed, hash=config_hash(changed))
