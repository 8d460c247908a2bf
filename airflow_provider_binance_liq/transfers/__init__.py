"""Operators that load objects of the lake into warehouses."""
