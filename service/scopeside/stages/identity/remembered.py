"""Identities as they outlast the process: plain numbers, texts and bytes, and back.

Shape suffixes: J known identities; D embedding features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopeside.errors import ConfigError
from scopeside.messages import Float32, Provenance
from scopeside.settings import Settings

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedIdentity:
    """What is known of one identity but its prototype's mean."""

    id: int
    name: str | None
    variance: float
    chips: float
    born: int
    last_seen: int
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """All identities in the order of their ids, the mean unit embedding of each, and the count of
    frames; ids below `next_id` are used up."""

    identities: tuple[RememberedIdentity, ...]
    means_JD: Float32
    next_id: int
    frame: int

    def as_map(self) -> dict[str, Any]:
        """Return it as the state file holds it."""
        return {
            "version": VERSION,
            "next_id": self.next_id,
            "frame": self.frame,
            "features": self.means_JD.shape[1],
            "means": self.means_JD.astype("<f4").tobytes(),
            "identities": [
                [one.id, one.name, one.variance, one.chips, one.born, one.last_seen, one.present]
                for one in self.identities
            ],
        }

    @classmethod
    def from_map(cls, state: Mapping[str, Any]) -> Remembered:
        """Return what `as_map` wrote; ConfigError for anything else."""
        try:
            if state["version"] != VERSION:
                raise ValueError(f"version {state['version']!r} is unknown")
            identities = tuple(_identity(fields) for fields in state["identities"])
            flat = np.frombuffer(state["means"], "<f4").astype(np.float32)
            means_JD: Float32 = flat.reshape(len(identities), int(state["features"]))
            made = cls(
                identities=identities,
                means_JD=means_JD,
                next_id=int(state["next_id"]),
                frame=int(state["frame"]),
            )
            made._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ConfigError(f"Remembered identities are damaged: {error!r}.") from error
        return made

    def _check(self) -> None:
        ids = [one.id for one in self.identities]
        if ids != sorted(set(ids)) or any(not 0 < id_ < self.next_id for id_ in ids):
            raise ValueError("ids are not in order")
        if not np.isfinite(self.means_JD).all() or any(one.chips <= 0 for one in self.identities):
            raise ValueError("a prototype is not finite")


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


def _identity(fields: Any) -> RememberedIdentity:
    id_, name, variance, chips, born, last_seen, present = fields
    if not (name is None or isinstance(name, str)) or not isinstance(present, bool):
        raise ValueError("an identity's fields are of other types")
    return RememberedIdentity(
        id=int(id_),
        name=name,
        variance=float(variance),
        chips=float(chips),
        born=int(born),
        last_seen=int(last_seen),
        present=present,
    )
