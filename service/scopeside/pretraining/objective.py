"""What training asks of embeddings: that their cosines say what chips are made of.

Within a specimen the cosine of two chips, about the mean as the similarity graph takes it,
should be the cosine of their shares of the materials: near 1 for one material, below 0 for two.
Nothing is asked between specimens. A contrastive loss, tried first, spreads embeddings evenly:
it gained on simulated frames and lost cohesion, and with it communities, on real ones.

Shapes: S specimens, V exposures of each, N chips of an exposure, D features; P = V * N.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TOGETHER_WEIGHT = 0.5
"""Of exposures compared about their common mean, against each about its own. The first makes a
material look alike in both, which identity lives on; the second is what the graph sees."""


def cosine_loss(
    embeddings_SVND: Tensor, cosine_SPP: Tensor, weight_SPP: Tensor, common_S: Tensor
) -> Tensor:
    """Return the mean squared error of the cosines, pairs weighted by `weight_SPP`.

    `common_S` says in which specimens the exposures share their contrast, so that they may be
    compared about a common mean.
    """
    own_SPD = _centred(embeddings_SVND, over=(2,))
    loss = _error(own_SPD, cosine_SPP, weight_SPP)
    if bool(common_S.any()):
        both_SPD = _centred(embeddings_SVND[common_S], over=(1, 2))
        together = _error(both_SPD, cosine_SPP[common_S], weight_SPP[common_S])
        loss = (1.0 - TOGETHER_WEIGHT) * loss + TOGETHER_WEIGHT * together
    return loss


def _centred(embeddings_SVND: Tensor, *, over: tuple[int, ...]) -> Tensor:
    centred_SVND = embeddings_SVND - embeddings_SVND.mean(dim=over, keepdim=True)
    return functional.normalize(centred_SVND.flatten(1, 2), dim=-1)


def _error(unit_SPD: Tensor, cosine_SPP: Tensor, weight_SPP: Tensor) -> Tensor:
    error_SPP = (unit_SPD @ unit_SPD.transpose(1, 2) - cosine_SPP) ** 2
    # Each specimen counts alike, however sure its chips are; but one that shows practically one
    # material, with not one sure pair, must not be scaled up to differences of rounding.
    total_S = weight_SPP.sum(dim=(1, 2)).clamp_min(1.0)
    return torch.mean((weight_SPP * error_SPP).sum(dim=(1, 2)) / total_S)
