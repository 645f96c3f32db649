"""Recorded streams: every message as it came, with when; written by a process of its own."""
