"""Encoder checkpoints by name: where they are published, where they are kept, how they come."""
