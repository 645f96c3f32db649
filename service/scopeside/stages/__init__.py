"""The stages of the pipeline, one file each; they never import one another."""
