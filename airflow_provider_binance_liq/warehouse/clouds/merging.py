"""What a load brings that is new or newer, by `precedence`: the queries that a MERGE takes whole.

The rows to merge are those alone that are new or newer, so the MERGE itself has no condition, which
Redshift's could not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.warehouse.precedence import (
    CONFIRMS,
    IS_NEWER,
    WINDOW_ORDER,
    newest_first,
    replaces,
    same_content,
    same_key,
    window_replaces,
)
from airflow_provider_binance_liq.warehouse.sql import lines_of
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
    from airflow_provider_binance_liq.warehouse.schema import Table


def changes(warehouse: Warehouse, load: Load, table: Table) -> str:
    """Select the staged rows, or windows, that are new or newer than what is stored."""
    source = warehouse.read_staged(load, table)
    if table is WINDOWS:
        order, changed = WINDOW_ORDER, window_replaces()
    else:
        source = _rows_of_new_objects(warehouse, load, source)
        order = ", ".join(f"{name} DESC" for name in newest_first(table))
        changed = f"target.raw IS NULL\n    OR ({CONFIRMS})\n    OR ({replaces(table)})"
    return (
        f"SELECT{_selected(table)}\nFROM (\n"
        f"SELECT staged.*, row_number() OVER (PARTITION BY {', '.join(table.key)}\n"
        f"    ORDER BY {order}) AS place\n"
        f"FROM {source} AS staged\n"
        f") AS source LEFT JOIN {warehouse.read_stored(load, table)} AS target\n"
        f"    ON {same_key(table)}{warehouse.bounds(table, 'target')}\n"
        f"WHERE source.place = 1 AND ({changed}){warehouse.query_suffix}"
    )


def _rows_of_new_objects(warehouse: Warehouse, load: Load, staged: str) -> str:
    """Select the rows of objects that are not stored yet, with whether they are of a later extraction."""
    return (
        f"(\nSELECT staged_rows.*, objects.is_newer\n"
        f"FROM {staged} AS staged_rows JOIN (\n"
        f"    SELECT source.object_uri, {IS_NEWER} AS is_newer\n"
        f"    FROM {warehouse.read_staged(load, WINDOWS)} AS source LEFT JOIN {WINDOWS.name} AS target\n"
        f"        ON {same_key(WINDOWS)}{warehouse.bounds(WINDOWS, 'target')}\n"
        "    WHERE target.object_sha256 IS NULL OR target.object_sha256 <> source.object_sha256\n"
        ") AS objects ON objects.object_uri = staged_rows.object_uri\n)"
    )


def merge_statement(warehouse: Warehouse, table: Table, source: str) -> str:
    """`MERGE` without conditions, nor an alias of the table that is merged into: Redshift takes neither."""
    rest = lines_of(f"    {name} = source.{name}" for name in table.names if name not in table.key)
    return (
        f"MERGE INTO {table.name} USING {source} AS source\n"
        f"ON {same_key(table, target=table.name)}{warehouse.bounds(table, table.name)}\n"
        f"WHEN MATCHED THEN UPDATE SET\n{rest}\n"
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(table.names)})\n"
        f"VALUES ({', '.join(f'source.{name}' for name in table.names)})"
    )


def _selected(table: Table) -> str:
    """Name the table's columns, in order; what has the same content keeps when it was loaded."""
    kept = (
        f"\n    CASE WHEN {same_content(table)} THEN target.loaded_at ELSE source.loaded_at END AS loaded_at"
    )
    return ",".join(kept if name == "loaded_at" else f" source.{name}" for name in table.names)
