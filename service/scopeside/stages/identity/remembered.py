"""Identities as they outlast the process: plain numbers, texts and bytes, and back.

All that the tracker carries from frame to frame is there, so that a tracker which is given it goes
on as if it had never stopped.

Shape suffixes: N chips; J known identities; K candidates; D embedding features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scopeside.errors import ConfigError
from scopeside.messages import ChipGrid, Float32, Int64, Provenance
from scopeside.prototypes import Prototypes
from scopeside.settings import Settings

VERSION = 1

NOBODY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the ids were in the last frame; those that were only lent say nothing of a place."""

    ids_N: Int64
    lent_N: NDArray[np.bool_]
    grid: ChipGrid

    @property
    def own_N(self) -> Int64:
        """The ids that were the chips' own, NOBODY where they were not."""
        return np.where(self.lent_N, NOBODY, self.ids_N)

    def as_map(self) -> dict[str, Any]:
        grid = self.grid
        return {
            "ids": self.ids_N.astype("<u2").tobytes(),
            "lent": self.lent_N.astype("|u1").tobytes(),
            "grid": [*grid.shape, grid.chip_px, grid.stride_px],
        }

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> Places:
        ny, nx, chip_px, stride_px = (int(value) for value in fields["grid"])
        if min(ny, nx, chip_px, stride_px) < 1:
            raise ValueError("a chip grid is empty")
        grid = ChipGrid(shape=(ny, nx), chip_px=chip_px, stride_px=stride_px)
        return cls(
            ids_N=np.frombuffer(fields["ids"], "<u2").astype(np.int64).reshape(grid.chips),
            lent_N=np.frombuffer(fields["lent"], "|u1").astype(np.bool_).reshape(grid.chips),
            grid=grid,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What is not known yet, and the frames in a row each was seen in, the last included."""

    looks: Prototypes
    frames_K: Int64

    def as_map(self) -> dict[str, Any]:
        return {
            "means": self.looks.means_KD.astype("<f4").tobytes(),
            "variance": self.looks.variance_K.tolist(),
            "chips": self.looks.chips_K.tolist(),
            "unit": self.looks.unit,
            "frames": self.frames_K.tolist(),
        }

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> Candidates:
        frames_K = np.array(fields["frames"], np.int64)
        unit = fields["unit"]
        looks = Prototypes(
            means_KD=_means(fields["means"], len(frames_K)),
            variance_K=np.array(fields["variance"], np.float64).reshape(len(frames_K)),
            chips_K=np.array(fields["chips"], np.float64).reshape(len(frames_K)),
            unit=None if unit is None else float(unit),
        )
        return cls(looks=looks, frames_K=frames_K)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIdentity:
    """What is known of one identity but its prototype's mean."""

    id: int
    name: str | None
    variance: float
    chips: float
    born: int
    last_seen: int
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All identities in the order of their ids, and the mean unit embedding of each; ids below
    `next_id` are used up."""

    identities: tuple[KnownIdentity, ...]
    means_JD: Float32
    next_id: int

    def as_map(self) -> dict[str, Any]:
        return {
            "next_id": self.next_id,
            "means": self.means_JD.astype("<f4").tobytes(),
            "identities": [
                [one.id, one.name, one.variance, one.chips, one.born, one.last_seen, one.present]
                for one in self.identities
            ],
        }

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> Known:
        identities = tuple(_identity(one) for one in fields["identities"])
        next_id, ids = int(fields["next_id"]), [one.id for one in identities]
        if ids != sorted(set(ids)) or any(not 0 < id_ < next_id for id_ in ids):
            raise ValueError("ids are not in order")
        if any(one.chips <= 0 for one in identities):
            raise ValueError("an identity has no chips")
        means_JD = _means(fields["means"], len(identities))
        return cls(identities=identities, means_JD=means_JD, next_id=next_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """All that a tracker carries from one frame to the next; `frame` counts those it has seen."""

    known: Known
    frame: int
    before: Places | None
    candidates: Candidates | None

    def as_map(self) -> dict[str, Any]:
        """Return it as the state file holds it."""
        return {
            "version": VERSION,
            "frame": self.frame,
            "known": self.known.as_map(),
            "before": None if self.before is None else self.before.as_map(),
            "candidates": None if self.candidates is None else self.candidates.as_map(),
        }

    @classmethod
    def from_map(cls, state: Mapping[str, Any]) -> Remembered:
        """Return what `as_map` wrote; ConfigError for anything else."""
        try:
            if state["version"] != VERSION:
                raise ValueError(f"version {state['version']!r} is unknown")
            before, candidates = state["before"], state["candidates"]
            return cls(
                known=Known.from_map(state["known"]),
                frame=int(state["frame"]),
                before=None if before is None else Places.from_map(before),
                candidates=None if candidates is None else Candidates.from_map(candidates),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"Remembered identities are damaged: {error!r}.") from error


def looks_key(settings: Settings, provenance: Provenance) -> str:
    """Return what prototypes depend on: those of other weights or chips cannot be compared."""
    chips, embed = settings.chips, settings.embed
    return (
        f"{provenance.encoder}, {embed.mode}, chips of {chips.size_px} px as"
        f" {chips.effective_input_px} px"
    )


def require_looks(state: Mapping[str, Any], looks: str) -> None:
    """Raise ConfigError for identities that look otherwise by what made their embeddings."""
    if state.get("looks") != looks:
        raise ConfigError(
            f"Remembered identities are those of {state.get('looks')!r}, and the service runs"
            f" {looks!r}: they cannot be recognised, and ids begin anew."
        )


def _means(packed: bytes, rows: int) -> Float32:
    means: Float32 = (
        np.frombuffer(packed, "<f4").astype(np.float32).reshape(rows, -1 if rows else 0)
    )
    if not np.isfinite(means).all() or (rows and means.shape[1] == 0):
        raise ValueError("a prototype is not finite, or empty")
    return means


def _identity(fields: Any) -> KnownIdentity:
    id_, name, variance, chips, born, last_seen, present = fields
    if not (name is None or isinstance(name, str)) or not isinstance(present, bool):
        raise ValueError("an identity's fields are of other types")
    return KnownIdentity(
        id=int(id_),
        name=name,
        variance=float(variance),
        chips=float(chips),
        born=int(born),
        last_seen=int(last_seen),
        present=present,
    )
