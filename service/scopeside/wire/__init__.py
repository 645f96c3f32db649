"""Bytes to messages and back: versioned, bounded, and without a socket in sight."""
