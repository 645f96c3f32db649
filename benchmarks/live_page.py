"""Does a page that is left open grow? The browser's heap over half an hour of stream.

    .venv/bin/python benchmarks/live_page.py [--minutes 30] [--rate 20]

The real service and a real headless Chromium; garbage is collected before every look.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from harness import ROOT, Report, Row, quick_parser, say, significant
from scopeside.client.publisher import FramePublisher
from viewers import Load, distinct_frames, service

sys.path.insert(0, str(ROOT / "tests"))

from browser import Page, browser

MINUTES = 30.0
RATE_HZ = 20.0
LOOKS = 60
SETTLED = 0.2
"""Share of the run after which the page must not grow: plots and caches are full."""
LOAD = Load(name="", shape=(256, 256), options=["--set=embed.backend=null"])
PICTURES = "window.pictures"


class Stream(threading.Thread):
    """Publishes until it is told to end."""

    def __init__(self, publisher: FramePublisher, rate_hz: float) -> None:
        super().__init__(daemon=True)
        self._publisher = publisher
        self._rate_hz = rate_hz
        self._ended = threading.Event()

    def run(self) -> None:
        images = distinct_frames(LOAD.shape)
        begun_s, number = time.monotonic(), 0
        while not self._ended.wait(max(0.0, begun_s + number / self._rate_hz - time.monotonic())):
            dose = 1e22 * number
            self._publisher.frame(images[number % len(images)], dose_e_per_m2=dose)
            number += 1

    def close(self) -> None:
        self._ended.set()
        self.join()


def looked(page: Page, begun_s: float) -> Row:
    count = page("document.getElementsByTagName('*').length")
    return {
        "minute": significant((time.monotonic() - begun_s) / 60),
        "heap_mib": significant(page.heap_bytes() / 2**20, 4),
        "elements": count,
        "pictures": page(PICTURES),
    }


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=RATE_HZ)
    arguments = parser.parse_args()
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        service(LOAD, Path(folder)) as (publisher, _, address, _child),
        browser(Path(folder)) as opened,
        opened.page() as page,
    ):
        page.look(width=1280, height=720)
        publisher.start("half an hour")
        stream = Stream(publisher, arguments.rate)
        stream.start()
        page.open(address.replace("ws://", "http://").removesuffix("/live"))
        page.until("document.querySelector('#legend tbody tr') !== null")
        page(
            "window.pictures = 0; new MutationObserver(() => window.pictures++)"
            ".observe(document.querySelector('#about'), {childList: true})"
        )
        begun_s = time.monotonic()
        for number in range(1, LOOKS + 1):
            until_s = begun_s + 60 * arguments.minutes * number / LOOKS
            while (left_s := until_s - time.monotonic()) > 0:
                page("1")  # Messages of the browser are read, or they would pile up here.
                time.sleep(min(1.0, left_s))
            rows.append(looked(page, begun_s))
        faults = list(page.faults)
        stream.close()
    settled = rows[int(SETTLED * len(rows)) :]
    tenth = max(1, len(settled) // 5)
    first = float(np.median([row["heap_mib"] for row in settled[:tenth]]))
    last = float(np.median([row["heap_mib"] for row in settled[-tenth:]]))
    say(
        f"{rows[-1]['pictures']} pictures; heap {first} MiB, at the end {last} MiB; faults {faults}"
    )
    report = Report(
        name="live_page",
        question="Does a page that is left open grow?",
        how=(
            f"{arguments.minutes:g} minutes of stream at {arguments.rate:g} frames/s in a headless "
            "Chromium of 1280 x 720. The heap of JavaScript after its garbage was collected, "
            f"{LOOKS} times; growth is from {SETTLED:.0%} of the time to the end (medians)."
        ),
    )
    report.table("The page over time", rows[:: max(1, len(rows) // 12)])
    report.aim("growth of the live page's heap", "at most", 1.0, "MiB", max(0.0, last - first))
    report.aim("errors in the page's log", "at most", 0, "", len(faults))
    report.write()


if __name__ == "__main__":
    main()
