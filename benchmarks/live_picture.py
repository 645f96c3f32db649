"""Draw docs/images/live.png: the live page as it is, while a film turns amorphous under the beam.

    .venv/bin/python benchmarks/live_picture.py [--tour FOLDER]

The real service, a simulated run that waits for it, and a headless Chromium. With `--tour` every
tab is drawn instead, at every size and in both themes that the page is made for, with the twin's
mosaic.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

from harness import ROOT, quick_parser, say
from scopeside.client import Client
from scopeside.demo.processes import Child, free_endpoints
from scopeside.twin.client import TwinClient
from served import served

sys.path.insert(0, str(ROOT / "tests"))

from browser import Page, browser

PICTURE = ROOT / "docs" / "images" / "live.png"
FRAMES, RATE_HZ = 120, 1.5
SHOWN_FROM = 80
"""Frame from which the picture is taken: the front is past the middle."""
SIZES = {"desk": (1280, 720), "tablet": (1024, 768), "phone": (390, 844)}
TABS = ("plots", "times", "alarms", "runs", "points")
FRAME = "Number(document.querySelector('#about').textContent.match(/frame (\\d+)/)?.[1] ?? -1)"


def draw(page: Page, folder: Path) -> None:
    """Show a whole run, with names and an alarm line, and keep one picture of it."""
    shape = "--set=service.frame_shape=[512,512]"
    with served(folder, "--config=fast", shape) as at:
        words = [f"--to={at.frames}", "--socket=push", f"--rate={RATE_HZ}", f"--frames={FRAMES}"]
        film = Child(["simulate", *words, "--series=film-7"], log=folder / "film.log")
        at.stack.callback(film.stop)
        page.look(width=1280, height=720)
        page.open(at.web)
        with Client(control=at.control) as client:
            page.until(f"{FRAME} >= 25")
            for id_, name in ((1, "crystal"), (2, "amorphous")):
                client.name(id_, name)
            client.rules.set(
                {
                    "name": "front at column 300",
                    "watch": "front",
                    "figure": "x_px",
                    "between": [1, 2],
                    "above": 300.0,
                }
            )
        page.until(f"{FRAME} >= {SHOWN_FROM}", limit_s=3 * FRAMES / RATE_HZ)
        page.picture(PICTURE)
    say(f"{PICTURE}; {page.faults or 'nothing to complain of'}")


def tour(page: Page, folder: Path, out: Path) -> None:
    """Draw every tab at every size and in both themes."""
    out.mkdir(parents=True, exist_ok=True)
    (twin_at,) = free_endpoints(1)
    config = f"--config={ROOT / 'examples' / 'twin.toml'}"
    with served(folder, config) as at:
        words = ["--socket=push", f"--to={at.frames}", f"--control={twin_at}", "--speed=0.5"]
        twin = Child(["twin", *words, "--fov=4e-8"], log=folder / "twin.log")
        at.stack.callback(twin.stop)
        with TwinClient(twin_at) as microscope:
            microscope.acquire(0)
            page.open(at.web)
            page.until(f"{FRAME} >= 30", limit_s=240)
            page.click("#tool-targets")
            page.drag("#layers", (0.3, 0.3), (0.3, 0.3))
            page.until("!document.querySelector('#tab-points').hidden")
            for (name, size), dark in itertools.product(SIZES.items(), (False, True)):
                page.look(width=size[0], height=size[1], dark=dark, touch=name != "desk")
                for tab in TABS:
                    page.click(f"#tab-{tab}")
                    time.sleep(0.7)  # a plot is drawn anew when its place has another size
                    theme = "dark" if dark else "light"
                    page.picture(out / f"{name}-{theme}-{tab}.png")
    say(f"{out}; {page.faults or 'nothing to complain of'}")


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--tour", type=Path, metavar="FOLDER", help="draw everything, there")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        browser(Path(folder)) as opened,
        opened.page() as page,
    ):
        if arguments.tour is None:
            draw(page, Path(folder))
        else:
            tour(page, Path(folder), arguments.tour)


if __name__ == "__main__":
    main()
