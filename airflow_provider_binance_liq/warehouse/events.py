"""Moved to `dag_support.events`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.dag_support.events import read_run, see_all_told

__all__ = ["read_run", "see_all_told"]
