"""Segmentation -> descriptors of order, community by community, and the fronts between them.

Definitions, formulas and sources are in docs/descriptors.md.
"""

from scopeside.stages.descriptors.describe import NAMES, Descriptors
from scopeside.stages.descriptors.pixels import Detector

__all__ = ["NAMES", "Descriptors", "Detector"]
