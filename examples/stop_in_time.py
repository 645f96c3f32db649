"""Blank the beam when half of the frame has turned amorphous.

scopeside serve --config examples/twin.toml --set service.frame_shape=[384,384]
scopeside twin --socket push --specimen film --shape 384x384 --fov 20.5e-9
python examples/stop_in_time.py
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from scopeside.client import Client
from scopeside.twin.client import TwinClient

RUNS_BEHIND = 0.005
"""A chip with some crystal in it looks crystalline: label maps show so much too little at one half.
Found on nine other specimens; `benchmarks/loops.py --calibrate` measures it."""
DWELL_S = 0.5
FRAMES = 8
"""Frames whose median slope tells what will be when the blanker closes: a line of least squares
would take a patch that turns at once for the speed of the front."""


def stop(client: Client, twin: TwinClient, target: float) -> Iterator[float]:
    """Expose until `target` of the frame is amorphous, then blank; yield the fraction on the way.

    What fills most of the first frame is named crystal, and whatever else there is amorphous.
    """
    names: dict[int, str] = {}
    seen: list[tuple[float, float]] = []
    ended_s = 0.0
    with client.results(latest=False, timeout_s=60.0) as results:
        while twin.standing().beam != "shut":
            result = twin.see(results, dwell_s=DWELL_S)
            for one in sorted(result.communities, key=lambda one: -one.fraction):
                if one.id not in names:
                    names[one.id] = "amorphous" if names else "crystal"
                    client.name(one.id, names[one.id])
            yield (fraction := sum(result.fraction(i) for i in names if names[i] == "amorphous"))
            # A frame shows the middle of its exposure, and came here late. The blanker may close
            # now or a frame later: half a frame on, the two are equally far off.
            waited_s = result.user["clock_s"] - ended_s - DWELL_S
            ended_s = result.user["clock_s"]
            seen = [*seen, (ended_s - 0.5 * DWELL_S, fraction)][-FRAMES:]
            shown_s, fractions = np.array(seen).T
            shut_s = ended_s + waited_s + 0.5 * (waited_s + DWELL_S)
            slopes = [(b - a) / (t - s) for (s, a), (t, b) in combinations(seen, 2)]
            then = np.median(fractions + np.median(slopes or 0.0) * (shut_s - shown_s))
            if len(seen) == FRAMES and then + RUNS_BEHIND >= target:
                twin.blank("shut")


if __name__ == "__main__":
    with Client() as client_, TwinClient() as twin_:
        for amorphous in stop(client_, twin_, target=0.5):
            print(f"{amorphous:.1%} amorphous")
