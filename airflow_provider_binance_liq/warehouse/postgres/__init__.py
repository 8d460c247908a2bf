"""PostgreSQL, 15 or later, by an Airflow connection."""

from airflow_provider_binance_liq.warehouse.postgres.database import Postgres
from airflow_provider_binance_liq.warehouse.postgres.dialect import DIALECT

__all__ = ["DIALECT", "Postgres"]
