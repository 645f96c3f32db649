"""Measures the running service: an open-loop load from outside, its own clocks from inside."""
