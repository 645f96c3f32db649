"""The identities known so far: who they are, what they look like, when they were last seen.

Shape suffixes: J known identities; D embedding features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scopeside.messages import Float32, Identity, Int64
from scopeside.palette import color_of
from scopeside.prototypes import Prototypes
from scopeside.stages.identity.remembered import Known, KnownIdentity

MEMORY = 0.1
"""Weight of the newest frame in a prototype: a material may change slowly and stay itself."""
ABSENT_FRAMES = 3
"""Frames in a row without an identity until it is reported as vanished."""
MOST = 1024
"""Identities remembered; beyond them the one unseen for longest is forgotten."""
LAST_ID = 65535
"""The largest id that the label map can hold."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    mean_D: Float32
    variance: float
    chips: float
    born: int
    last_seen: int
    present: bool
    name: str | None = None


class Gallery:
    """Every identity of the series, in the order of their ids; ids are never given twice.

    `unit` is that of the prototypes.
    """

    def __init__(self, *, unit: float | None = None) -> None:
        self._unit = unit
        self._entries: dict[int, _Entry] = {}
        self._next_id = 1

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ids_J(self) -> Int64:
        return np.fromiter(self._entries, dtype=np.int64, count=len(self._entries))

    def prototypes(self) -> Prototypes:
        """Return the prototypes in the order of `ids_J`; there must be one."""
        entries = self._entries.values()
        return Prototypes(
            means_KD=np.stack([entry.mean_D for entry in entries]),
            variance_K=np.array([entry.variance for entry in entries]),
            chips_K=np.array([entry.chips for entry in entries]),
            unit=self._unit,
        )

    def means(self, ids: Sequence[int]) -> Float32:
        """Return the mean unit embeddings of known identities, in the order given."""
        return np.stack([self._entries[id_].mean_D for id_ in ids])

    def latest(self, most: int) -> tuple[Int64, Float32]:
        """Return ids, in their order, and mean unit embeddings of those seen last, `(J, D)`."""
        ids = sorted(sorted(self._entries, key=lambda id_: (-self._seen(id_), id_))[:most])
        if not ids:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        return np.array(ids, np.int64), self.means(ids)

    def add(self, looks: Prototypes, row: int, *, frame: int) -> int | None:
        """Take in what `looks` has in `row`; None when ids or room are used up.

        Room is made by forgetting the identity unseen for longest, those with names last.
        """
        if self._next_id > LAST_ID or not self._has_room(frame):
            return None
        id_ = self._next_id
        self._next_id += 1
        self._entries[id_] = _Entry(
            mean_D=looks.means_KD[row].copy(),
            variance=float(looks.variance_K[row]),
            chips=float(looks.chips_K[row]),
            born=frame,
            last_seen=frame,
            present=False,
        )
        return id_

    def _has_room(self, frame: int) -> bool:
        if len(self._entries) < MOST:
            return True
        entries = self._entries
        oldest = min(entries, key=lambda id_: (entries[id_].name is not None, self._seen(id_), id_))
        if self._seen(oldest) >= frame - ABSENT_FRAMES:
            return False
        del entries[oldest]
        return True

    def _seen(self, id_: int) -> int:
        return self._entries[id_].last_seen

    def learn(self, id_: int, looks: Prototypes, row: int) -> None:
        """Move a prototype a little towards what this frame shows of it."""
        entry = self._entries[id_]
        entry.mean_D += np.float32(MEMORY) * (looks.means_KD[row] - entry.mean_D)
        entry.variance += MEMORY * (float(looks.variance_K[row]) - entry.variance)
        entry.chips += MEMORY * (float(looks.chips_K[row]) - entry.chips)

    def attend(
        self, present: frozenset[int], *, frame: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Note who is in this frame; return who appeared (or came back) and who vanished."""
        appeared, vanished = [], []
        for id_, entry in self._entries.items():
            if id_ in present:
                if not entry.present:
                    appeared.append(id_)
                entry.present, entry.last_seen = True, frame
            elif entry.present and frame - entry.last_seen >= ABSENT_FRAMES:
                entry.present = False
                vanished.append(id_)
        return tuple(appeared), tuple(vanished)

    def __contains__(self, id_: int) -> bool:
        return id_ in self._entries

    def named(self, name: str) -> tuple[int, ...]:
        """Return the ids of all identities of that name."""
        # A copy at once: other threads ask while identities come and go.
        return tuple(id_ for id_, entry in list(self._entries.items()) if entry.name == name)

    def set_name(self, id_: int, name: str | None) -> bool:
        """Name an identity or, with None, take its name away; False where it is not known."""
        if id_ not in self._entries:
            return False
        self._entries[id_].name = name
        return True

    def remember(self) -> Known:
        """Return a copy of all that is known."""
        entries = self._entries
        return Known(
            identities=tuple(
                KnownIdentity(
                    id=id_,
                    name=entry.name,
                    variance=entry.variance,
                    chips=entry.chips,
                    born=entry.born,
                    last_seen=entry.last_seen,
                    present=entry.present,
                )
                for id_, entry in entries.items()
            ),
            means_JD=np.stack([entry.mean_D for entry in entries.values()])
            if entries
            else np.empty((0, 0), np.float32),
            next_id=self._next_id,
        )

    def recall(self, known: Known) -> None:
        """Know what was known when it was remembered, and nothing else."""
        self._next_id = known.next_id
        self._entries = {
            one.id: _Entry(
                mean_D=mean_D.copy(),
                variance=one.variance,
                chips=one.chips,
                born=one.born,
                last_seen=one.last_seen,
                present=one.present,
                name=one.name,
            )
            for one, mean_D in zip(known.identities, known.means_JD, strict=True)
        }

    def identity(self, id_: int, *, chips: int, frame: int) -> Identity:
        """Describe a known identity as it is in this frame."""
        entry = self._entries[id_]
        return Identity(
            id=id_,
            color=color_of(id_),
            name=entry.name,
            age=frame - entry.born,
            chips=chips,
        )
