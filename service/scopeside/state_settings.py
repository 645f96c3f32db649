"""What outlasts the process."""

from __future__ import annotations

from pathlib import Path

from scopeside.section import Section


class StateSettings(Section):
    file: Path | None = None
    """File that keeps names, identities, the reference state, visited points and rules set live, so
    that a service which is started anew with it goes on; none when absent."""
