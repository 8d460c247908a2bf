"""Moved to `transfers`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.transfers.base import LoadOperator
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator
from airflow_provider_binance_liq.transfers.object_storage_to_iceberg import ObjectStorageToIcebergOperator
from airflow_provider_binance_liq.transfers.object_storage_to_postgres import ObjectStorageToPostgresOperator

__all__ = [
    "LoadOperator",
    "ObjectStorageToDuckDBOperator",
    "ObjectStorageToIcebergOperator",
    "ObjectStorageToPostgresOperator",
]
