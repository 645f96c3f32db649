"""Messages of the service made by hand from the wire contract: msgpack and NumPy only."""

import msgpack
import numpy as np


def array(values):
    values = np.ascontiguousarray(values)
    return {
        "shape": list(values.shape),
        "dtype": values.dtype.str,
        "codec": "none",
        "data": values.tobytes(),
    }


def community(id_, *, fraction=0.5, color=(10, 200, 30), name=None, area_px=100, age=4, **changes):
    return {
        "id": id_,
        "name": name,
        "color": list(color),
        "chips": 12,
        "area_px": area_px,
        "fraction": fraction,
        "centroid_px": [10.5, 20.25],
        "bbox_px": [0, 1, 20, 30],
        "stage_m": None,
        "mean_intensity": 123.5,
        "confidence": 0.75,
        "age": age,
        **changes,
    }


def accounting(segmented=1, *, missing=0, duplicate=0, dropped=None, in_flight=0):
    dropped = dropped or {}
    return {
        "received": segmented + duplicate + sum(dropped.values()) + in_flight,
        "segmented": segmented,
        "missing": missing,
        "duplicate": duplicate,
        "in_flight": in_flight,
        "dropped": dropped,
    }


def result(frame=0, *, series="run-1", labels=None, communities=None, service_s=0.25, **changes):
    labels = np.ones((6, 8), dtype="<u2") if labels is None else np.asarray(labels, dtype="<u2")
    message = {
        "v": 1,
        "kind": "segmentation",
        "series": series,
        "frame": frame,
        "t_ns": 1_700_000_000_000_000_000 + frame,
        "stage": {"x_m": 1e-6},
        "user": {"note": "echoed"},
        "labels": array(labels),
        "confidence": array(np.full(labels.shape, 200, dtype=np.uint8)),
        "grid": {
            "rows": 1,
            "cols": 2,
            "chip_px": 6,
            "stride_px": 2,
            "labels": array(np.array([[1, 2]], dtype="<u2")),
        },
        "communities": [community(1, fraction=1.0)] if communities is None else communities,
        "graph": {"edges": 1, "resolution": 0.5, "modularity": 0.25, "communities": 1},
        "timing": {
            "t_received_ns": 5,
            "t_published_ns": 7,
            "stages": {"preprocess": 0.01, "embed": 0.2},
            "service_s": service_s,
            "end_to_end_s": None,
            "uncertainty_s": None,
        },
        "accounting": accounting(frame + 1),
        "provenance": {
            "version": "0.1.0",
            "config": "abc",
            "weights": {"name": "w", "sha256": "0" * 64},
            "embedder": "e",
            "clusterer": "c",
            "device": "cpu",
        },
    }
    return message | changes


def packed(message):
    return msgpack.packb(message, use_bin_type=True)


def drop(reason="bad_dtype", message="Element type 'uint16' is unknown.", **changes):
    described = {"reason": reason, "message": message, "series": "run-1", "frame": 7, "count": 1}
    return {"v": 1, "kind": "drop", "t_ns": 1} | described | changes


def heartbeat(state="ready", *, uptime_s=12.0, totals=None):
    return {
        "v": 1,
        "kind": "heartbeat",
        "t_ns": 1,
        "state": state,
        "uptime_s": uptime_s,
        "queue": 0,
        "rate_hz": 2.0,
        "totals": accounting(3) if totals is None else totals,
    }
