"""A running service in napari: the newest frame, its communities and their confidence."""
