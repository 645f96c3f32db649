"""What ids the card takes its chips to have, so that it can paint before the host has said.

Each community wears the id whose prototype its mean lies nearest to. Who is who is still decided
by the host, with all that it knows besides: where it finds the same ids, the label map is there
already, and where it does not, the card paints again. No guess is ever published.

Shape suffixes: N chips; K communities; A ids that are asked for; D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scopeside.device.card import Card
from scopeside.messages import Float32, Int64, UInt16


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRoom:
    """Prototypes and ids of identities known when a frame is begun, and copies on the card.

    Rows that are left over have the id 0, which no chip gets.
    """

    pinned_AD: Tensor
    placed_AD: Tensor
    pinned_A: Tensor
    placed_A: Tensor

    def send(self, ids_J: Int64, means_JD: Float32) -> UInt16:
        """Copy identities to the card, in the order of the line in use; at most as many as there
        is room for. Returns the ids with the places that are left over."""
        known = len(ids_J)
        ids_A = self.pinned_A.numpy()
        ids_A[:known] = ids_J
        ids_A[known:] = 0
        self.placed_A.copy_(self.pinned_A, non_blocking=True)
        if known:
            self.pinned_AD.numpy()[:known] = means_JD
            self.placed_AD[:known].copy_(self.pinned_AD[:known], non_blocking=True)
        asked_A: UInt16 = ids_A.copy()
        return asked_A


def known_room(asked: int, features: int, card: Card) -> KnownRoom:
    """Make room for so many identities."""
    pinned_AD = card.pinned((asked, features), torch.float32)
    pinned_A = card.pinned((asked,), torch.uint16)
    for pinned in (pinned_AD, pinned_A):
        pinned.numpy()[:] = 0
    return KnownRoom(
        pinned_AD=pinned_AD,
        placed_AD=torch.zeros((asked, features), device=card.device),
        pinned_A=pinned_A,
        placed_A=torch.zeros(asked, dtype=torch.uint16, device=card.device),
    )


def guess_ids(
    labels_N: Tensor, sums_KD: Tensor, known: KnownRoom, *, ids_N: Tensor, asked_A: Tensor
) -> None:
    """Write the id of each chip's community, and all ids that are known as those asked for.

    `sums_KD` are of unit embeddings. Communities beyond them wear what the last of them does.
    """
    names_A = known.placed_A.view(torch.int16)
    numbers_K = torch.arange(len(sums_KD), dtype=labels_N.dtype, device=labels_N.device)
    chips_K = (labels_N[None, :] == numbers_K[:, None]).sum(dim=1).clamp_min(1)
    # Squared distance of two means, less what is the same for every prototype.
    square_A = torch.linalg.vecdot(known.placed_AD, known.placed_AD)
    away_KA = square_A - 2.0 * (sums_KD @ known.placed_AD.T) / chips_K[:, None]
    nearest_K = torch.where(names_A != 0, away_KA, torch.inf).argmin(dim=1)
    label_N = labels_N.clamp_max(len(sums_KD) - 1).to(torch.int64)
    ids_N.view(torch.int16).copy_(names_A[nearest_K][label_N])
    asked_A.view(torch.int16).copy_(names_A)
