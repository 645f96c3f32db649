"""Results on disk as OME-Zarr: written beside a running service, whole at every moment.

results -> tap -> [saving process] -> RUN.zarr -> reader -> tables, report
"""
