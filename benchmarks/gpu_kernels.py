"""Are the GPU kernels right on this card, and how long does each take?

    .venv/bin/python benchmarks/gpu_kernels.py [--repeats 100] [--workload A ...]

Every kernel is first checked against the NumPy definition on the same input, then timed by device
events: alone, and all that follow the embedding together, launched one by one and as a captured
CUDA graph. Without a card the checks run in Triton's interpreter on a tiny frame, nothing is timed
and no result is written.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read by Triton when it is imported

import triton

from gpu_attempt import attempted
from harness import Report, Row, quick_parser, say, significant
from scopeside_kernels import reference, reference_louvain
from scopeside_kernels.chip_tables import chip_tables
from scopeside_kernels.chips import chips
from scopeside_kernels.contrast import contrast_tensors, contrast_window
from scopeside_kernels.louvain import Rows, louvain
from scopeside_kernels.louvain.workspace import plan
from scopeside_kernels.neighbours import Precision, neighbours, neighbours_room
from scopeside_kernels.paint import paint
from scopeside_kernels.paint_tables import paint_tables
from scopeside_kernels.regions import region_tensors, regions
from scopeside_kernels.symmetric import graph_tensors, symmetric
from scopeside_kernels.unit_rows import unit_rows, unit_rows_room

K = 15
RESOLUTION = 0.7
WARM_UP = 5
PRECISIONS: tuple[Precision, ...] = ("tf32x3", "tf32", "ieee")
PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Square frames of `side_px`, chips and their stride, and the length of an embedding."""

    name: str
    side_px: int
    chip_px: int
    stride_px: int
    features: int = 2048


CARD_WORKLOADS = (
    Workload(name="A", side_px=1024, chip_px=64, stride_px=32),
    Workload(name="B", side_px=2048, chip_px=64, stride_px=32),
    Workload(name="C", side_px=4096, chip_px=128, stride_px=64),
)
INTERPRETED = (Workload(name="tiny", side_px=80, chip_px=16, stride_px=8, features=96),)


