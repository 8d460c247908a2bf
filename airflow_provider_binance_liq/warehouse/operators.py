"""Moved to `transfers.object_storage`; this path stays for the DAG files that import it."""

from airflow_provider_binance_liq.transfers.object_storage import (
    LoadOperator,
    ObjectStorageToDuckDBOperator,
    ObjectStorageToIcebergOperator,
    ObjectStorageToPostgresOperator,
)

__all__ = [
    "LoadOperator",
    "ObjectStorageToDuckDBOperator",
    "ObjectStorageToIcebergOperator",
    "ObjectStorageToPostgresOperator",
]
