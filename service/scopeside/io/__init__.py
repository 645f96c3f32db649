"""Files in: micrographs of every common format as plain frames."""
