"""Loads that a cloud's warehouse does by itself: SQL for it, and the operator that prepares a load."""
