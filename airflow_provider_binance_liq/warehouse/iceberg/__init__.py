"""Apache Iceberg: open tables on object storage or a disk, for those who have no warehouse."""

from airflow_provider_binance_liq.warehouse.iceberg.catalog import Iceberg
from airflow_provider_binance_liq.warehouse.iceberg.connection import read_connection
from airflow_provider_binance_liq.warehouse.iceberg.tables import PROPERTIES, TYPES, schema_of

__all__ = ["PROPERTIES", "TYPES", "Iceberg", "read_connection", "schema_of"]
