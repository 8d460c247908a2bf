"""Rows and windows as Parquet files, typed once, for a warehouse that copies files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb.errors import translate
from airflow_provider_binance_liq.warehouse.duckdb.exactness import TYPES
from airflow_provider_binance_liq.warehouse.duckdb.typed import in_memory, stage_all_rows
from airflow_provider_binance_liq.warehouse.duckdb.values import create_from_lists
from airflow_provider_binance_liq.warehouse.manifests import window_columns
from airflow_provider_binance_liq.warehouse.tables import WINDOWS, row_table, row_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Column, Table

_OBJECTS: Final = "objects_of_files"


class Reader(Protocol):
    """A warehouse that reads such files, and where it holds less than others do."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def instants(self) -> tuple[datetime, datetime] | None:
        """The first and the last instant that it holds, where those of the years 1 to 9999 are too many."""

    @property
    def exported_instant(self) -> str:
        """An instant as the files are to have it: an expression of DuckDB's, with `{}` for the column."""

    def longest(self, column: Column) -> int | None:
        """Return how many bytes a column's text may have, none of them NUL; None for any text."""


def write_files(
    warehouse: Reader, fetched: Sequence[Fetched], loaded_at: datetime, directory: Path
) -> Mapping[str, int]:
    """Write `<table>.parquet` for each table that has rows, and for the windows; return rows by table.

    A file has the columns of its table, in order, and `object_uri`. Each row of each object is in it, also
    where two objects have the same row: which of them counts depends on what the warehouse has.

    :raises WarehouseError: a value does not fit, or is missing, or there is a field twice; the message names
        the row and its object.
    :raises InconsistentManifest: an object has another number of rows than its manifest says.
    :raises StorageError: there is no room on the disk.
    """
    import duckdb

    filled = [one for one in fetched if one.loadable.manifest.object.rows]
    counts: dict[str, int] = {}
    try:
        with in_memory() as connection:
            for table in row_tables(one.loadable.manifest.endpoint for one in filled):
                theirs = [one for one in filled if row_table(one.loadable.manifest.endpoint) is table]
                counts[table.name] = stage_all_rows(connection, table, theirs, loaded_at)
                _stage_objects(connection, theirs)
                _check_limits(connection, warehouse, table)
                _export(connection, warehouse, table, f" JOIN {_OBJECTS} USING (object)", directory)
            counts[WINDOWS.name] = _stage_windows(connection, fetched, loaded_at)
            _export(connection, warehouse, WINDOWS, "", directory)
    except duckdb.Error as error:
        raise translate(error, f"rows for {warehouse.name}") from error
    return counts


def _stage_objects(connection: DuckDBPyConnection, fetched: Sequence[Fetched]) -> None:
    uris = [one.loadable.manifest.object.uri for one in fetched]
    columns: list[tuple[str, str, list[Any]]] = [
        ("object", "INTEGER", list(range(len(uris)))),
        ("object_uri", "VARCHAR", uris),
    ]
    create_from_lists(connection, _OBJECTS, columns)


def _stage_windows(connection: DuckDBPyConnection, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
    windows = [one.loadable for one in fetched]
    create_from_lists(connection, sql.staged(WINDOWS), window_columns(windows, loaded_at, TYPES))
    return len(windows)


def _check_limits(connection: DuckDBPyConnection, warehouse: Reader, table: Table) -> None:
    """Check what this warehouse holds less of than others do."""
    whens = [when for column in table for when in _whens(warehouse, column)]
    if not whens:
        return
    query = (
        f"SELECT misfit, object_uri, raw FROM (SELECT object, raw, CASE {' '.join(whens)} END AS misfit\n"
        f"FROM {sql.staged(table)}) JOIN {_OBJECTS} USING (object) WHERE misfit IS NOT NULL LIMIT 1"
    )
    for misfit, uri, raw in connection.execute(query).fetchall():
        message = f"{misfit} that {warehouse.name} holds; a row of {uri}: {raw[:300]}. Nothing was merged"
        raise WarehouseError(message)


def _whens(warehouse: Reader, column: Column) -> list[str]:
    name, longest = column.name, warehouse.longest(column)
    if longest:
        return [
            f"WHEN strlen({name}) > {longest} THEN '{name} has more than the {longest} bytes'",
            f"WHEN contains({name}, chr(0)) THEN '{name} has a NUL, which is no character'",
        ]
    if warehouse.instants and column.kind in ("instant", "instant_or_none"):
        first, last = (epoch_ms(instant) for instant in warehouse.instants)
        unfit = f"epoch_ms({name}) NOT BETWEEN {first} AND {last}"
        return [f"WHEN {unfit} THEN concat('{name} is ', {name}, ', which is no instant')"]
    return []


def _export(
    connection: DuckDBPyConnection, warehouse: Reader, table: Table, joined: str, directory: Path
) -> None:
    """Write the staged rows; Snappy is what all of them read."""
    names = [_exported(warehouse, column) for column in table]
    if joined:
        names.append("object_uri")
    path = str(directory / f"{table.name}.parquet").replace("'", "''")
    connection.execute(
        f"COPY (SELECT {', '.join(names)} FROM {sql.staged(table)}{joined}) "
        f"TO '{path}' (FORMAT parquet, COMPRESSION snappy)"
    ).fetchall()


def _exported(warehouse: Reader, column: Column) -> str:
    if column.kind not in ("instant", "instant_or_none"):
        return column.name
    return f"{warehouse.exported_instant.format(column.name)} AS {column.name}"
