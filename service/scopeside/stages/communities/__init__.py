"""Communities of the similarity graph: Louvain, and what is done to them before they get ids."""

from scopeside.stages.communities.borders import give_borders_away
from scopeside.stages.communities.louvain import LouvainClusterer, undivided
from scopeside.stages.communities.parallel import ParallelClusterer
from scopeside.stages.communities.small import heaviest_neighbours, merge_small
from scopeside.stages.communities.tidy import tidied

__all__ = [
    "LouvainClusterer",
    "ParallelClusterer",
    "give_borders_away",
    "heaviest_neighbours",
    "merge_small",
    "tidied",
    "undivided",
]