class Frame:
    """One frame's way over the device, with every tensor made before the first launch."""

    def __init__(self, workload: Workload, device: str) -> None:
        side, chip = workload.side_px, workload.chip_px
        random = np.random.default_rng(0)
        self.origins = np.arange(0, side - chip + 1, workload.stride_px, dtype=np.int64)
        self.chip_px, self.shape = chip, (side, side)
        rows = len(self.origins)
        self.nodes = rows**2
        self.frame_YX = random.poisson(400.0, self.shape).astype(np.uint16)
        material_N = np.tile(4 * np.arange(rows) // rows, rows)
        centres = random.normal(0.0, 1.4, (4, workload.features))
        noise = random.normal(size=(self.nodes, workload.features))
        self.embeddings_ND = (20.0 + centres[material_N] + noise).astype(np.float32)

        def empty(*shape: int, dtype: torch.dtype) -> torch.Tensor:
            return torch.empty(shape, dtype=dtype, device=device)

        self.frame = torch.from_numpy(self.frame_YX).to(device)
        self.embeddings = torch.from_numpy(self.embeddings_ND).to(device)
        self.found = contrast_tensors(torch.uint16, device=device)
        self.tables = chip_tables(self.origins, self.origins, chip, chip, device=device)
        self.input = empty(self.nodes, 1, chip, chip, dtype=torch.float16)
        self.unit = empty(self.nodes, workload.features, dtype=torch.float32)
        self.unit_room = unit_rows_room(workload.features, device=device)
        self.near = empty(self.nodes, K, dtype=torch.int32)
        self.similar = empty(self.nodes, K, dtype=torch.float32)
        self.rooms = {
            precision: neighbours_room(
                self.nodes, K, dtype=torch.float32, device=device, precision=precision
            )
            for precision in PRECISIONS
        }
        self.graph = graph_tensors(self.nodes, K, device=device)
        self.workspace = plan(
            self.nodes,
            2 * K * self.nodes,
            device=device,
            resolution=RESOLUTION,
            # The interpreter runs starts one after the other; two of them know of each other.
            starts=None if torch.device(device).type == "cuda" else 2,
        )
        self.ids = empty(self.nodes, dtype=torch.int32)
        self.painting = paint_tables(self.origins, self.origins, chip, self.shape, device=device)
        self.labels = empty(*self.shape, dtype=torch.uint16)
        self.confidence = empty(*self.shape, dtype=torch.uint8)
        self.asked = torch.arange(1, 17, dtype=torch.int32, device=device).to(torch.uint16)
        self.measured = region_tensors(16, device=device, float_image=False)

    # One method an operation, in the order of a frame's way.

    def contrast(self) -> None:
        contrast_window(self.frame, *PERCENTILES, out=self.found)

    def chips(self) -> None:
        chips(self.frame, self.found.window_2, self.tables, self.input)

    def unit_rows(self) -> None:
        unit_rows(self.embeddings, centred=True, unit_ND=self.unit, room_BD=self.unit_room)

    def neighbours(self, precision: Precision = "tf32x3") -> None:
        neighbours(
            self.unit,
            K,
            precision=precision,
            neighbours_NK=self.near,
            similarities_NK=self.similar,
            room=self.rooms[precision],
        )

    def symmetric(self) -> None:
        symmetric(self.near, self.similar, self.graph)

    def louvain(self) -> None:
        graph = self.graph
        louvain(Rows.from_csr(graph.offsets, graph.neighbours, graph.weights), self.workspace)
        torch.add(self.workspace.numbers_N, 1, out=self.ids)

    def paint(self) -> None:
        paint(self.ids, self.painting, labels_YX=self.labels, confidence_YX=self.confidence)

    def regions(self) -> None:
        regions(self.labels, self.confidence, self.frame, self.asked, out=self.measured)

    def after_embedding(self) -> None:
        """All that follows the embedding."""
        self.unit_rows()
        self.neighbours()
        self.symmetric()
        self.louvain()
        self.paint()
        self.regions()

    def operations(self) -> dict[str, Callable[[], None]]:
        near = {
            f"neighbours, {precision}": lambda precision=precision: self.neighbours(precision)
            for precision in PRECISIONS[::-1]  # the default last: what follows uses its lists
        }
        return {
            "contrast": self.contrast,
            "chips": self.chips,
            "unit rows": self.unit_rows,
            **near,
            "symmetric": self.symmetric,
            "louvain": self.louvain,
            "paint": self.paint,
            "regions": self.regions,
        }


def checked(frame: Frame) -> Row:
    """Run every operation once and compare it with the definition, given equal input."""
    answer: Row = {"chips": frame.nodes}
    frame.contrast()
    frame.chips()
    window = reference.contrast_window(frame.frame_YX, *PERCENTILES)
    answer["contrast"] = frame.found.window_2.tolist() == [window.low, window.high]
    image_YX = reference.normalise(frame.frame_YX, window.low, window.high)
    cut = reference.chips(image_YX, frame.origins, frame.origins, frame.chip_px, frame.chip_px)
    answer["chips_equal"] = np.array_equal(frame.input[:, 0].cpu().numpy(), cut.astype(np.float16))
    frame.unit_rows()
    unit_ND = reference.unit_rows(frame.embeddings_ND, centred=True)
    answer["unit_rows_off"] = significant(float(np.abs(frame.unit.cpu().numpy() - unit_ND).max()))
    near_NK, _ = reference.neighbours(frame.unit.cpu().numpy(), K)
    for precision in PRECISIONS[::-1]:
        frame.neighbours(precision)
        found_NK = frame.near.cpu().numpy()
        same = [len(np.intersect1d(a, b)) for a, b in zip(found_NK, near_NK, strict=True)]
        answer[f"neighbours_same_{precision}"] = significant(float(np.mean(same)) / K, 5)
    frame.symmetric()
    graph = frame.graph
    offsets, to_E, weights_E = reference.symmetric_csr(found_NK, frame.similar.cpu().numpy())
    edges = int(offsets[-1])
    answer["symmetric"] = (
        np.array_equal(graph.offsets.cpu().numpy(), offsets)
        and np.array_equal(graph.neighbours[:edges].cpu().numpy(), to_E)
        and np.array_equal(graph.weights[:edges].cpu().numpy(), weights_E)
    )
    frame.louvain()
    defined = reference_louvain.louvain(
        offsets, to_E, weights_E, resolution=RESOLUTION, starts=frame.workspace.starts
    )
    labels_N = frame.workspace.numbers_N.cpu().numpy()
    answer["louvain"] = np.array_equal(labels_N, defined.labels_N)
    answer["communities"] = defined.communities
    frame.paint()
    ids_N = frame.ids.cpu().numpy().astype(np.uint16)
    labels_YX, confidence_YX = reference.paint(
        ids_N, frame.origins, frame.origins, frame.chip_px, frame.shape
    )
    answer["paint"] = np.array_equal(frame.labels.cpu().numpy(), labels_YX) and np.array_equal(
        frame.confidence.cpu().numpy(), confidence_YX
    )
    frame.regions()
    told = reference.regions(labels_YX, confidence_YX, frame.frame_YX, np.arange(1, 17))
    answer["regions"] = np.array_equal(
        frame.measured.area_px_K.cpu().numpy(), told.area_px_K
    ) and np.allclose(
        frame.measured.mean_intensity_K.cpu().numpy(),
        told.mean_intensity_K,
        rtol=1e-12,
        equal_nan=True,
    )
    return answer


def timed(launch: Callable[[], object], repeats: int) -> Row:
    """Milliseconds by device events, each launch by itself."""
    for _ in range(WARM_UP):
        launch()
    torch.cuda.synchronize()
    spent_ms = []
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        launch()
        end.record()
        end.synchronize()
        spent_ms.append(begin.elapsed_time(end))
    low, middle, high, worst = np.percentile(spent_ms, (20, 50, 80, 99))
    return {
        "median_ms": significant(middle, 4),
        "p20_ms": significant(low, 4),
        "p80_ms": significant(high, 4),
        "p99_ms": significant(worst, 4),
    }


def captured(launch: Callable[[], object]) -> Callable[[], None]:
    """The same launches as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        launch()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch()
    return graph.replay


def ceilings(repeats: int) -> list[Row]:
    """What this card does at best: a large matrix product and a large copy."""
    side, copied = 8192, 2**30
    a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product_ms = timed(lambda: a @ b, repeats)["median_ms"]
    source = torch.randint(0, 255, (copied,), device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    copy_ms = timed(lambda: target.copy_(source), repeats)["median_ms"]
    return [
        {
            "what": "bf16 product of 8192 squared, TFLOP/s",
            "rate": significant(2 * side**3 / product_ms / 1e9, 4),
        },
        {
            "what": "copy of 1 GiB, read and written, TB/s",
            "rate": significant(2 * copied / copy_ms / 1e9, 4),
        },
    ]


def card() -> Row:
    """The card, its driver and the state it was found in; its name alone without nvidia-smi."""
    fields = "name,driver_version,memory.total,clocks.sm,temperature.gpu"
    versions = {"cuda": torch.version.cuda or "", "triton": triton.__version__}
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
        values = done.stdout.splitlines()[0].split(", ")
        return dict(zip(fields.split(","), values, strict=True)) | versions
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return {"name": torch.cuda.get_device_name()} | versions


def right(row: Row) -> bool:
    """Whether all that must be equal is, and the neighbours nearly."""
    return (
        all(value for value in row.values() if isinstance(value, bool))
        and row["unit_rows_off"] < 1e-6
        and min(row["neighbours_same_ieee"], row["neighbours_same_tf32x3"]) > 0.999
    )


def main() -> int:
    parser = quick_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    names = [workload.name for workload in CARD_WORKLOADS]
    parser.add_argument("--workload", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        return interpreted()
    return measured(arguments)


def interpreted() -> int:
    rows = [{"workload": w.name} | checked(Frame(w, "cpu")) for w in INTERPRETED]
    for row in rows:
        say(f"{row}")
    say("no NVIDIA GPU here: checked in Triton's interpreter, nothing timed, nothing written")
    return 0 if all(right(row) for row in rows) else 1


def measured(arguments: argparse.Namespace) -> int:
    workloads = [one for one in CARD_WORKLOADS if one.name in arguments.workload]
    part = "" if len(workloads) == len(CARD_WORKLOADS) else "-" + "-".join(arguments.workload)
    report = Report(
        name=f"gpu_kernels{part}",
        question="Are the GPU kernels right on this card, and how long does each take?",
        how=(
            "Frames of electron counts and embeddings of four materials with noise, made from a"
            " seed. Each kernel is checked against its NumPy definition on equal input, then timed"
            f" by device events, {arguments.repeats} launches each. After the embedding: unit rows,"
            " neighbours, symmetric, louvain, paint and regions, one by one and as one CUDA graph."
        ),
    )
    report.table("The card", [card()])
    best, flaw = attempted(lambda: ceilings(arguments.repeats))
    report.table("At best", best or [flaw])
    report.table("Against the definition", [])
    report.table("Times", [])
    for workload in workloads:
        measure_workload(workload, arguments.repeats, report)
        report.write()
    state_aims(report)
    report.write()
    checks, rows = (table["rows"] for table in report.tables[-2:])
    whole = not any("failed" in row for row in (*checks, *rows))
    return 0 if whole and all(right(row) for row in checks) else 1


def measure_workload(workload: Workload, repeats: int, report: Report) -> None:
    """Check and time all operations; each fails for itself, and what was found is kept."""
    checks, times = (table["rows"] for table in report.tables[-2:])
    what: Row = {"workload": workload.name}
    frame, flaw = attempted(lambda: Frame(workload, "cuda"))
    if frame is None:
        checks.append(what | flaw)
        return
    row, flaw = attempted(lambda: checked(frame))
    checks.append(what | (row or flaw))
    say(f"{checks[-1]}")
    together = {
        "after embedding, launched": lambda: frame.after_embedding,
        "after embedding, CUDA graph": lambda: captured(frame.after_embedding),
    }
    alone = {name: lambda one=one: one for name, one in frame.operations().items()}
    for name, make in (alone | together).items():
        row, flaw = attempted(lambda make=make: timed(make(), repeats))
        times.append(what | {"kernel": name} | (row or flaw))
        say(f"{times[-1]}")


def state_aims(report: Report) -> None:
    """State the aims of what was measured."""
    found = {
        (row["workload"], row["kernel"]): row["median_ms"]
        for row in report.tables[-1]["rows"]
        if "median_ms" in row
    }
    for what, name, kernel, limit_ms in (
        ("all after the embedding, A", "A", "after embedding, CUDA graph", 2.0),
        ("all after the embedding, C", "C", "after embedding, CUDA graph", 4.0),
        ("kernel Louvain, A", "A", "louvain", 1.0),
    ):
        if (name, kernel) in found:
            report.aim(what, "at most", limit_ms, "ms", found[name, kernel])


if __name__ == "__main__":
    sys.exit(main())
