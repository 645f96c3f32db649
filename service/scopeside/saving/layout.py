"""Where things lie in a saved run (docs/saving.md), and what its frames are called on disk.

    RUN.zarr/                       attributes: FORMAT, version, what wrote it
        0/, 1/, ...                 one image each: a series' frames of one shape, in order
            0                       the frames, where they are saved          (t, y, x)
            confidence/0            the winning label's share of the votes    (t, y, x)
            labels/communities/0    ids of the communities                    (t, y, x)
            frames.jsonl            one line a frame: everything else that its result said

Every array has one chunk a frame. A chunk gets its name when it is whole, then the frame's line is
written, and the shapes follow: `labels/communities/0` last, whose length is how many frames there
are. What a killed process leaves beyond that is no part of the run.
"""

from __future__ import annotations

FORMAT = "scopeside-run"
VERSION = 1

KEY = "scopeside"
"""Attribute of groups under which everything of our own stands."""

FRAMES = "0"
CONFIDENCE = "confidence"
LABELS = "labels"
COMMUNITIES = "communities"
LEVEL = "0"
"""The one resolution of an image."""

ROWS = "frames.jsonl"

CONFIDENCE_PATH = f"{CONFIDENCE}/{LEVEL}"
LABELS_PATH = f"{LABELS}/{COMMUNITIES}/{LEVEL}"
