"""Sends recorded streams and files again, on a schedule of their own or another."""
