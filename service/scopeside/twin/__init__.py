"""A digital twin of a microscope: a specimen, a stage and a beam that a loop can be tried on."""
