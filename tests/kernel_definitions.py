"""The kernels' definitions under the kernels' signatures: quick where interpreting takes seconds.

That kernels and definitions agree is what `tests/kernels` is for.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch

from scopeside_kernels import reference, reference_louvain


def instead_of_kernels(patch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    """Put a definition in the place of every kernel that one of the modules has imported."""
    for module in modules:
        for name, definition in DEFINITIONS.items():
            if hasattr(module, name):
                patch.setattr(module, name, definition)


def contrast_window(frame_YX, low_percentile, high_percentile, *, out):
    window = reference.contrast_window(frame_YX.numpy(), low_percentile, high_percentile)
    put(out.window_2, [window.low, window.high])
    saturated_px = round(window.saturated_fraction * frame_YX.numel())
    put(out.counts_2, [window.nonfinite_px, saturated_px])


def chips(frame_YX, window_2, tables, input_NCHW):
    image_YX = reference.normalise(frame_YX.numpy(), *window_2.tolist())
    origins = (tables.y0_R.numpy(), tables.x0_C.numpy())
    cut_NHW = reference.chips(image_YX, *origins, tables.chip_px, tables.input_px)
    input_NCHW.copy_(torch.from_numpy(cut_NHW)[:, None])


def unit_rows(rows_ND, *, centred, unit_ND, room_BD):
    put(unit_ND, reference.unit_rows(rows_ND.numpy(), centred=centred))


def neighbours(unit_ND, k, *, neighbours_NK, similarities_NK, room):
    near_NK, similar_NK = reference.neighbours(unit_ND.numpy(), k)
    put(neighbours_NK, near_NK)
    put(similarities_NK, similar_NK)


def symmetric(neighbours_NK, similarities_NK, out):
    offsets, to_E, weights_E = reference.symmetric_csr(
        neighbours_NK.numpy(), similarities_NK.numpy()
    )
    put(out.offsets, offsets)
    put(out.neighbours[: len(to_E)], to_E)
    put(out.weights[: len(to_E)], weights_E)


def louvain(rows, workspace):
    offsets = np.append(rows.begin_N.numpy(), rows.end_N[-1].numpy())
    edges = int(offsets[-1])
    labels_N = np.arange(workspace.nodes)
    if edges:
        labels_N = reference_louvain.louvain(
            offsets,
            rows.neighbours_E[:edges].numpy(),
            rows.weights_E[:edges].numpy(),
            resolution=int(workspace.resolution) * 2.0**-reference_louvain.RESOLUTION_BITS,
        ).labels_N
    put(workspace.numbers_N, labels_N)
    return workspace.numbers_N


def paint(ids_N, tables, *, second_N, ballots_N, labels_YX, confidence_YX):
    labels, confidence = reference.paint(
        ids_N.numpy(),
        tables.y0_R.numpy(),
        tables.x0_C.numpy(),
        tables.chip_px,
        tables.shape,
        second_N=second_N.numpy(),
        ballots_N=ballots_N.numpy(),
    )
    put(labels_YX, labels)
    put(confidence_YX, confidence)


def regions(labels_YX, confidence_YX, image_YX, ids_K, *, out):
    found = reference.regions(
        labels_YX.numpy(), confidence_YX.numpy(), image_YX.numpy(), ids_K.numpy()
    )
    for field in ("area_px_K", "centroid_K2", "bbox_K4", "mean_intensity_K", "confidence_K"):
        put(getattr(out, field), getattr(found, field))


def put(tensor, values):
    tensor.copy_(torch.from_numpy(np.asarray(values)))


DEFINITIONS = {
    each.__name__: each
    for each in (
        contrast_window,
        chips,
        unit_rows,
        neighbours,
        symmetric,
        louvain,
        paint,
        regions,
    )
}
