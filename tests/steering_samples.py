"""Segmentations with label maps that a test draws itself."""

from __future__ import annotations

import numpy as np

from scopeside.assembly import still_frame
from scopeside.messages import (
    ChipGrid,
    Community,
    Contrast,
    Frame,
    GraphSummary,
    Identified,
    Identity,
    LabelMap,
    Provenance,
    Segmentation,
)

CHIP_PX = 4


def sample(
    labels_YX,
    *,
    number=0,
    series="s",
    names=None,
    pixel_to_stage=None,
    confidence_YX=None,
    appeared=(),
    vanished=(),
    descriptors=None,
    fronts=(),
    received_s=0.0,
    received_ns=1_000,
) -> Segmentation:
    """A segmentation of a frame whose labels these are, with chips of CHIP_PX side by side."""
    labels_YX = np.asarray(labels_YX, np.uint16)
    names, descriptors = names or {}, descriptors or {}
    shape = labels_YX.shape
    still = still_frame(np.zeros(shape, np.uint16), number=number, series=series)
    frame = Frame(
        series=series,
        number=number,
        t_ns=0,
        channels=still.channels,
        received_ns=received_ns,
        received_s=received_s,
        pixel_to_stage=pixel_to_stage,
    )
    grid = ChipGrid(shape=shape, chip_px=CHIP_PX, stride_px=CHIP_PX)
    middle = CHIP_PX // 2
    ids_N = labels_YX[
        np.minimum(grid.y0_R + middle, shape[0] - 1)[:, None],
        np.minimum(grid.x0_C + middle, shape[1] - 1)[None, :],
    ].ravel()
    ids, areas = np.unique(labels_YX[labels_YX > 0], return_counts=True)
    identities = tuple(
        Identity(
            id=int(id_),
            color=(0, 0, 0),
            name=names.get(int(id_)),
            age=number,
            chips=int((ids_N == id_).sum()),
        )
        for id_ in ids
    )
    confidence_YX = np.full(shape, 255, np.uint8) if confidence_YX is None else confidence_YX
    communities = tuple(
        Community(
            identity=identity,
            area_px=int(area),
            fraction=float(area / areas.sum()),
            centroid_px=(0.0, 0.0),
            bbox_px=(0, 0, 1, 1),
            stage_m=None,
            mean_intensity=0.0,
            confidence=float(confidence_YX[labels_YX == identity.id].mean() / 255),
            descriptors=descriptors.get(identity.id, {}),
        )
        for identity, area in zip(identities, areas, strict=True)
    )
    return Segmentation(
        frame=frame,
        image=Contrast(low=0.0, high=1.0, flat=False, nonfinite_px=0, saturated_fraction=0.0),
        grid=grid,
        identified=Identified(
            ids_N=ids_N, identities=identities, appeared=appeared, vanished=vanished
        ),
        label_map=LabelMap(labels_YX=labels_YX, confidence_YX=confidence_YX),
        communities=communities,
        graph=GraphSummary(edges=0, resolution=1.0, modularity=0.0, communities=1, stability=None),
        provenance=Provenance(
            version="",
            config="",
            weights_name="",
            weights_sha256="",
            embedder="",
            clusterer="",
            device="",
        ),
        stages_s={},
        fronts=tuple(fronts),
    )


class KnownIdentities:
    """Identities of which a test says who there is."""

    def __init__(self, names):
        self.names = names

    def knows(self, id_):
        return id_ in self.names

    def named(self, name):
        return tuple(id_ for id_, known in self.names.items() if known == name)


def halves(shape=(16, 24), split=12):
    """Community 1 on the left and 2 on the right."""
    labels_YX = np.ones(shape, np.uint16)
    labels_YX[:, split:] = 2
    return labels_YX
