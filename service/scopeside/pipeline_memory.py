"""What carries over from frame to frame, wherever frames are computed.

Identities, the chosen resolution and the reference state follow the series; see
`scopeside.ports.Memory` for what outlasts the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scopeside.messages import Provenance
from scopeside.settings import Settings
from scopeside.stages.descriptors import Descriptors
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.identity.remembered import Remembered, looks_key, require_looks
from scopeside.stages.resolution import CommunityFinder


class PipelineMemory:
    """One pipeline's; its thread alone calls it, between two frames."""

    def __init__(
        self,
        settings: Settings,
        provenance: Provenance,
        *,
        finder: CommunityFinder,
        tracker: IdentityTracker,
        descriptors: Descriptors,
    ) -> None:
        self._finder = finder
        self._tracker = tracker
        self._descriptors = descriptors
        self._settings = settings
        self._looks = looks_key(settings, provenance)
        self._series: str | None = None

    def enter(self, series: str) -> bool:
        """Begin a frame of `series`; return whether it is another one, whose state begins anew."""
        if series == self._series:
            return False
        self._series = series
        self._finder.reset()
        if self._settings.identity.scope == "series":
            self._tracker.reset()
        return True

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings."""
        self._settings = settings
        self._finder.apply(settings)
        self._descriptors.apply(settings.descriptors)

    def reset(self) -> None:
        """Forget identities, names, the reference and the chosen resolution."""
        self._tracker.reset()
        self._descriptors.reset()
        self._finder.reset()

    def keep_reference(self) -> tuple[int, ...]:
        """See `scopeside.ports.Memory`."""
        return self._descriptors.reference.keep()

    def reference_state(self) -> Mapping[str, Any] | None:
        """See `scopeside.ports.Memory`."""
        return self._descriptors.reference.state()

    def restore_reference(self, state: Mapping[str, Any]) -> None:
        """See `scopeside.ports.Memory`."""
        self._descriptors.reference.restore(state)

    def identity_state(self) -> Mapping[str, Any]:
        """See `scopeside.ports.Memory`."""
        return {
            "series": self._series,
            "looks": self._looks,
            "resolution": self._finder.state(),
            **self._tracker.remember().as_map(),
        }

    def restore_identities(self, state: Mapping[str, Any]) -> None:
        """See `scopeside.ports.Memory`."""
        require_looks(state, self._looks)
        self._tracker.recall(Remembered.from_map(state))
        self._finder.restore(state.get("resolution", {}))
        self._series = state.get("series")
