"""Settings of saving: results on disk as OME-Zarr, beside the running service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from scopeside.section import Section


class SaveSettings(Section):
    folder: Path | None = None
    """Folder in which every start of the service saves its results as a new OME-Zarr,
    `run-DATE-TIME.zarr`; nothing is saved when absent."""
    frames: bool = False
    """Save the frames too, not only their label maps, confidence and figures."""
    queue_bytes: Annotated[int, Field(ge=2**20)] = 256 * 2**20
    """Memory for results that wait for the disk; what does not fit is counted, not saved."""
