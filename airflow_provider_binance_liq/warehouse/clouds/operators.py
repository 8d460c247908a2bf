"""Moved to `transfers.clouds` and `dag_support.cloud_dag`; this path stays for DAG files that import it."""

from airflow_provider_binance_liq.dag_support.cloud_dag import ReadSettingsOperator
from airflow_provider_binance_liq.transfers.clouds import PrepareLoadOperator

__all__ = ["PrepareLoadOperator", "ReadSettingsOperator"]
