"""ClickHouse: the `s3` table function, and tables that replace by version, since there are no transactions.

Tables of rows and of windows are views here, over tables of versions: the newest version of a key counts,
whatever the order in which versions came in. Rows are ordered by event time and then by extraction, windows
by proof and then by extraction, as `precedence` says.

Rows are inserted before windows, so a window is never claimed whose rows are not there. But a load that ends
between the two leaves rows without their windows, and readers see them, until a retry goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_binance_liq.warehouse.clouds.loads import quote, staged_columns
from airflow_provider_binance_liq.warehouse.clouds.merging import changes
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
from airflow_provider_binance_liq.warehouse.precedence import outdated_claim, same_key
from airflow_provider_binance_liq.warehouse.sql import lines_of
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Column, Table


class ClickHouse(Warehouse):
    """`via` is the name of a named collection whose URL is the destination."""

    name = "clickhouse"
    via = "the name of a named collection whose url is the destination"
    via_pattern = r"[A-Za-z_]\w*"
    schemes = ("s3",)
    types: ClassVar[Mapping[str, str]] = {
        "text": "String",
        "decimal": "Decimal(38, 18)",
        "int64": "Int64",
        "boolean": "Bool",
        "instant": "DateTime64(3, 'UTC')",
    }
    # Versions are counted from 1970 on, and a DateTime64 ends before 2300.
    instants = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, 23, 59, 59, 999000, tzinfo=UTC))
    not_null = ""
    begin = ()
    commit = ()
    # Without them, what is not there would be an empty text, 0 or 1970.
    query_suffix = "\nSETTINGS join_use_nulls = 1, insert_null_as_default = 0"

    def type_of(self, column: Column) -> str:
        """Return a column's type; here it is NULL that has to be said."""
        kind = super().type_of(column)
        return kind if column.required else f"Nullable({kind})"

    def create_table(self, table: Table) -> str:
        """`CREATE TABLE` of versions, ordered by what counts first and then by extraction."""
        first = "complete" if table is WINDOWS else f"toUnixTimestamp64Milli({table.event_time})"
        version = (
            f"    version UInt128 MATERIALIZED bitShiftLeft(toUInt128({first}), 64)\n"
            "        + toUInt128(toUnixTimestamp64Milli(extracted_at))"
        )
        columns = [f"    {column.name} {self.declared(column)}" for column in table]
        return (
            f"CREATE TABLE IF NOT EXISTS {self.stored_in(table)} (\n{lines_of([*columns, version])}\n)\n"
            f"ENGINE = ReplacingMergeTree(version) ORDER BY ({', '.join(table.key)})"
        )

    def create_view(self, table: Table) -> list[str]:
        """Create the view of the newest version of each key; that of 0.1.0 has fewer columns."""
        names = ", ".join(table.names)
        return [f"CREATE OR REPLACE VIEW {table.name} AS\nSELECT {names} FROM {_versions(table)} FINAL"]

    def copy(self, load: Load, table: Table) -> list[str]:
        """Make the load's own table from a file."""
        names = ", ".join(column.name for column in staged_columns(table))
        file = f"s3({load.via}, filename = {quote(load.file(table))}, format = 'Parquet')"
        made = f"CREATE OR REPLACE TABLE {self.staging(load, table)}\nENGINE = MergeTree ORDER BY tuple()"
        return [f"{made} AS\nSELECT {names}\nFROM {file}{self.query_suffix}"]

    def merge_into(self, load: Load, table: Table) -> list[str]:
        """Insert what is new or newer; the version decides, should others have done so meanwhile."""
        names = ", ".join(table.names)
        inserted = f"INSERT INTO {self.stored_in(table)} ({names})\n{changes(self, load, table)}"
        return [inserted, _delete_outdated(load)] if table is WINDOWS else [inserted]

    def read_stored(self, load: Load, table: Table) -> str:
        """Read the rows that have a key of the load's; by the index, where a join would read them all."""
        key = ", ".join(table.key)
        keys = f"SELECT {key} FROM {load.staged(table)}"
        return f"(\n    SELECT * FROM {table.name} WHERE ({key}) IN ({keys})\n)"

    def stored_in(self, table: Table) -> str:
        """Name the table of a table's versions."""
        return _versions(table)


def _versions(table: Table) -> str:
    return f"{table.name.removesuffix('s')}_versions"


def _delete_outdated(load: Load) -> str:
    """Delete what 0.1.0 claimed and the rules of today do not, where the load has a later extraction of it.

    Its version would stay the greatest, since it says that it is complete.
    """
    versions, names = _versions(WINDOWS), ", ".join((*WINDOWS.key, "extracted_at"))
    selected = ", ".join(f"target.{name}" for name in (*WINDOWS.key, "extracted_at"))
    return (
        f"DELETE FROM {versions} WHERE complete AND {outdated_claim()}\n"
        f"    AND ({names}) IN (\n"
        f"    SELECT {selected}\n    FROM {versions} AS target JOIN {load.staged(WINDOWS)} AS source\n"
        f"        ON {same_key(WINDOWS)}\n"
        "    WHERE source.extracted_at > target.extracted_at)"
    )
