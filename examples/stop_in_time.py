"""Blank the beam when half of the frame has turned amorphous.

scopeside serve --config examples/twin.toml
scopeside twin --socket push --specimen film
python examples/stop_in_time.py
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scopeside.client import Client
from scopeside.twin.client import TwinClient

RUNS_BEHIND = 0.02
"""A chip with a little crystal in it looks crystalline: label maps show so much less amorphous than
there is at one half. Calibrated on specimens of other seeds (benchmarks/loops.py --calibrate)."""
FRAMES = 8
"""Frames through which a line is laid, to know what will be when the blanker closes."""


def stop(client: Client, twin: TwinClient, target: float, dwell_s: float = 0.4) -> Iterator[float]:
    """Expose until `target` of the frame is amorphous, then blank; yield the fraction on the way.

    The first frame shows a crystal and names it; whatever is not it later is named amorphous.
    """
    series = twin.standing().series
    known: dict[int, str] = {}
    seen: list[tuple[float, float]] = []
    while True:
        result = client.next_result(60.0, series=series, frame=twin.acquire(dwell_s=dwell_s))
        for community in result.communities:
            if community.id not in known:
                known[community.id] = "amorphous" if known else "crystal"
                client.name(community.id, known[community.id])
        fraction = sum(c.fraction for c in result.communities if known[c.id] == "amorphous")
        seen.append((result.user["clock_s"] - 0.5 * dwell_s, fraction))
        yield fraction
        shown_s, fractions = np.array(seen[-FRAMES:]).T
        if len(seen) < FRAMES:
            continue
        # What is seen now was so half an exposure ago; by when will the blanker be shut, now or
        # with the next frame? The nearer of the two to the target is right: half a period on.
        period_s = (shown_s[-1] - shown_s[0]) / (FRAMES - 1)
        shut_s = shown_s[-1] + 1.5 * period_s - 0.5 * dwell_s
        if np.polyval(np.polyfit(shown_s, fractions, 1), shut_s) + RUNS_BEHIND >= target:
            twin.blank("shut")
            return


def main() -> None:
    with Client() as client, TwinClient() as twin:
        for fraction in stop(client, twin, target=0.5):
            print(f"amorphous: {fraction:.1%}")
        print("blanked")


if __name__ == "__main__":
    main()
