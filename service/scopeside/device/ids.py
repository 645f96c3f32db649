"""Ids on the card, as it takes them to be or as the host has found them, and how chips vote.

Shape suffixes: N chips; A communities that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scopeside.device.card import Card
from scopeside.messages import Array, Mixture, UInt16


@dataclass(frozen=True, slots=True, kw_only=True)
class IdsRoom:
    """The same bytes in pinned memory and on the card, and views of either.

    Votes are divided on the card (`votes.py`). Where there are more ids than a launch asks for, the
    host divides them.
    """

    pinned: Tensor
    placed: Tensor
    here: IdsViews
    there: IdsViews

    def put(self, ids_N: UInt16, asked_A: Array, *, mixture: Mixture | None = None) -> None:
        """Write ids, the communities to measure and, where the host divides them, votes into
        pinned memory.

        Places of `asked_A` that are left over ask for 0, which no pixel has.
        """
        self.here.ids_N.numpy()[:] = ids_N
        if mixture is not None:
            self.here.second_N.numpy()[:] = mixture.second_N
            self.here.ballots_N.numpy()[:] = mixture.ballots_N
        asked = self.here.asked_A.numpy()
        asked[:] = 0
        asked[: len(asked_A)] = asked_A

    def upload(self) -> None:
        """Copy it to the card, in the order of the line in use."""
        self.placed.copy_(self.pinned, non_blocking=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdsViews:
    ids_N: Tensor
    second_N: Tensor
    asked_A: Tensor
    ballots_N: Tensor


def ids_room(chips: int, asked: int, card: Card) -> IdsRoom:
    """Make room for that many chips and communities."""
    size = 2 * (2 * chips + asked) + chips
    pinned = card.pinned((size,), torch.uint8)
    placed = torch.zeros(size, dtype=torch.uint8, device=card.device)
    return IdsRoom(
        pinned=pinned,
        placed=placed,
        here=_views(pinned, chips, asked),
        there=_views(placed, chips, asked),
    )


def _views(room: Tensor, chips: int, asked: int) -> IdsViews:
    # Numbers of two bytes first, so that each begins at an even address.
    words = room[: 2 * (2 * chips + asked)].view(torch.uint16)
    return IdsViews(
        ids_N=words[:chips],
        second_N=words[chips : 2 * chips],
        asked_A=words[2 * chips :],
        ballots_N=room[2 * (2 * chips + asked) :],
    )
