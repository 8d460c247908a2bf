"""Moved to `dag_support.events`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.dag_support.events import check_events, read_run

see_all_told = check_events

__all__ = ["read_run", "see_all_told"]
