"""Which communities lie around each chip of the grid.

Shape suffixes: N chips; R, C rows and columns of the chip grid; K communities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Int64


def communities_near(place_RC: Int64, communities: int, reach: int) -> NDArray[np.bool_]:
    """Return `(N, K)`: which communities have a chip within `reach` rows and columns of each chip.

    A chip's own community is always among them.
    """
    here_KRC = np.arange(communities)[:, None, None] == place_RC
    for axis in (1, 2):
        spread_KRC = here_KRC.copy()
        for step in range(1, min(reach, place_RC.shape[axis - 1] - 1) + 1):
            head = tuple(slice(step, None) if a == axis else slice(None) for a in range(3))
            tail = tuple(slice(None, -step) if a == axis else slice(None) for a in range(3))
            spread_KRC[head] |= here_KRC[tail]
            spread_KRC[tail] |= here_KRC[head]
        here_KRC = spread_KRC
    near_NK: NDArray[np.bool_] = here_KRC.reshape(communities, -1).T
    return near_NK
