"""Moved to `dag_support.cloud_dag`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.dag_support.cloud_dag import daily, extract_and_prepare

__all__ = ["daily", "extract_and_prepare"]
