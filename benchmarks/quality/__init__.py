"""How right are the label maps? Labelled micrographs, simulated frames, streams: docs/quality.md."""
