"""The pipeline with all stages on a GPU; the host keeps identities and small matrices.

    receive -> [copy in] -> contrast, chips, embed, graph, Louvain -> [labels and sums to the host]
    identity, mixture -> [ids to the card] -> paint, regions -> [copy out] -> publish

`pipeline.py` tells it; `card.py` is the seam to the card. With `device = cpu` nothing of this is
used. Triton's interpreter runs all of it on a CPU, which is how it is tested without a card.
"""
