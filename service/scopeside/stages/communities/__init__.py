"""Communities of the similarity graph: Louvain, and the joining of very small ones."""

from scopeside.stages.communities.louvain import LouvainClusterer, undivided
from scopeside.stages.communities.small import merge_small

__all__ = ["LouvainClusterer", "merge_small", "undivided"]
