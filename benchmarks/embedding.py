"""How fast a frame is embedded: OpenVINO against torch, precisions, and the two modes.

    .venv/bin/python benchmarks/embedding.py [--repeats 7] [--shape 512x512]

Candidates take turns within one process, so that other work on the machine meets all alike; what
is compared is `prepare` and `embed` of one simulated frame at the default chips (64 px, stride
32). Both wall time and processor time (all threads) are written, because wall time on a busy
machine says little. The parity of every candidate with torch in float32 and the agreement of
the shared mode with chips are measured in the same run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
import torch

from scopeside.messages import ChipGrid, Float32
from scopeside.ports import Embedder
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.choose import native_precisions
from scopeside.stages.embed.encoder import Encoder
from scopeside.stages.embed.openvino_encoder import OpenVinoEncoder
from scopeside.stages.embed.parity import measure_parity, shared_agreement
from scopeside.stages.embed.shared import SharedEmbedder
from scopeside.stages.embed.simulated import film_image
from scopeside.stages.embed.torch_encoder import TorchEncoder
from scopeside.stages.embed.weights import Weights, load_weights

CHIP_PX, STRIDE_PX, BATCH = 64, 32, 25
RESULTS = Path(__file__).parent / "results" / "embedding.json"


def encoders(weights: Weights) -> dict[str, Encoder]:
    """Every library in every precision that this CPU computes natively."""
    found: dict[str, Encoder] = {}
    for precision in native_precisions("openvino", "cpu"):
        found[f"openvino {precision}"] = OpenVinoEncoder(weights, precision=precision)
    for precision in native_precisions("torch", "cpu"):
        found[f"torch {precision}"] = TorchEncoder(weights, precision=precision)
    return found


def candidates(weights: Weights) -> dict[str, Embedder]:
    """Chips and shared mode of every encoder, and torch's one call a chip as the baseline."""
    found: dict[str, Embedder] = {}
    for name, encoder in encoders(weights).items():
        found[f"{name} chips"] = ChipsEmbedder(encoder, weights, input_px=CHIP_PX, batch=BATCH)
        found[f"{name} shared"] = SharedEmbedder(encoder, weights, input_px=CHIP_PX)
    found["torch fp32 chips, one a call"] = ChipsEmbedder(
        TorchEncoder(weights), weights, input_px=CHIP_PX, batch=1
    )
    return found


def timed(
    embedders: dict[str, Embedder], image_YX: Float32, grid: ChipGrid, repeats: int
) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of every run, candidates by turns, after one untimed round."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in embedders}
    for repeat in range(repeats + 1):
        for name, embedder in embedders.items():
            embedder.plan(grid)
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            embedder.embed(embedder.prepare(image_YX, grid), grid)
            if repeat:
                spent[name].append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
    return spent


def row(name: str, seconds: Sequence[tuple[float, float]], chips: int) -> dict[str, object]:
    wall_s, cpu_s = np.array(seconds).T
    p20, p50, p80 = np.percentile(wall_s, [20, 50, 80])
    return {
        "candidate": name,
        "wall_ms_p20": round(float(p20) * 1e3, 1),
        "wall_ms_p50": round(float(p50) * 1e3, 1),
        "wall_ms_p80": round(float(p80) * 1e3, 1),
        "cpu_ms_p50": round(float(np.median(cpu_s)) * 1e3, 1),
        "chips_per_s": round(chips / float(p50), 1),
    }


def agreement_rows(embedders: dict[str, Embedder]) -> list[dict[str, object]]:
    """Parity of each candidate with torch fp32 in its mode; agreement of the two modes."""
    rows: list[dict[str, object]] = []
    for name, embedder in embedders.items():
        mode = "shared" if name.endswith("shared") else "chips"
        parity = measure_parity(embedder, embedders[f"torch fp32 {mode}"], chip_px=CHIP_PX)
        rows.append(
            {"candidate": name, "least_cosine_to_torch_fp32": round(parity.least_cosine, 6)}
        )
    images = [film_image((512, 512), seed=seed, progress=0.3 + 0.2 * seed) for seed in range(3)]
    first = next(iter(embedders)).removesuffix(" chips")
    agreement = shared_agreement(
        embedders[f"{first} shared"],
        embedders[f"{first} chips"],
        images,
        chip_px=CHIP_PX,
        stride_px=STRIDE_PX,
    )
    rows.append(
        {
            "candidate": f"{first} shared against chips",
            "frames": len(images),
            "chips": agreement.chips,
            "centred_cosine": round(agreement.centred_cosine, 4),
            "neighbour_overlap": round(agreement.neighbour_overlap, 4),
        }
    )
    return rows


def machine() -> dict[str, object]:
    cpu = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": str(cpu),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "openvino": openvino.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--shape", default="512x512", help="NYxNX")
    arguments = parser.parse_args()
    ny, nx = (int(side) for side in arguments.shape.split("x"))
    grid = ChipGrid(shape=(ny, nx), chip_px=CHIP_PX, stride_px=STRIDE_PX)
    weights = load_weights("builtin")
    before = machine()
    embedders = candidates(weights)
    spent = timed(embedders, film_image((ny, nx), seed=0), grid, arguments.repeats)
    rows = [row(name, seconds, grid.chips) for name, seconds in spent.items()]
    rows.sort(key=lambda each: float(str(each["wall_ms_p50"])))
    for each in rows:
        print("  ".join(f"{key} {value}" for key, value in each.items()))
    agreements = agreement_rows(embedders)
    for each in agreements:
        print("  ".join(f"{key} {value}" for key, value in each.items()))
    report = {
        "machine": before,
        "weights": {"name": weights.name, "sha256": weights.sha256},
        "frame": {"shape": [ny, nx], "chip_px": CHIP_PX, "stride_px": STRIDE_PX, "batch": BATCH},
        "chips": grid.chips,
        "repeats": arguments.repeats,
        "timing": rows,
        "agreement": agreements,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
