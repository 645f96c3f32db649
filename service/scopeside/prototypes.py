"""How alike communities are, by the mean and the spread of their chips' embeddings.

Embeddings are scaled to length one but not centred: the mean of a frame moves as a front
crosses it, and a prototype must mean the same in every frame. Distances are between means, so no
centre is needed. They are in units of the spread, which every encoder has, or of a length that an
encoder is known by: one that was trained to bring a material's chips together leaves hardly any
spread, in units of which the halves of one crystal would lie far apart.

Shape suffixes: N chips; K communities of the frame; J known prototypes; D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scopeside.looks import Looks, looks_of
from scopeside.messages import Array, Float32, Int64
from scopeside.partitions import community_count

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prototypes:
    """Mean unit embedding, total variance about it, and chips behind it, one row a community.

    `unit` is the length that distances are counted in; None means the spread.
    """

    means_KD: Float32
    variance_K: Float64
    chips_K: Float64
    unit: float | None = None

    def __len__(self) -> int:
        return len(self.chips_K)

    def rows(self, chosen: Int64) -> Prototypes:
        """Return the chosen rows, in that order."""
        return Prototypes(
            means_KD=self.means_KD[chosen],
            variance_K=self.variance_K[chosen],
            chips_K=self.chips_K[chosen],
            unit=self.unit,
        )


def prototypes_of(
    embeddings: Float32 | Looks, labels_N: Array, *, unit: float | None = None
) -> Prototypes:
    """Describe the communities of one frame; labels count from 0."""
    looks = looks_of(embeddings)
    communities = community_count(labels_N)
    chips_K = np.bincount(labels_N, minlength=communities).astype(np.float64)
    means_KD = looks.means(labels_N)
    # Unit vectors: mean squared length (one, but for zero rows) less the squared mean.
    length_K = np.bincount(labels_N, weights=looks.alive_N, minlength=communities) / chips_K
    spread_K = length_K - np.einsum("kd,kd->k", means_KD, means_KD, dtype=np.float64)
    variance_K = np.maximum(spread_K, 0.0) * chips_K / np.maximum(chips_K - 1.0, 1.0)
    variance_K[chips_K == 1] = _usual_variance(variance_K, chips_K, means_KD)
    return Prototypes(means_KD=means_KD, variance_K=variance_K, chips_K=chips_K, unit=unit)


def _usual_variance(variance_K: Float64, chips_K: Float64, means_KD: Float32) -> float:
    """Return what a lone chip is taken to vary by, since it shows no spread of its own.

    That of the frame's larger communities; where there are none, that of its chips.
    """
    larger_K = chips_K > 1
    if larger_K.any():
        return float(np.average(variance_K[larger_K], weights=chips_K[larger_K]))
    return float(means_KD.var(axis=0, dtype=np.float64).sum())


def distances(new: Prototypes, known: Prototypes) -> Float64:
    """Distance between means, `(K, J)`; in units of the spread it is Cohen's d for many dimensions.

    sqrt(max(0, |m - m'|^2 - v/n - v'/n') / ((v + v') / 2)); what the finite number of chips adds
    to the distance on average is taken off. Where `new` has a unit, its square stands in place of
    the mean variance. Equal prototypes without spread are 0 apart, and different ones, without a
    unit, infinitely far.
    """
    squared_KJ = (
        np.einsum("kd,kd->k", new.means_KD, new.means_KD, dtype=np.float64)[:, None]
        + np.einsum("jd,jd->j", known.means_KD, known.means_KD, dtype=np.float64)[None, :]
        - 2.0 * (new.means_KD @ known.means_KD.T).astype(np.float64)
    )
    # Squares of float32 unit vectors cancel to about 1e-7: less than that is no distance.
    squared_KJ = np.where(squared_KJ > 1e-6, squared_KJ, 0.0)
    chance_KJ = (new.variance_K / new.chips_K)[:, None] + (known.variance_K / known.chips_K)
    spread_KJ = 0.5 * (new.variance_K[:, None] + known.variance_K[None, :])
    if new.unit is not None:
        spread_KJ = np.full_like(spread_KJ, new.unit**2)
    excess_KJ = np.maximum(squared_KJ - chance_KJ, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio_KJ = np.where(excess_KJ > 0, excess_KJ / spread_KJ, 0.0)
    return np.sqrt(ratio_KJ)


def pooled(frame: Prototypes, owner_K: Int64, owners: int) -> Prototypes:
    """Describe unions of communities: `owner_K` says to which union (0 up) each belongs."""
    means_JD = np.zeros((owners, frame.means_KD.shape[1]))
    chips_J = np.bincount(owner_K, weights=frame.chips_K, minlength=owners).astype(np.float64)
    np.add.at(means_JD, owner_K, frame.means_KD * frame.chips_K[:, None])
    means_JD /= chips_J[:, None]
    length_K = frame.variance_K + np.einsum("kd,kd->k", frame.means_KD, frame.means_KD)
    length_J = np.bincount(owner_K, weights=frame.chips_K * length_K, minlength=owners) / chips_J
    variance_J = np.maximum(length_J - np.einsum("jd,jd->j", means_JD, means_JD), 0.0)
    return Prototypes(
        means_KD=means_JD.astype(np.float32),
        variance_K=variance_J,
        chips_K=chips_J,
        unit=frame.unit,
    )


MOST_GATHERED = 128
"""Communities beyond which nothing is gathered. So many are dust, not parts of a few materials, and
to gather them would take longer than the frame."""


def gathered(looks: Prototypes, *, within: float, kept: int = 1, nearer: float = 0.0) -> Int64:
    """Number the groups that remain when the nearest two are pooled until none lie `within`.

    Once only `kept` groups are left, two are pooled only where they lie within `nearer`: what was
    apart before stays so a little longer. Returns `(K,)`, numbered in the order of first members;
    equal distances go to the lower numbers. A group is described anew after every step, so a
    chain of like parts becomes one group though its ends lie farther apart. `within` 0 leaves
    every one by itself, as do more than `MOST_GATHERED` communities.
    """
    owner_K = np.arange(len(looks), dtype=np.int64)
    if within <= 0 or len(looks) > MOST_GATHERED:
        return owner_K
    groups = looks
    distance_KK = _upper(distances(groups, groups))
    while len(groups) > 1:
        low, high = divmod(int(distance_KK.argmin()), len(groups))
        if distance_KK[low, high] > (within if len(groups) > kept else nearer):
            break
        both = pooled(groups.rows(np.array([low, high])), np.zeros(2, dtype=np.int64), 1)
        groups = groups.rows(np.delete(np.arange(len(groups)), high))
        groups.means_KD[low] = both.means_KD[0]
        groups.variance_K[low], groups.chips_K[low] = both.variance_K[0], both.chips_K[0]
        owner_K[owner_K == high] = low
        owner_K[owner_K > high] -= 1
        # Only the pooled group lies elsewhere than before.
        distance_KK = np.delete(np.delete(distance_KK, high, axis=0), high, axis=1)
        away_K = distances(groups.rows(np.array([low])), groups)[0]
        distance_KK[low, low + 1 :] = away_K[low + 1 :]
        distance_KK[:low, low] = away_K[:low]
    return owner_K


def _upper(distance_KK: Float64) -> Float64:
    """Each pair once, nothing to itself."""
    distance_KK[np.tril_indices(len(distance_KK))] = np.inf
    return distance_KK
