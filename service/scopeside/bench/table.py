"""The report as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = tuple[str, ...]
Table = tuple[str, list[Row]]


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Yield a heading and rows of text, the first of which names the columns."""
    yield "Measured", list(_facts(report))
    yield "Rates, run by run", list(_sweep(report["repeats"]))
    if "against" in report:
        yield "Beside the published method's loop, ms a frame", list(_spent(report["against"]))
        yield "Times as fast as", list(_times_as_fast(report["against"]))
    steady = report["summary"]["steady"]
    if steady is None:
        return
    yield (
        f"Steady at {steady['rate_hz']:g} Hz, median of the runs (least to most), ms",
        list(_latencies(steady)),
    )
    yield "What it takes, steady", list(_usage(report))


def _facts(report: Mapping[str, Any]) -> Iterator[Row]:
    load, made = report["load"], report["environment"]
    machine, provenance = made["machine"], made["provenance"] or {}
    ny, nx = load["shape"]
    yield "", ""
    yield "load", f"{load['name']}, {load['kind']}: {load['images']} of {ny} x {nx} {load['dtype']}"
    yield "into", f"{load['socket']}, {load['policy']}, over {load['transport']}"
    yield "with", f"{provenance.get('embedder', 'unknown')}, {load['chips']} chips a frame"
    gpus = ", ".join(card["name"] for card in machine.get("gpus", ())) or "no GPU"
    yield "on", f"{machine['processor']}, {machine['cores']} cores, {gpus}"
    busy = machine["busy_before"]
    if busy is not None:
        yield "busy before", f"{busy:.0%} of the cores"
    yield "commit", made["versions"]["commit"]
    done, planned = len(report["repeats"]), report["plan"]["repeats"]
    yield "runs", str(done) if done >= planned else f"{done} of {planned}: it was ended early"
    best = report["summary"]["best_hz"]
    target_ms = 1e3 * report["plan"]["target_s"]
    at_least = "at least " if best.get("at_least") else ""
    yield (
        "highest rate",
        f"{at_least}{best['median']:g} Hz ({best['least']:g} to {best['most']:g}) with p99 within "
        f"{target_ms:g} ms and nothing lost",
    )


def _sweep(repeats: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    yield (
        "run",
        "Hz",
        "frames",
        "p50 ms",
        "p99 ms",
        "max ms",
        "lost",
        "why",
        "cores",
        "others",
        "holds",
    )
    for number, repeat in enumerate(repeats, start=1):
        for step in repeat["sweep"]:
            spent = step["latency"].get("response")
            times = (
                [f"{1e3 * spent[key]:.1f}" for key in ("p50_s", "p99_s", "max_s")]
                if spent
                else ["", "", ""]
            )
            yield (
                str(number),
                f"{step['rate_hz']:g}",
                str(step["offered"]),
                *times,
                str(step["lost"]),
                why_not(step),
                f"{step['usage']['cores']:.2f}",
                f"{step['usage']['other_cores']:.2f}",
                "yes" if step["holds"] else "no",
            )


def why_not(step: Mapping[str, Any]) -> str:
    """What spoke against a step but its p99: frames lost, by reason, and a queue that grew."""
    said = [f"{count} {why}" for why, count in losses(step).items()]
    return ", ".join([*said, *(["queue grows"] if step.get("queue_grows") else [])])


def losses(step: Mapping[str, Any]) -> dict[str, int]:
    """Every reason for which frames of a step have no result, with their number."""
    ways = {way: step[way] for way in ("missing", "undelivered", "unsent")}
    return {why: count for why, count in {**step["dropped"], **ways}.items() if count}


def _latencies(steady: Mapping[str, Any]) -> Iterator[Row]:
    yield "", "p50", "p99"
    for name, spent in steady["latency"].items():
        yield name, in_ms(spent["p50_s"]), in_ms(spent["p99_s"])
    for name, spent in steady["stages"].items():
        yield f"  {name}", in_ms(spent["p50_s"]), in_ms(spent["p99_s"])


def _usage(report: Mapping[str, Any]) -> Iterator[Row]:
    steady = report["summary"]["steady"]
    yield "", ""
    if "held" in steady:  # of a machine that was busy later on, not every run need hold it
        yield "held", f"in {steady['held']} of {len(report['repeats'])} runs"
    yield "lost", f"{steady['lost']} of {steady['offered']} frames"
    yield "cores busy", _spread(steady["cores"], 1.0)
    yield "cores that others kept busy", _spread(steady["other_cores"], 1.0)
    yield "CPU a frame, ms", in_ms(steady["cpu_s_per_frame"])
    yield "most memory, MiB", _spread(steady["memory_bytes"], 2.0**-20, digits=0)
    last = report["repeats"][-1]["steady"]
    for card in last["usage"]["gpus"] if last else ():
        yield (
            card["name"],
            f"busy {card['busy']:.0%}, {card['memory_bytes'] / 2**20:.0f} MiB (all programs)",
        )


def _spent(against: Mapping[str, Any]) -> Iterator[Row]:
    yield "method", "all", "embed", "graph", "rest"
    for name, spent in against["methods"].items():
        parts = [f"{1e3 * spent[key]['median']:.1f}" for key in ("embed_s", "graph_s", "rest_s")]
        yield name, in_ms(spent["total_s"]), *parts


def _times_as_fast(against: Mapping[str, Any]) -> Iterator[Row]:
    loops = [name for name in against["methods"] if name not in against["times_as_fast"]]
    yield "", *loops
    for name, ratios in against["times_as_fast"].items():
        yield name, *(_spread(ratios[loop], 1.0) for loop in loops)


def in_ms(spread: Mapping[str, Any]) -> str:
    return _spread(spread, 1e3)


def _spread(spread: Mapping[str, Any], scale: float, *, digits: int = 2) -> str:
    middle, least, most = (scale * spread[key] for key in ("median", "least", "most"))
    return f"{middle:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"
