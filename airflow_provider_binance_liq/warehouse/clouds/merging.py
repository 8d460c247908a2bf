"""What a load brings that is new or newer, by `precedence`: the queries that a MERGE takes whole.

The rows to merge are those alone that are new or newer, so the MERGE itself has no condition, which
Redshift's could not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.warehouse.clouds.loads import first_sent, sent
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
from airflow_provider_binance_liq.warehouse.sql import lines_of, rules
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.clouds.dialect import CloudDialect
    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Column, Table


def newer_rows(dialect: CloudDialect, load: Load, table: Table) -> str:
    """Select the staged rows of a table that are new or newer than what is stored."""
    key = ", ".join(table.key)
    newest = ", ".join(f"{name} DESC" for name in newest_first(table))
    return (
        f"{_selected(table)}\nFROM (\n"
        f"SELECT typed.*, row_number() OVER (PARTITION BY {key} ORDER BY {newest}) AS place\n"
        f"FROM (\n{_typed_rows(dialect, load, table)}\n) AS typed\n"
        f") AS source LEFT JOIN {table.name} AS target\n    ON {same_key(table)}\n"
        f"WHERE source.place = 1 AND (target.raw IS NULL\n    OR ({CONFIRMS})\n    OR ({replaces(table)}))"
        f"{dialect.query_suffix}"
    )


def _typed_rows(dialect: CloudDialect, load: Load, table: Table) -> str:
    values = [f"    {_value(dialect, column)} AS {column.name}" for column in table]
    return (
        f"SELECT\n{lines_of([*values, '    is_newer'])}\n"
        f"FROM {load.fields(table)} AS fields JOIN (\n"
        "    SELECT source.object, source.account, source.endpoint, source.object_sha256,\n"
        f"        source.extracted_at, source.loaded_at,\n        {IS_NEWER} AS is_newer\n"
        f"    FROM {load.windows} AS source LEFT JOIN {WINDOWS.name} AS target\n"
        f"        ON {same_key(WINDOWS)}\n"
        "    WHERE target.object_sha256 IS NULL OR target.object_sha256 <> source.object_sha256\n"
        ") AS objects ON objects.object = fields.object"
    )


def _value(dialect: CloudDialect, column: Column) -> str:
    if column.origin in ("manifest", "load"):
        return f"objects.{column.name}"
    if column.name == "raw":
        return "fields.line"
    if column.origin == "rule":
        return rules(f"fields.{sent('clientOrderId')}")[column.name]
    return dialect.typed(column.kind, first_sent(column, "fields."))


def newer_windows(dialect: CloudDialect, load: Load) -> str:
    """Select the windows that are to replace what is stored, or that are new."""
    return (
        f"{_selected(WINDOWS)}\nFROM (\n"
        f"SELECT windows.*, row_number() OVER (PARTITION BY {', '.join(WINDOWS.key)}\n"
        f"    ORDER BY {WINDOW_ORDER}) AS place\n"
        f"FROM {load.windows} AS windows\n"
        f") AS source LEFT JOIN {WINDOWS.name} AS target\n    ON {same_key(WINDOWS)}\n"
        f"WHERE source.place = 1 AND ({window_replaces()})"
        f"{dialect.query_suffix}"
    )


def merge_statement(table: Table, source: str) -> str:
    """`MERGE` without conditions, nor an alias of the table that is merged into: Redshift takes neither."""
    rest = lines_of(f"    {name} = source.{name}" for name in table.names if name not in table.key)
    return (
        f"MERGE INTO {table.name} USING {source} AS source\nON {same_key(table, target=table.name)}\n"
        f"WHEN MATCHED THEN UPDATE SET\n{rest}\n"
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(table.names)})\n"
        f"VALUES ({', '.join(f'source.{name}' for name in table.names)})"
    )


def _selected(table: Table) -> str:
    """Select the table's columns, in order; what has the same content keeps when it was loaded."""
    kept = (
        f"\n    CASE WHEN {same_content(table)} THEN target.loaded_at ELSE source.loaded_at END AS loaded_at"
    )
    names = [kept if name == "loaded_at" else f" source.{name}" for name in table.names]
    return f"SELECT{','.join(names)}"
