"""A segmentation made by hand, with every field filled, and a front."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopeside.messages import (
    Channel,
    ChipGrid,
    Community,
    Frame,
    Front,
    GraphSummary,
    Identified,
    Identity,
    Image,
    LabelMap,
    Provenance,
    Segmentation,
)

SHAPE = (96, 160)
LABELS_YX = (np.arange(SHAPE[0] * SHAPE[1]) % 3).astype(np.uint16).reshape(SHAPE)
CONFIDENCE_YX = (np.arange(SHAPE[0] * SHAPE[1]) % 256).astype(np.uint8).reshape(SHAPE)
GRID = ChipGrid(shape=SHAPE, chip_px=64, stride_px=32)
IDENTITY = Identity(id=2, color=(10, 20, 30), name="amorphous", age=4, chips=5)
PROVENANCE = Provenance(
    version="0.1.0",
    config="abcd",
    weights_name="builtin",
    weights_sha256="00ff",
    embedder="torch",
    clusterer="louvain",
    device="cpu",
)


def segmentation(**frame: Any) -> Segmentation:
    return Segmentation(
        frame=Frame(
            **{
                "series": "s",
                "number": 9,
                "t_ns": 1_000,
                "channels": (Channel(name="haadf", values=np.zeros(SHAPE, "<u2")),),
                "received_ns": 2_000,
                "received_s": 0.5,
                "stage": {"x_m": 1e-6},
                "user": {"note": [1, b"\x00", "text"]},
                **frame,
            }
        ),
        image=Image(
            values_YX=np.zeros(SHAPE, np.float32),
            low=1.0,
            high=9.0,
            flat=False,
            nonfinite_px=3,
            saturated_fraction=0.25,
        ),
        grid=GRID,
        identified=Identified(
            ids_N=np.arange(GRID.chips).astype(np.uint16), identities=(IDENTITY,)
        ),
        label_map=LabelMap(labels_YX=LABELS_YX, confidence_YX=CONFIDENCE_YX),
        communities=(
            Community(
                identity=IDENTITY,
                area_px=100,
                fraction=0.5,
                centroid_px=(1.5, 2.5),
                bbox_px=(0, 1, 20, 30),
                stage_m=None,
                mean_intensity=float(np.float32(7.25)),
                confidence=0.75,
            ),
        ),
        graph=GraphSummary(edges=12, resolution=0.5, modularity=0.6, communities=1, stability=0.9),
        stages_s={"preprocess": 0.001, "embed": 0.1},
        provenance=PROVENANCE,
    )


FRONT = Front(
    between=(2, 5),
    y_px=47.5,
    x_px=33.5,
    position_px=33.5,
    position_m=None,
    speed_px_per_s=None,
    speed_m_per_s=None,
    speed_px_per_frame=-0.5,
    roughness_px=1.25,
    length_px=96.0,
    normal=(0.0, 1.0),
)
