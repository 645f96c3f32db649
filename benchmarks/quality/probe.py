"""A short look at one encoder: nearest-neighbour purity and the scores of `auto`, by set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness import Row, significant
from quality.encoders import embedder, resolved
from quality.purity import mean_purity
from quality.segmenting import answered, iou_at_equal_clustering
from quality.sets import PROTOCOLS, Protocol

FRAMES = 2
COLUMNS = ("purity", "iou_equal", "iou_many", "iou_one", "ari", "communities")


def probe(weights: str, folder: Path, *, protocols: tuple[Protocol, ...] = PROTOCOLS) -> None:
    """Print a line for each set as soon as it is known, and means over the real sets.

    `purity` and `iou_equal` judge the encoder, the others the label maps under `auto`.
    """
    begun_s = time.monotonic()
    print(f"{weights}: {', '.join(COLUMNS)}")
    rows = []
    for row in measured(weights, folder, protocols):
        rows.append(row)
        print(line(row), flush=True)
    real = [row for row in rows if row["real"]]
    if real:
        mean: Row = {"set": "mean of real sets"}
        for name in COLUMNS:
            values = [row[name] for row in real if row[name] is not None]
            mean[name] = float(np.mean(values)) if values else None
        print(line(mean))
    print(f"  took {time.monotonic() - begun_s:.0f} s", flush=True)


def measured(weights: str, folder: Path, protocols: tuple[Protocol, ...]) -> Iterator[Row]:
    one = embedder(resolved(weights, folder), "chips")
    for protocol in protocols:
        frames = protocol.frames(FRAMES)
        if not frames:
            continue
        purity = mean_purity(one, frames, protocol)
        answer = answered(one, protocol, frames)
        equal = iou_at_equal_clustering(one, protocol, frames)
        one.forget()
        yield {
            "set": protocol.name,
            "real": protocol.real,
            "purity": purity,
            "iou_equal": equal,
            "iou_many": answer.scores.iou_many,
            "iou_one": answer.scores.iou_one,
            "ari": answer.scores.ari,
            "communities": answer.scores.communities,
        }


def line(row: Row) -> str:
    values = [row[name] for name in COLUMNS]
    shown = ("     -" if value is None else f"{significant(value):6.3g}" for value in values)
    return f"  {row['set']:24s} " + "  ".join(shown)
