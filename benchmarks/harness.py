"""What every benchmark shares: the machine it ran on, spreads, aims and the result file."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from scopeside.bench.environment import busy_share, machine, versions
from scopeside.cli import BLAS_PATIENCE

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Aim:
    """One number to reach; `sense` says on which side of the limit."""

    what: str
    sense: Literal["at most", "at least", "above"]
    limit: float
    unit: str
    measured: float

    @property
    def met(self) -> bool:
        if self.sense == "at most":
            return self.measured <= self.limit
        if self.sense == "at least":
            return self.measured >= self.limit
        return self.measured > self.limit


@dataclass(kw_only=True)
class Report:
    """Gathers one benchmark's tables and aims and writes `results/NAME.json`."""

    name: str
    question: str
    how: str
    aims: list[Aim] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begun_s = time.monotonic()
        self._busy_before = busy_share()

    def table(self, title: str, rows: Sequence[Row]) -> None:
        self.tables.append({"title": title, "rows": list(rows)})

    def aim(self, what: str, sense: Any, limit: float, unit: str, measured: float) -> None:
        """Compare a measured value, rounded as it is written, with its limit."""
        self.aims.append(
            Aim(what=what, sense=sense, limit=limit, unit=unit, measured=significant(measured, 4))
        )

    def write(self, folder: Path = RESULTS) -> None:
        answer = {
            "benchmark": self.name,
            "question": self.question,
            "how": self.how,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
            "took_s": round(time.monotonic() - self._begun_s, 1),
            "machine": machine() | {"busy_before": self._busy_before},
            "versions": versions(),
            "aims": [asdict(aim) | {"met": aim.met} for aim in self.aims],
            "tables": self.tables,
            "notes": self.notes,
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        self.say_aims()

    def say_aims(self) -> None:
        """Print every aim with what was measured."""
        for aim in self.aims:
            say(f"{'met   ' if aim.met else 'MISSED'} {described(asdict(aim))}")


def described(aim: Mapping[str, Any]) -> str:
    """One line: what was aimed at and what was measured."""
    unit = f" {aim['unit']}" if aim["unit"] else ""
    return f"{aim['what']}: {aim['measured']:g}{unit}, aim {aim['sense']} {aim['limit']:g}{unit}"


def spread(values: Iterable[float], *, digits: int = 4) -> Row:
    """Median and spread of repeated measurements."""
    array = np.fromiter(values, dtype=np.float64)
    low, middle, high = np.percentile(array, (20, 50, 80))
    return {
        "median": significant(middle, digits),
        "p20": significant(low, digits),
        "p80": significant(high, digits),
        "max": significant(array.max(), digits),
        "n": len(array),
    }


def significant(value: float, digits: int = 3) -> float:
    return float(f"{value:.{digits}g}")


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def in_fresh_process(script: str, *arguments: str) -> Any:
    """Run a benchmark's own script with `arguments` and return the JSON on its last line.

    A fresh process each, so that no measurement inherits another's caches, threads or memory;
    its environment is what the `scopeside` command makes of ours.
    """
    done = subprocess.run(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=dict([BLAS_PATIENCE]) | os.environ,
    )
    return json.loads(done.stdout.splitlines()[-1])


def quick_parser(document: str | None) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(description=(document or "").splitlines()[0])
