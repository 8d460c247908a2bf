"""Moved to `transfers` and `dag_support.cloud_dag`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.dag_support.cloud_dag import ReadSettingsOperator
from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator

__all__ = ["PrepareLoadOperator", "ReadSettingsOperator"]
