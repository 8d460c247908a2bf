"""Moved to `dag_support.settings`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.dag_support.settings import read_settings

__all__ = ["read_settings"]
