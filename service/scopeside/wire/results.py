"""A segmentation as one msgpack map, and back.

One part, so that CONFLATE works. Beside the contract's keys it carries additions: `quality`
(what the frame's contrast was worth), `fronts`, `graph.stability`, `accounting.in_flight`,
`replanned`, and the calibration `pixel_size_m` and `pixel_to_stage`, echoed. A community's
descriptors are keys of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgpack

from scopeside.errors import DropError, DropReason
from scopeside.messages import Accounting, Community, Frame, Front, Provenance, Segmentation
from scopeside.published import Published
from scopeside.settings import LimitSettings
from scopeside.wire.arrays import decode_array, encode_array, short

VERSION = 1
KIND = "segmentation"


def encode_segmentation(
    segmentation: Segmentation,
    *,
    accounting: Accounting,
    clocks: Callable[[], tuple[int, float]],
    codec: Literal["none", "zstd"] = "none",
) -> memoryview:
    """Return the result message of one frame.

    `clocks` gives the wall clock (UTC nanoseconds) and the monotonic clock (seconds); it is read
    again when all but the timing is encoded, so that `service_s` counts the megabytes before it,
    and the last of the stages, `encode`, says what they took. `accounting` is the books of the
    frame's series with this frame counted as segmented.
    """
    _, begun_s = clocks()
    fields = result_map(segmentation, accounting) | {
        "labels": encode_array(segmentation.label_map.labels_YX.astype("<u2", copy=False), codec),
        "confidence": encode_array(segmentation.label_map.confidence_YX, codec),
        "grid": _grid(segmentation, codec),
    }
    packer = msgpack.Packer(autoreset=False)
    packer.pack_map_header(len(fields) + 1)
    for key, value in fields.items():
        packer.pack(key)
        packer.pack(value)
    packer.pack("timing")
    packer.pack(_timing(segmentation, begun_s, *clocks()))
    message: memoryview = packer.getbuffer()
    return message


def result_map(segmentation: Segmentation, accounting: Accounting) -> dict[str, Any]:
    """Return what a result says beside its arrays and its timing."""
    frame, graph = segmentation.frame, segmentation.graph
    return {
        "v": VERSION,
        "kind": KIND,
        "series": frame.series,
        "frame": frame.number,
        "t_ns": frame.t_ns,
        "stage": None if frame.stage is None else dict(frame.stage),
        "user": frame.user,
        "pixel_size_m": frame.pixel_size_m,
        "pixel_to_stage": frame.pixel_to_stage,
        "communities": [_community(community) for community in segmentation.communities],
        "fronts": [front_map(front) for front in segmentation.fronts],
        "graph": {
            "edges": int(graph.edges),
            "resolution": float(graph.resolution),
            "modularity": float(graph.modularity),
            "communities": int(graph.communities),
            "stability": None if graph.stability is None else float(graph.stability),
        },
        "quality": {
            "nonfinite_px": int(segmentation.image.nonfinite_px),
            "saturated_fraction": float(segmentation.image.saturated_fraction),
            "flat": bool(segmentation.image.flat),
            "low": float(segmentation.image.low),
            "high": float(segmentation.image.high),
        },
        "accounting": accounting_map(accounting),
        "provenance": _provenance(segmentation.provenance),
        "replanned": bool(segmentation.replanned),
    }


def decode_result(
    message: bytes | memoryview, limits: LimitSettings | None = None
) -> dict[str, Any]:
    """Return a result's map with its arrays (`labels`, `confidence`, `grid.labels`) as ndarrays.

    Keys that later versions add are kept. Raises DropError: `bad_header` for what is no result,
    `bad_version` for one of another version, and what `decode_array` raises.
    """
    try:
        result = msgpack.unpackb(message, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise DropError(
            DropReason.BAD_HEADER, f"A result is not one msgpack map: {short(str(error))}."
        ) from error
    if not isinstance(result, dict) or result.get("kind") != KIND:
        raise DropError(DropReason.BAD_HEADER, "A message is no result: its kind is another.")
    if result.get("v") != VERSION:
        raise DropError(
            DropReason.BAD_VERSION,
            f"A result has version {short(result.get('v'))}; this client knows {VERSION}.",
        )
    grid = result.get("grid")
    if not isinstance(grid, dict) or not {"labels", "confidence"} <= result.keys():
        raise DropError(DropReason.BAD_HEADER, "A result lacks labels, confidence or its grid.")
    result["labels"] = decode_array(result["labels"], limits)
    result["confidence"] = decode_array(result["confidence"], limits)
    result["grid"] = grid | {"labels": decode_array(grid.get("labels", {}), limits)}
    return result


def accounting_map(accounting: Accounting) -> dict[str, Any]:
    """Return the books as every message carries them."""
    return {
        "received": accounting.received,
        "segmented": accounting.segmented,
        "missing": accounting.missing,
        "duplicate": accounting.duplicate,
        "in_flight": accounting.in_flight,
        "dropped": dict(accounting.dropped),
    }


def descriptors_map(community: Community) -> dict[str, float | None]:
    """Return a community's descriptors as every message carries them."""
    return {name: _number(value) for name, value in community.descriptors.items()}


