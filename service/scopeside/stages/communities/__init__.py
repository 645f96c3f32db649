"""Communities of the similarity graph: Louvain, and the joining of very small ones."""

from scopeside.stages.communities.louvain import LouvainClusterer, undivided
from scopeside.stages.communities.parallel import ParallelClusterer
from scopeside.stages.communities.small import heaviest_neighbours, merge_small

__all__ = [
    "LouvainClusterer",
    "ParallelClusterer",
    "heaviest_neighbours",
    "merge_small",
    "undivided",
]
