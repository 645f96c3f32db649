"""Scopeside: real-time, label-free segmentation beside a transmission electron microscope."""

from __future__ import annotations

__version__ = "0.1.0"
