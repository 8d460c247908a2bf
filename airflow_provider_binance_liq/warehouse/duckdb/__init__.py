"""DuckDB: a file, or MotherDuck by its `md:` URL."""

from airflow_provider_binance_liq.warehouse.duckdb.database import DuckDB
from airflow_provider_binance_liq.warehouse.duckdb.errors import translate
from airflow_provider_binance_liq.warehouse.duckdb.exactness import TYPES
from airflow_provider_binance_liq.warehouse.duckdb.session import DuckDBSession

__all__ = ["TYPES", "DuckDB", "DuckDBSession", "translate"]
