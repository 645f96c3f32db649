"""The terminal's view of a running service: one line of text, or a live panel through rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scopeside.client.result import ResultAccounting
from scopeside.view.monitor import CommunityRow, Snapshot

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

STEADY = 0.005
"""A trend below half a per cent of the frame is shown as none."""

BAR_CELLS = 24


def line(snapshot: Snapshot) -> str:
    """Return the snapshot as one line, for logs and pipes."""
    parts = [f"frame {snapshot.frame}", f"{snapshot.rate_hz:.1f}/s"]
    if "service" in snapshot.totals:
        total = snapshot.totals["service"]
        spent_ms = [f"{1e3 * value:.0f}" for value in (total.p50_s, total.p95_s, total.p99_s)]
        parts.append("latency ms p50 {} p95 {} p99 {}".format(*spent_ms))
    parts.append(" ".join(f"{row.title} {100 * row.fraction:.0f}%" for row in snapshot.communities))
    parts.append(drops_in_words(snapshot))
    parts.append(f"service {snapshot.state or 'not heard from'}")
    return " | ".join(part for part in parts if part)


def drop_line(snapshot: Snapshot) -> str:
    """Return one line for drops while no result comes: what was dropped, and why the last was."""
    parts = ["no new result", drops_in_words(snapshot)]
    if snapshot.last_drop:
        parts.append(f"last drop: {snapshot.last_drop}")
    parts.append(f"service {snapshot.state or 'not heard from'}")
    return " | ".join(parts)


def drops_in_words(snapshot: Snapshot) -> str:
    """Return dropped, duplicate and missing counts; empty when none are known.

    Those of the series come first; those of the whole service where it counts more of anything,
    because its frames were dropped since the last result, in another series, or in none.
    """
    series, service = snapshot.accounting, snapshot.service_books
    of_series = _counts(series) if series is not None else {}
    of_service = _counts(service) if service is not None else {}
    words = [_in_words(of_series)]
    if any(count > of_series.get(name, 0) for name, count in of_service.items()):
        words.append(f"since the service began: {_in_words(of_service)}")
    return "; ".join(filter(None, words))


def _counts(books: ResultAccounting) -> dict[str, int]:
    """Return what went wrong: drops by their reason, then `duplicate` and `missing`."""
    others = {"duplicate": books.duplicate, "missing": books.missing}
    return dict(sorted(books.dropped.items())) | others


def _in_words(counts: dict[str, int]) -> str:
    others = ("duplicate", "missing")
    dropped = [f"{n} {name}" for name, n in counts.items() if n and name not in others]
    words = [f"dropped {', '.join(dropped)}"] if dropped else []
    return "; ".join(words + [f"{counts[name]} {name}" for name in others if counts.get(name)])


def panel(snapshot: Snapshot, *, title: str) -> RenderableType:
    """Return the snapshot as a panel for `rich.live`."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    head = Text()
    head.append(
        snapshot.state or "service not heard from", style="bold" if snapshot.state else "red"
    )
    if snapshot.uptime_s is not None:
        head.append(f", up {snapshot.uptime_s:.0f} s", style="dim")
    if snapshot.series is not None:
        head.append(f"   series {snapshot.series}   frame {snapshot.frame}")
    head.append(f"   {snapshot.results} results   {snapshot.rate_hz:.1f} frames/s")
    if snapshot.resolution is not None:
        head.append(f"   resolution {snapshot.resolution:g}", style="dim")
    rows: list[RenderableType] = [head]
    if snapshot.totals:
        rows += [Text(), _latency_table(snapshot)]
    if snapshot.communities:
        rows += [Text(), _community_table(snapshot.communities)]
    rows += [Text(), _drops_text(snapshot)]
    if snapshot.last_drop:
        rows.append(Text(f"last drop: {snapshot.last_drop}", style="yellow"))
    if snapshot.last_alarm:
        rows.append(Text(f"last alarm: {snapshot.last_alarm}", style="bold red"))
    if snapshot.last_error:
        rows.append(Text(f"last error: {snapshot.last_error}", style="red"))
    return Panel(Group(*rows), title=title, title_align="left")


def _drops_text(snapshot: Snapshot) -> Text:
    from rich.text import Text

    drops = drops_in_words(snapshot)
    if drops:
        return Text(drops, style="yellow")
    heard = snapshot.accounting is not None or snapshot.service_books is not None
    return Text("nothing dropped, nothing missing" if heard else "no books yet", style="dim")


def _latency_table(snapshot: Snapshot) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("latency", style="bold")
    for name in ("p50 ms", "p95 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for group, style in ((snapshot.totals, ""), (snapshot.stages, "dim")):
        for name, spent in group.items():
            values = (f"{1e3 * seconds:.1f}" for seconds in (spent.p50_s, spent.p95_s, spent.p99_s))
            table.add_row(name, *values, style=style)
    return table


def _community_table(communities: tuple[CommunityRow, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("", "community", "area", "", "trend", "age"):
        table.add_column(name, justify="right" if name in ("area", "age") else "left")
    for row in communities:
        red, green, blue = row.color
        style = f"rgb({red},{green},{blue})"
        table.add_row(
            Text("██", style=style),
            row.title,
            f"{100 * row.fraction:.1f} %",
            Text("█" * round(BAR_CELLS * row.fraction), style=style),
            _trend(row.trend),
            f"{row.age}",
        )
    return table


def _trend(change: float) -> str:
    if abs(change) < STEADY:
        return "steady"
    return f"{'▲' if change > 0 else '▼'} {100 * abs(change):.1f} %"
