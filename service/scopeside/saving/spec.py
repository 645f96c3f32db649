"""What to save where: what the tap needs to start the saving process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scopeside.recording.tap import Wording

PROGRAM = "scopeside.saving.process"

SAVING = Wording(code="save", noun="run", verb="saved")


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSpec:
    """`path` is the run to make, `source` where its results come from."""

    path: Path
    source: str
    queue_bytes: int = 256 * 2**20
    queue_name: str = "save.queue_bytes"

    def words(self) -> list[str]:
        return [str(self.path), f"--source={self.source}"]
