"""The reference state: how communities looked in one frame, and how far others are from that.

Shape suffixes: N chips; K communities of the frame; J communities of the reference; D features.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scopeside.errors import ConfigError
from scopeside.looks import HostLooks, Looks
from scopeside.messages import Identified
from scopeside.prototypes import Prototypes, distances, prototypes_of

log = logging.getLogger(__name__)

VERSION = 1


class _Seen:
    """The communities of one frame, described when somebody asks."""

    def __init__(self, identified: Identified, looks: Looks, unit: float | None) -> None:
        self.ids = tuple(int(identity.id) for identity in identified.identities)
        self._ids_N = identified.ids_N
        self._looks = looks
        self._unit = unit

    @cached_property
    def prototypes(self) -> Prototypes:
        # The identities of a frame are its ids in ascending order, each with a chip.
        _, place_N = np.unique(self._ids_N, return_inverse=True)
        return prototypes_of(self._looks, place_N.astype(np.int64), unit=self._unit)


class Reference:
    """Keeps a frame's communities as the reference, and tells how far those of others are from it.

    `unit` is that of distances, as the tracker counts them. `encoder` names the weights: looks of
    one encoder mean nothing to another.
    """

    def __init__(self, *, unit: float | None, encoder: str) -> None:
        self._unit = unit
        self._encoder = encoder
        self.reset()

    def reset(self) -> None:
        """Forget the reference and the last frame."""
        self._seen: _Seen | None = None
        self._kept: tuple[tuple[int, ...], Prototypes] | None = None

    def see(self, identified: Identified, looks: Looks) -> None:
        """Take in the communities of a frame."""
        self._seen = _Seen(identified, looks, self._unit)
        if not isinstance(looks, HostLooks):
            # On a card the next frame is written over this one.
            _ = self._seen.prototypes

    def distances_K(self) -> NDArray[np.float64]:
        """Return how far each community of the last frame is from the nearest of the reference.

        See `prototypes.distances`. NaN where there is no reference.
        """
        if self._seen is None:
            return np.empty(0)
        if self._kept is None:
            return np.full(len(self._seen.ids), np.nan)
        new, known = self._seen.prototypes, self._kept[1]
        if new.means_KD.shape[1] != known.means_KD.shape[1]:
            log.warning(
                "the reference state is forgotten: its communities have another number of features",
                extra={"reference": known.means_KD.shape[1], "frame": new.means_KD.shape[1]},
            )
            self._kept = None
            return np.full(len(self._seen.ids), np.nan)
        nearest_K: NDArray[np.float64] = distances(new, known).min(axis=1)
        return nearest_K

    def keep(self) -> tuple[int, ...]:
        """Make the last frame's communities the reference; see `ports.Segmenter`."""
        if self._seen is None:
            raise ConfigError(
                "No frame was segmented yet, so there is no state to refer to: ask again after the"
                " first result."
            )
        self._kept = self._seen.ids, self._seen.prototypes
        return self._seen.ids

    def state(self) -> dict[str, Any] | None:
        """Return the reference as numbers, strings and lists, None where there is none."""
        if self._kept is None:
            return None
        ids, looks = self._kept
        return {
            "version": VERSION,
            "encoder": self._encoder,
            "ids": list(ids),
            "means": looks.means_KD.tolist(),
            "variance": looks.variance_K.tolist(),
            "chips": looks.chips_K.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned; see `ports.Segmenter`."""
        if state.get("version") != VERSION or state.get("encoder") != self._encoder:
            raise ConfigError(
                f"A reference state is of encoder {state.get('encoder')!r} (version"
                f" {state.get('version')!r}) and the service runs {self._encoder!r} (version"
                f" {VERSION}): keep a new one with the command reference."
            )
        try:
            ids = tuple(int(id_) for id_ in state["ids"])
            looks = Prototypes(
                means_KD=np.array(state["means"], np.float32).reshape(len(ids), -1),
                variance_K=np.array(state["variance"], np.float64).reshape(len(ids)),
                chips_K=np.array(state["chips"], np.float64).reshape(len(ids)),
                unit=self._unit,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"A reference state is damaged: {error!r}.") from error
        if not ids or not np.isfinite(looks.means_KD).all() or not (looks.chips_K > 0).all():
            raise ConfigError("A reference state is damaged: it holds no finite community.")
        self._kept = ids, looks
