"""Measures everything on this machine and refreshes benchmarks/results and the pages made of it.

    .venv/bin/python benchmarks/run.py [NAME ...]

Each benchmark runs in a process of its own; one that fails leaves its old result in place. Exit
code 1 where one failed; an aim that is missed is told, and is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from harness import RESULTS, described
from scopeside.bench.environment import busy_share

HERE = Path(__file__).resolve().parent
NAMES = ("service_load", "service_overhead", "ingest", "stages", "against_reference")
BOUND_S = 600
"""A benchmark that takes longer than this, several times its usual time, is ended."""
BUSY = 0.1
"""Share of the cores in other hands above which the figures are not this machine's."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    names = [name for name in NAMES if not arguments.names or name in arguments.names]
    busy = busy_share()
    if busy is not None and busy > BUSY:
        print(f"note: other programs take {busy:.0%} of the cores; figures will be worse for it")
    begun_s = time.monotonic()
    failed = []
    for number, name in enumerate(names, start=1):
        print(f"[{number}/{len(names)}] {name}", flush=True)
        if not measure(name):
            failed.append(name)
    subprocess.run([sys.executable, str(HERE / "table.py")], check=True)
    summarise(names, failed)
    print(f"took {(time.monotonic() - begun_s) / 60:.1f} minutes; tables are in docs/benchmarks.md")
    if failed:
        print(f"FAILED, old results left in place: {', '.join(failed)}")
    return 1 if failed else 0


def measure(name: str) -> bool:
    """Run one benchmark; return whether it wrote its result."""
    begun_s = time.monotonic()
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, str(HERE / f"{name}.py")], env=environment, start_new_session=True
    )
    try:
        code = process.wait(BOUND_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
        # Its children are in its group, and must not measure on beside the next one.
        os.killpg(process.pid, 15)
        process.wait()
        if isinstance(error, KeyboardInterrupt):
            raise
        print(f"  ended after {BOUND_S} s")
        return False
    print(f"  {time.monotonic() - begun_s:.0f} s", flush=True)
    return code == 0


def summarise(names: list[str], failed: list[str]) -> None:
    """Print every aim with what was measured."""
    print("\naims")
    for name in names:
        path = RESULTS / f"{name}.json"
        if name not in failed:
            for aim in json.loads(path.read_text("utf-8"))["aims"]:
                print(f"  {'met   ' if aim['met'] else 'MISSED'} {described(aim)}")


if __name__ == "__main__":
    sys.exit(main())
