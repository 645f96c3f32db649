"""Renders the committed results: docs/benchmarks.md and the README's table of speed.

    .venv/bin/python benchmarks/table.py [--check]

With `--check` nothing is written; exit code 1 says that a page differs from the results.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"
SPEED = ("service_load", "service_overhead", "ingest", "stages", "against_reference")
"""What `make bench` measures, in the order in which it is shown."""
REPLAY = ("replay",)
"""What `benchmarks/replay.py` measures by itself, and the README shows."""
RIGHTNESS = ("irradiation",)
"""Of what `make bench-quality` measures, what the README shows; docs/quality.md tells the rest."""
LOOPS = tuple(
    f"loops_{name}{how}" for name in ("follow", "survey", "stop") for how in ("", "_live")
)
"""What `benchmarks/loops.py` measures by itself, and the README shows."""
ORDER = (*SPEED, *REPLAY, *LOOPS, *RIGHTNESS, "quality")
"""What comes first; other results follow by name."""

HEAD = """\
# Benchmarks

Written by `benchmarks/table.py` from the files in `benchmarks/results/`; do not edit. `make bench`
measures anew on your machine. How it is measured, and how such numbers mislead, is in
[benchmarks/README.md](../benchmarks/README.md).

A number with two in brackets is a median with its 20th and 80th percentile. `busy before` is the
share of all cores that other programs took in the second before a benchmark began.
"""

UNITS = {
    "_per_s": "/s",
    "_ms": ", ms",
    "_px": ", px",
    "_mib": ", MiB",
    "_gib": ", GiB",
    "_mb": ", MB",
    "_hz": ", Hz",
    "_s": ", s",
}

Result = Mapping[str, Any]


def load(folder: Path = RESULTS) -> dict[str, Result]:
    """Every result file by name, in the order in which they are shown."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    names = [name for name in ORDER if name in found]
    return {name: found[name] for name in [*names, *sorted(found.keys() - set(names))]}


def page(results: Mapping[str, Result]) -> str:
    """The whole of docs/benchmarks.md."""
    parts = [HEAD]
    if any("aims" in result for result in results.values()):
        parts.append("## Aims\n\n" + aims_table(results))
    for name, result in results.items():
        title = result.get("question", f"{name.replace('_', ' ').capitalize()}")
        parts.append(f"## {title}\n\n{preamble(name, result)}")
        parts += [f"### {heading}\n\n{table(rows)}" for heading, rows in tables(result)]
    return "\n".join(parts)


def speed(results: Mapping[str, Result]) -> str:
    """What stands between the README's markers."""
    parts = [
        measured_by(target, {name: results[name] for name in names if name in results})
        for target, names in (
            ("make bench", SPEED),
            ("python benchmarks/replay.py", REPLAY),
            ("python benchmarks/loops.py", LOOPS),
            ("make bench-quality", RIGHTNESS),
        )
    ]
    shown = "\n".join(part for part in parts if part)
    return shown or "Not measured yet: `make bench` measures it on your machine.\n"


def measured_by(target: str, results: Mapping[str, Result]) -> str:
    """Where and when `target` measured the aims of `results`, and their table; none of none."""
    measured = [result for result in results.values() if "aims" in result]
    if not measured:
        return ""
    machines = {
        f"{m['processor']}, {m['cores']} cores, {m['memory_gib']:g} GiB"
        for m in (result["machine"] for result in measured)
    }
    dates = sorted(result["date"][:10] for result in measured)
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return (
        f"Measured by `{target}` on {'; '.join(sorted(machines))}, no GPU, {when}. All tables,"
        " versions and spreads are in [docs/benchmarks.md](docs/benchmarks.md).\n\n"
        + aims_table(results)
    )


def aims_table(results: Mapping[str, Result]) -> str:
    rows = [
        {
            "what": aim["what"][0].upper() + aim["what"][1:],
            "measured": f"{aim['measured']:g} {aim['unit']}".strip(),
            "aim": f"{aim['sense']} {aim['limit']:g} {aim['unit']}".strip(),
            "reached": bool(aim["met"]),
        }
        for result in results.values()
        for aim in result.get("aims", [])
    ]
    return table(rows)


def preamble(name: str, result: Result) -> str:
    """How it was measured, on what, with which versions."""
    lines = [result["how"], ""] if "how" in result else []
    facts = {"file": f"`benchmarks/results/{name}.json`"}
    if "date" in result:
        facts["date"] = str(result["date"])
    facts |= {key: cell(value) for key, value in result["machine"].items()}
    facts |= {key: cell(value) for key, value in result.get("versions", {}).items()}
    lines.append("; ".join(f"{label(key)}: {value}" for key, value in facts.items()) + ".")
    lines += [f"\n{note}" for note in result.get("notes", [])]
    return "\n".join(lines) + "\n"


def tables(result: Result) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Titles and rows; results that are no `harness.Report` show every list of rows they have."""
    if "tables" in result:
        for one in result["tables"]:
            yield one["title"], one["rows"]
        return
    for key, rows in result.items():
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            yield label(key).capitalize(), rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table; columns in the order in which the rows first name them."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [
        "| " + " | ".join(label(column) for column in columns) + " |",
        "|" + "---|" * len(columns),
    ]
    lines += ["| " + " | ".join(cell(row.get(name)) for name in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def label(key: str) -> str:
    """A key as people read it, its unit apart."""
    for suffix, unit in UNITS.items():
        if key.endswith(suffix):
            key = key[: -len(suffix)] + unit
            break
    return key.replace("_", " ")


def cell(value: Any) -> str:
    """One value: medians with their spread, numbers with four digits at most."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping) and "median" in value:
        return f"{value['median']:.4g} ({value['p20']:.4g} to {value['p80']:.4g})"
    return str(value)


def with_speed(readme: str, results: Mapping[str, Result]) -> str:
    """The README with the table between its markers, which must be there once."""
    between = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    if len(between.findall(readme)) != 1:
        raise SystemExit(f"README.md must hold {BEGIN} and {END} once, in this order.")
    return between.sub(lambda _: f"{BEGIN}\n{speed(results)}{END}", readme)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    arguments = parser.parse_args()
    results = load()
    wanted = {
        PAGE: page(results),
        README: with_speed(README.read_text("utf-8"), results),
    }
    stale = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if not arguments.check:
        for path in stale:
            path.write_text(wanted[path], encoding="utf-8")
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} differs from benchmarks/results: run benchmarks/table.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
