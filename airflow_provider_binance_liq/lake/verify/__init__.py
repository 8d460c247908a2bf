"""Verify a destination: read back what lies there, and hold every claim of it against its bytes."""
