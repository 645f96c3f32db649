"""Random numbers that a place has by itself: the same for every view that looks there.

A generator draws in an order; a specimen that is looked at here and there needs numbers that
depend on the place alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ADD = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

Float64 = NDArray[np.float64]


def uniform(seed: int, salt: int, i: ArrayLike, j: ArrayLike) -> Float64:
    """Return a number in [0, 1) for each pair of integers, by `seed` and by the use, `salt`.

    The finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014) over one word after another.
    """
    i_, j_ = np.broadcast_arrays(np.asarray(i, np.int64), np.asarray(j, np.int64))
    shape = i_.shape
    # Of one dimension at least: arithmetic of arrays wraps around, that of single numbers warns.
    i_1, j_1 = np.atleast_1d(i_).view(np.uint64), np.atleast_1d(j_).view(np.uint64)
    word = _mixed(np.full(i_1.shape, seed % 2**64, np.uint64))
    for part in (np.full(i_1.shape, salt, np.uint64), i_1, j_1):
        word = _mixed(word ^ part)
    numbers: Float64 = (word >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53
    return numbers


def _mixed(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    word = word + _ADD
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    mixed: NDArray[np.uint64] = word ^ (word >> np.uint64(31))
    return mixed
