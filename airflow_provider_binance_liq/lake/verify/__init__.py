"""Verify a destination: read its manifests and objects back, and check each against the other."""
