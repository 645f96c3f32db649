"""How right are the label maps? The protocol is in docs/quality.md."""
