"""Rows typed as for a load, in one DuckDB in memory for many tests, and looked at before any merge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.lakehouse import LOADED_AT

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb.errors import translate
from airflow_provider_binance_liq.warehouse.duckdb.typed import stage_rows
from airflow_provider_binance_liq.warehouse.manifests import collect
from airflow_provider_binance_liq.warehouse.objects import Fetched
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.core.manifest import Manifest


@dataclass
class Typing:
    """Types rows of liquidations."""

    connection: DuckDBPyConnection

    def stage(self, *manifests: Manifest) -> int:
        """Type the rows of plain objects; fail as a load does."""
        import duckdb

        fetched = [
            Fetched(one, Path(one.manifest.object.uri.removeprefix("file://"))) for one in collect(manifests)
        ]
        try:
            return stage_rows(self.connection, LIQUIDATIONS, fetched, LOADED_AT)
        except duckdb.Error as error:
            raise translate(error, "memory") from error

    def values(self, columns: str) -> list[tuple[str, ...]]:
        """Read columns of the staged rows as text, in the order of the key."""
        cast = ", ".join(f"{column}::VARCHAR" for column in columns.split(", "))
        order = "endpoint, account, symbol, order_id"
        query = f"SELECT {cast} FROM {sql.staged(LIQUIDATIONS)} ORDER BY {order}"
        return self.connection.execute(query).fetchall()

    def empty(self) -> None:
        """Begin anew."""
        self.connection.execute(f"DROP TABLE IF EXISTS {sql.staged(LIQUIDATIONS)}")