def front_map(front: Front) -> dict[str, Any]:
    """Return a front as every message carries it."""
    return {
        "between": [int(id_) for id_ in front.between],
        "y_px": float(front.y_px),
        "x_px": float(front.x_px),
        "position_px": float(front.position_px),
        "position_m": _number(front.position_m),
        "speed_px_per_s": _number(front.speed_px_per_s),
        "speed_m_per_s": _number(front.speed_m_per_s),
        "speed_px_per_frame": _number(front.speed_px_per_frame),
        "roughness_px": float(front.roughness_px),
        "length_px": float(front.length_px),
        "normal": [float(part) for part in front.normal],
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def end_to_end(frame: Frame, published_ns: int) -> tuple[float | None, float | None]:
    """Return seconds from end of exposure to publication, and their uncertainty.

    Both None where nothing relates the sender's clock to ours; an offset that the sender
    measured counts before the guess that it shares our clock.
    """
    if frame.clock_offset_ns is not None:
        known_ns = frame.clock_uncertainty_ns
        elapsed_ns = published_ns - (frame.t_ns + frame.clock_offset_ns)
        return elapsed_ns / 1e9, None if known_ns is None else known_ns / 1e9
    # A stamp from the future shows that the two clocks are not one after all.
    if frame.same_host and frame.t_ns <= published_ns:
        return (published_ns - frame.t_ns) / 1e9, 0.0
    return None, None


def _grid(segmentation: Segmentation, codec: Literal["none", "zstd"]) -> dict[str, Any]:
    grid = segmentation.grid
    labels_RC = segmentation.identified.ids_N.reshape(grid.rows, grid.cols)
    return {
        "rows": grid.rows,
        "cols": grid.cols,
        "chip_px": grid.chip_px,
        "stride_px": grid.stride_px,
        "labels": encode_array(labels_RC.astype("<u2", copy=False), codec),
    }


def _community(community: Community) -> dict[str, Any]:
    identity = community.identity
    return {
        "id": int(identity.id),
        "name": identity.name,
        "color": [int(value) for value in identity.color],
        "chips": int(identity.chips),
        "area_px": int(community.area_px),
        "fraction": float(community.fraction),
        "centroid_px": [float(value) for value in community.centroid_px],
        "bbox_px": [int(value) for value in community.bbox_px],
        "stage_m": (
            None if community.stage_m is None else [float(value) for value in community.stage_m]
        ),
        "mean_intensity": float(community.mean_intensity),
        "confidence": float(community.confidence),
        "age": int(identity.age),
    } | descriptors_map(community)


def _timing(
    segmentation: Segmentation, begun_s: float, published_ns: int, published_s: float
) -> dict[str, Any]:
    end_to_end_s, uncertainty_s = end_to_end(segmentation.frame, published_ns)
    return {
        "t_received_ns": segmentation.frame.received_ns,
        "t_published_ns": published_ns,
        "stages": {stage: float(spent_s) for stage, spent_s in segmentation.stages_s.items()}
        | {"encode": published_s - begun_s},
        "service_s": published_s - segmentation.frame.received_s,
        "end_to_end_s": end_to_end_s,
        "uncertainty_s": uncertainty_s,
    }


def timing_map(published: Published) -> dict[str, Any]:
    """Return the timing of a result that was sent, as that result has it."""
    return {
        "t_received_ns": published.segmentation.frame.received_ns,
        "t_published_ns": published.published_ns,
        "stages": dict(published.stages_s),
        "service_s": published.service_s,
        "end_to_end_s": published.end_to_end_s,
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "version": provenance.version,
        "config": provenance.config,
        "weights": {"name": provenance.weights_name, "sha256": provenance.weights_sha256},
        "embedder": provenance.embedder,
        "clusterer": provenance.clusterer,
        "device": provenance.device,
    }
