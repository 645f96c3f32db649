"""Files in: micrographs of every common format as plain frames."""

from scopeside.io.framefile import FrameFile
from scopeside.io.open import open_frames

__all__ = ["FrameFile", "open_frames"]
