"""The report of a saved run: one HTML page with pictures, plots and tables."""
