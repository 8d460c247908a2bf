"""Values and functions: no Airflow, no network, no clock, no disk (`.importlinter` enforces it)."""
