"""A sheet for each set: image, truth, our labels and the best baseline, frame by frame.

Communities wear the colour of the class that they are matched with one to one; what is left over
has colours of its own, so that a picture shows what was divided as well as what was joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness import Row
from quality.cases import AUTO, maps_file
from quality.scores import score
from quality.sets import IGNORED, Labelled, Protocol
from quality.verdict import untold
from scopeside.evaluation import contingency, one_to_one
from scopeside.messages import Array
from scopeside.palette import color_of
from scopeside.view.contact_sheet import LegendEntry, Tile, contact_sheet, save_contact_sheet
from scopeside.view.overlay import Color, Rgb, grey, overlay

UNSCORED: Color = (90, 90, 90)
OPACITY = 0.55


def draw(
    folder: Path,
    rows: Sequence[Row],
    protocol: Protocol,
    target: Path,
    *,
    weights: str,
    mode: str,
    frames: int,
) -> None:
    """Write `target/SET.png`; nothing where the set was not measured."""
    baselines = untold(rows, protocol.name)
    if not baselines:
        return
    best = max(baselines, key=lambda row: float(row["iou_one"]))
    case = f"{best['weights']} {best['mode']}" if best["weights"] else "features"
    ours = _maps(folder, protocol, f"{weights} {mode}", f"{AUTO}|auto")
    theirs = _maps(folder, protocol, case, f"{best['method']}|{best['setting']}")
    tiles = []
    for frame, mine_YX, other_YX in zip(protocol.frames(frames), ours, theirs, strict=True):
        pictures = [
            np.repeat(grey(frame.image_YX)[:, :, None], 3, axis=2),
            _truth(frame, protocol),
            _labels(frame, mine_YX),
            _labels(frame, other_YX),
        ]
        both = [
            score(one, frame.truth_YX, tolerance_px=protocol.tolerance_px)
            for one in (mine_YX, other_YX)
        ]
        shown = " / ".join(f"{one.iou_many:.2f}, {one.iou_one:.2f}" for one in both)
        title = f"{frame.name}: mean IoU many to one, one to one: {shown}"
        tiles.append(Tile(pictures=pictures, title=title, shares=()))
    legend = [
        LegendEntry(color=color_of(number + 1), text=name)
        for number, name in enumerate(protocol.classes)
    ]
    if any((frame.truth_YX == IGNORED).any() for frame in protocol.frames(frames)):
        legend.append(LegendEntry(color=UNSCORED, text="not scored"))
    of = f" ({best['weights']}, {best['mode']})" if best["weights"] else ""
    sheet = contact_sheet(
        tiles,
        legend,
        title=protocol.name,
        subtitle=f"Image; truth; Scopeside ({weights}, {mode}); {best['method']}{of}",
        columns=1,
    )
    save_contact_sheet(target / f"{protocol.name.replace(',', '').replace(' ', '_')}.png", sheet)


def _maps(folder: Path, protocol: Protocol, case: str, method: str) -> list[Array]:
    with np.load(maps_file(folder, protocol, case)) as found:
        keys = [key for key in found.files if key.rpartition("|")[0] == method]
        return [found[key] for key in sorted(keys, key=lambda key: int(key.rpartition("|")[2]))]


def _truth(frame: Labelled, protocol: Protocol) -> Rgb:
    labels_YX = frame.truth_YX.astype(np.int64) + 1
    colors = {number + 1: color_of(number + 1) for number in range(protocol.k)}
    return overlay(
        grey(frame.image_YX), labels_YX, colors | {IGNORED + 1: UNSCORED}, opacity=OPACITY
    )


def _labels(frame: Labelled, labels_YX: Array) -> Rgb:
    known_YX = frame.truth_YX != IGNORED
    classes = one_to_one(contingency(labels_YX[known_YX], frame.truth_YX[known_YX]))
    colors = {id_: color_of(class_ + 1) for id_, class_ in classes.items()}
    left = [int(id_) for id_ in np.unique(labels_YX) if int(id_) not in colors and id_ > 0]
    # Classes take the first three colours at most.
    colors |= {id_: color_of(4 + number) for number, id_ in enumerate(left)}
    return overlay(grey(frame.image_YX), labels_YX, colors, opacity=OPACITY)
