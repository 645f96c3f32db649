"""Self-supervised training of the encoder on simulated micrographs and on a lab's own archive."""
