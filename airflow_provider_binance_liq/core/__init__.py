"""Values and functions: no Airflow, no network, no clock, no disk (`pyproject.toml` has the contract)."""
