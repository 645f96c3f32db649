"""The operations of the pipeline that run per pixel or per chip; `reference` defines them."""
