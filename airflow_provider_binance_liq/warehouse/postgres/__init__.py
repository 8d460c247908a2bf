"""PostgreSQL, 15 or later, by an Airflow connection."""

from airflow_provider_binance_liq.warehouse.postgres.column_types import TYPES
from airflow_provider_binance_liq.warehouse.postgres.database import Postgres

__all__ = ["TYPES", "Postgres"]
