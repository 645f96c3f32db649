"""The orders of work that a pipeline keeps on its card."""

from __future__ import annotations

from dataclasses import dataclass

from scopeside.device.card import Card, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Five lines, so that copies, the next frame's network and this frame's end do not queue.

    `compute` has what takes long: a frame. `tell` copies what it found, and `copy_out`, after that,
    the label map that it painted. `finish` has what the host asks for and waits for, and goes first
    where the card has to choose. A map that is painted again is copied there too: in the other two
    lines, what they have to bring of the next frame was asked for before.
    """

    copy_in: Line
    compute: Line
    tell: Line
    finish: Line
    copy_out: Line

    @classmethod
    def of(cls, card: Card) -> Lines:
        """Make the lines of a card."""
        return cls(
            copy_in=card.line(),
            compute=card.line(),
            tell=card.line(urgent=True),
            finish=card.line(urgent=True),
            copy_out=card.line(urgent=True),
        )
