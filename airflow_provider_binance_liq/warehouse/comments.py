"""Comments on tables and columns in the database, from what `tables.py` says of them.

A load comments on the tables that it creates, and once on those of earlier releases. A comment that is there
already is never changed: it may be the owner's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, endpoints_of, filled_by

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_binance_liq.warehouse.schema import Column, Table


def describe(table: Table, column: Column) -> str:
    """Say what a column is, its unit in brackets, and which endpoints fill it where not all do."""
    parts = [column.doc]
    if column.unit:
        parts.append(f"[{column.unit}]")
    if table.name in ROW_TABLES and (filled := filled_by(table, column)) != endpoints_of(table):
        parts.append(f"Only on {', '.join(filled)}.")
    return " ".join(parts)


def missing_comments(table: Table, commented: Collection[str]) -> list[str]:
    """Return the statements that comment on a table and its columns, where there is no comment yet.

    :param commented: the columns that have a comment, and "" if the table has one.
    """
    statements = [] if "" in commented else [comment_on("TABLE", table.name, table.doc)]
    return statements + [
        comment_on("COLUMN", f"{table.name}.{column.name}", describe(table, column))
        for column in table
        if column.name not in commented
    ]


def comment_on(kind: str, name: str, text: str) -> str:
    """`COMMENT ON`, the same in DuckDB and PostgreSQL."""
    return "COMMENT ON {} {} IS '{}'".format(kind, name, text.replace("'", "''"))
