"""Moved to `dag_support.run_plan`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.dag_support.run_plan import log_plan

__all__ = ["log_plan"]
