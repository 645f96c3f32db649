"""What was told apart in the last frame stays apart while its chips still look it.

A community that lies just at the distance within which like ones are joined would come and go from
frame to frame, and so would a phase that dwindles to a few chips. So a chip keeps its last id
where that id was joined into another and its prototype is still the nearer of the two. The
measurements are in docs/adr/0005-identity.md.

Shape suffixes: N chips of the frame; C chips that wore one id in the last frame; M identities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.looks import Looks, looks_of
from scopeside.messages import Float32, Int64
from scopeside.stages.identity.gallery import Gallery

LASTING_SHARE = 0.3
"""Of the chips an identity had: where fewer still look like it, it is gone. With 0.5 and 0.7, ids
came and went more often on real streams, and the last strip of a phase was given up sooner."""
LEAST_CHIPS = 3
"""Fewer chips than this are no community (`communities.min_chips`)."""


def lasting(before_N: Int64, ids_N: Int64, embeddings: Float32 | Looks, gallery: Gallery) -> Int64:
    """Return `ids_N` with the chips of lost identities given back that still look like them.

    `before_N` are the ids of the last frame on the same chips. An id that is in `ids_N` has lost
    nothing. Embeddings are the encoder's, neither centred nor scaled.
    """
    looks = looks_of(embeddings)
    lasting_N = ids_N.copy()
    for id_ in np.setdiff1d(before_N, ids_N).tolist():
        if id_ not in gallery:
            continue
        was_C = np.flatnonzero(before_N == id_)
        others_M, at_C = np.unique(ids_N[was_C], return_inverse=True)
        nearer_C = _nearer(looks, was_C, gallery.means([id_, *others_M.tolist()]), at_C)
        if nearer_C.sum() >= max(LEAST_CHIPS, LASTING_SHARE * len(was_C)):
            lasting_N[was_C[nearer_C]] = id_
    return lasting_N


def _nearer(looks: Looks, chips_C: Int64, means_MD: Float32, at_C: Int64) -> NDArray[np.bool_]:
    """Return which chips lie nearer to the first mean than to the one after it at `at_C`."""
    # Half the squared distance of a unit vector, less what is the same for every mean.
    away_CM = 0.5 * np.einsum("md,md->m", means_MD, means_MD) - looks.products(chips_C, means_MD)
    nearer_C: NDArray[np.bool_] = away_CM[:, 0] < away_CM[np.arange(len(at_C)), 1 + at_C]
    return nearer_C
