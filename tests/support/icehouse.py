"""Iceberg tables in a catalog of their own, loaded, looked at, and compared with what DuckDB has."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
from pyiceberg.catalog import load_catalog
from support import lakehouse

from airflow_provider_binance_liq.warehouse.iceberg import Iceberg
from airflow_provider_binance_liq.warehouse.load import Summary, load
from airflow_provider_binance_liq.warehouse.retries import RetryPolicy
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, ROW_TABLES, WINDOWS

if TYPE_CHECKING:
    from datetime import datetime

    from pyiceberg.table import Table

CATALOG, NAMESPACE = "lake", "desk.binance"
TABLES = (LIQUIDATIONS.name, WINDOWS.name)


@dataclass
class Icehouse(lakehouse.Warehouse):
    """The tables below `path`, in a catalog that is a SQLite file; queries are DuckDB's over a scan."""

    properties: dict[str, str] = field(default_factory=dict)
    fetch: Any = None

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.properties = {
            "uri": f"sqlite:///{self.path}/catalog.db",
            "warehouse": f"file://{self.path}/tables",
        } | self.properties

    def engine(self, **retry: Any) -> Iceberg:
        return Iceberg(CATALOG, NAMESPACE, self.properties, RetryPolicy(**{"wait_s": 40.0} | retry))

    def load(self, *given: Any, at: datetime = lakehouse.LOADED_AT, **retry: Any) -> Summary:
        return load(self.engine(**retry), list(given), fetch=self.fetch, now=lambda: at)

    def table(self, name: str = LIQUIDATIONS.name) -> Table:
        with closing(load_catalog(CATALOG, **self.properties)) as catalog:
            return catalog.load_table(f"{NAMESPACE}.{name}")

    def made(self) -> list[str]:
        """Name the tables that were made."""
        with closing(load_catalog(CATALOG, **self.properties)) as catalog:
            names = (*ROW_TABLES, WINDOWS.name)
            return [name for name in names if catalog.table_exists(f"{NAMESPACE}.{name}")]

    def dump(self) -> list[tuple[str, ...]]:
        """Read every table whole, as sorted text."""
        return [
            row
            for table in sorted(self.made())
            for row in self.query(f"SELECT '{table}', COLUMNS(*)::VARCHAR FROM {table} ORDER BY ALL")
        ]

    def empty(self) -> None:
        """Begin anew."""
        with closing(load_catalog(CATALOG, **self.properties)) as catalog:
            for name in self.made():
                catalog.drop_table(f"{NAMESPACE}.{name}")

    def written(self) -> object:
        """Tell what changes whenever something is written."""
        return sorted(self.path.rglob("*"))

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name in self.made():
                connection.register(name, self.table(name).scan().to_arrow())
            return connection.execute(sql, list(parameters)).fetchall()

    def snapshots(self) -> dict[str, list[int]]:
        return {name: [one.snapshot_id for one in self.table(name).metadata.snapshots] for name in TABLES}

    def files(self, name: str = LIQUIDATIONS.name) -> set[str]:
        return {task.file.file_path for task in self.table(name).scan().plan_files()}
