"""What finds communities on a card: our own kernels, cuGraph, or the host's library."""
