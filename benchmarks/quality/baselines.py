"""Methods without an encoder: features of each chip, then k-means; and the bound of all methods.

Every method labels the same chips and is painted by the same votes. Each feature has a few
variants; the best on a set is taken, which is generous to it. k is the truth's, or it is chosen
by the silhouette.

Shapes: N chips; F features; Y, X frame pixels; H, W pixels of a chip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from quality.purity import chip_shares
from quality.segmenting import Answer, painted, scored
from quality.sets import Labelled, Protocol
from scopeside.messages import Array, ChipGrid, Float32
from scopeside.stages.embed.simulated import normalised

Features = NDArray[np.float64]
Feature = Callable[[Float32, ChipGrid], Mapping[str, Features]]
"""From a normalised frame and its chips to the features of every variant."""

UNTOLD_K = range(2, 7)
"""Where k is not told: the k of greatest silhouette."""
SILHOUETTE_CHIPS = 600
STARTS = 5
SEED = 0


def raw_intensity(image_YX: Float32, grid: ChipGrid) -> Mapping[str, Features]:
    """Mean; mean and deviation; histogram of sixteen levels."""
    windows = _windows(image_YX, grid)
    mean_N = windows.mean(axis=(2, 3)).ravel()
    deviation_N = windows.std(axis=(2, 3)).ravel()
    level_YX = np.minimum((image_YX * 16).astype(np.int64), 15)
    return {
        "mean": mean_N[:, None],
        "mean and deviation": _standardised(np.stack([mean_N, deviation_N], axis=1)),
        "histogram": _histograms(level_YX, 16, grid),
    }


def local_binary_patterns(image_YX: Float32, grid: ChipGrid) -> Mapping[str, Features]:
    """Histograms of uniform patterns at one to three radii (Ojala et al., 2002)."""
    from skimage.feature import local_binary_pattern

    levels_YX = np.asarray(255.0 * image_YX + 0.5).astype(np.uint8)
    parts = []
    for radius_px in (1, 2, 3):
        points = 8 * radius_px
        pattern_YX = local_binary_pattern(levels_YX, points, radius_px, method="uniform")
        parts.append(_histograms(pattern_YX.astype(np.int64), points + 2, grid))
    return {
        "radius 1": parts[0],
        "radii 1, 2": np.concatenate(parts[:2], axis=1),
        "radii 1, 2, 3": np.concatenate(parts, axis=1),
    }


def structure_tensors(image_YX: Float32, grid: ChipGrid) -> Mapping[str, Features]:
    """Mean log eigenvalues and coherence at one to three scales (Bigun & Granlund, 1987)."""
    from skimage.feature import structure_tensor, structure_tensor_eigenvalues

    columns = []
    for sigma_px in (1.0, 2.0, 4.0):
        tensor = structure_tensor(image_YX, sigma=sigma_px)
        large_YX, small_YX = structure_tensor_eigenvalues(tensor)
        coherence_YX = (large_YX - small_YX) / (large_YX + small_YX + 1e-6)
        maps = (np.log(large_YX + 1e-6), np.log(small_YX + 1e-6), coherence_YX)
        columns += [_windows(one, grid).mean(axis=(2, 3)).ravel() for one in maps]
    all_NF = _standardised(np.stack(columns, axis=1))
    return {
        "sigma 1": all_NF[:, :3],
        "sigma 1, 2": all_NF[:, :6],
        "sigma 1, 2, 4": all_NF,
    }


FEATURES: Mapping[str, Feature] = {
    "raw intensity": raw_intensity,
    "local binary patterns": local_binary_patterns,
    "structure tensor": structure_tensors,
}


def feature_answers(
    protocol: Protocol, frames: list[Labelled], feature: str
) -> tuple[dict[str, Answer], dict[str, Answer]]:
    """Return k-means of each variant of a feature: told the number of classes, and not."""
    grids = [protocol.grid(frame.image_YX.shape) for frame in frames]
    found = [
        FEATURES[feature](normalised(frame.image_YX), grid)
        for frame, grid in zip(frames, grids, strict=True)
    ]

    def answers(cluster: Callable[[Features], Array]) -> dict[str, Answer]:
        return {
            variant: scored(
                [
                    painted(cluster(one[variant]), grid)
                    for one, grid in zip(found, grids, strict=True)
                ],
                frames,
                protocol,
            )
            for variant in found[0]
        }

    return answers(lambda features_NF: k_means(features_NF, protocol.k)), answers(k_means_untold)


def bound(protocol: Protocol, frames: list[Labelled]) -> Answer:
    """Score chips that carry the class of most of their pixels: no method of chips does better."""
    labels = []
    for frame in frames:
        grid = protocol.grid(frame.image_YX.shape)
        _, share_CN = chip_shares(frame.truth_YX, grid)
        labels.append(painted(share_CN.argmax(axis=0), grid))
    return scored(labels, frames, protocol)


def k_means(features_NF: Array, k: int) -> Array:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # So little to do that threads only wait for each other.
    with threadpool_limits(1):
        labels_N: Array = KMeans(k, n_init=STARTS, random_state=SEED).fit_predict(features_NF)
    return labels_N


def k_means_untold(features_NF: Array) -> Array:
    """Return k-means at the k whose silhouette, on a sample of the chips, is greatest."""
    from sklearn.metrics import silhouette_score

    def silhouette(labels_N: Array) -> float:
        if len(np.unique(labels_N)) < 2:
            return -1.0
        sample = min(SILHOUETTE_CHIPS, len(labels_N) - 1)
        return float(silhouette_score(features_NF, labels_N, sample_size=sample, random_state=SEED))

    return max((k_means(features_NF, k) for k in UNTOLD_K), key=silhouette)


def _windows(map_YX: Array, grid: ChipGrid) -> Array:
    """View of the chips as `(R, C, H, W)`; a frame here is never smaller than a chip."""
    every = np.lib.stride_tricks.sliding_window_view(map_YX, (grid.chip_px, grid.chip_px))
    return every[np.ix_(grid.y0_R, grid.x0_C)]


def _histograms(levels_YX: Array, levels: int, grid: ChipGrid) -> Features:
    windows = _windows(levels_YX, grid).reshape(grid.chips, -1)
    cells = windows + levels * np.arange(grid.chips)[:, None]
    counts_NF = np.bincount(cells.ravel(), minlength=levels * grid.chips)
    return np.asarray(np.sqrt(counts_NF.reshape(grid.chips, levels) / windows.shape[1]))


def _standardised(features_NF: Features) -> Features:
    return np.asarray((features_NF - features_NF.mean(axis=0)) / (features_NF.std(axis=0) + 1e-9))
