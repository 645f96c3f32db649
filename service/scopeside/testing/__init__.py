"""Shipped fakes and the simulated microscope."""
