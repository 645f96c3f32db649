"""Chips on a border divide their votes, on the card: see `scopeside.stages.mixture`.

The same in launches of a fixed shape, which ask the host for nothing. Ids that are asked for take
the part of the communities that are there; one without chips has no row that anything is near to.

Shape suffixes: N chips; R, C rows and columns of the chip grid; A ids asked for; D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scopeside.messages import ChipGrid
from scopeside.stages.mixture import OWN_BALLOTS, PURE_CHIPS, SAME
from scopeside_kernels.reference import BALLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The chip grid, and how many rows and columns away a chip still overlaps."""

    rows: int
    cols: int
    reach: int

    @classmethod
    def of(cls, grid: ChipGrid) -> Surroundings:
        return cls(rows=grid.rows, cols=grid.cols, reach=grid.overlap_reach)

    def near(self, here_AN: Tensor) -> Tensor:
        """Return which chips have one of these within reach, themselves among them."""
        here_ARC = here_AN.to(torch.float32).reshape(1, len(here_AN), self.rows, self.cols)
        near_ARC = torch.nn.functional.max_pool2d(
            here_ARC, 2 * self.reach + 1, stride=1, padding=self.reach
        )
        return near_ARC.reshape(here_AN.shape) > 0


def divide_votes(
    ids_N: Tensor,
    asked_A: Tensor,
    rows_ND: Tensor,
    inverse_N: Tensor,
    surroundings: Surroundings,
    *,
    second_N: Tensor,
    ballots_N: Tensor,
) -> None:
    """Write each chip's second id and the votes that it keeps for its own.

    `rows_ND` are the encoder's embeddings, `inverse_N` one over their lengths, 0 for rows of zeros.
    Every id must be asked for; places of `asked_A` that are left over are 0, which nobody has.
    """
    # Ids are compared and copied as signed numbers of the same bits: torch does more with those.
    own_N, names_A = ids_N.view(torch.int16), asked_A.view(torch.int16)
    here_AN = own_N[None, :] == names_A[:, None]
    near_AN = surroundings.near(here_AN) & ~here_AN
    border_N = near_AN.any(dim=0)
    place_N = here_AN.to(torch.int32).argmax(dim=0)
    pure_A = (here_AN & ~border_N).sum(dim=1)
    telling_AN = here_AN & (~border_N | (pure_A < PURE_CHIPS)[:, None])
    counted_A = telling_AN.sum(dim=1).clamp_min(1)
    means_AD = (telling_AN * inverse_N) @ rows_ND / counted_A[:, None]
    product_NA = (rows_ND @ means_AD.T) * inverse_N[:, None]
    product_AA = means_AD @ means_AD.T
    square_A = product_AA.diagonal()
    own_mean_N1 = product_NA.gather(1, place_N[:, None])
    own_square_N1 = square_A[place_N][:, None]
    along_NA = product_NA - own_mean_N1 - product_AA[place_N] + own_square_N1
    length_NA = own_square_N1 - 2.0 * product_AA[place_N] + square_A
    share_NA = torch.where(length_NA > SAME, along_NA / length_NA, 0.0)
    share_N, other_N = torch.where(near_AN.T, share_NA, -1.0).max(dim=1)
    given_N = torch.round(BALLOTS * share_N.clamp(0.0, 1.0)).clamp_max(BALLOTS - OWN_BALLOTS)
    second_N.view(torch.int16).copy_(torch.where(border_N, names_A[other_N], own_N))
    ballots_N.copy_(torch.where(border_N, BALLOTS - given_N, BALLOTS))
