"""Indexes in PostgreSQL, so that a load and a query of one day do not read the whole table.

They are created with the tables, or by the first load into tables that have none; another index that begins
with the same columns is enough. They only save time, so a load without the right to create them goes on
without. That right has the table's owner, if they may create in its schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.schema import Table

    Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_FOUND: Final = (
    "SELECT (SELECT array_agg(attname::text ORDER BY place)\n"
    "    FROM unnest(indkey::int2[]) WITH ORDINALITY AS keys (number, place)\n"
    "    JOIN pg_attribute ON attrelid = indrelid AND attnum = number)\n"
    "FROM pg_index WHERE indrelid = to_regclass(%s) AND indisvalid AND indpred IS NULL"
)
_MAY_CREATE: Final = (
    "SELECT pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE')\n"
    "FROM pg_class WHERE oid = to_regclass(%s)"
)


def indexes_of(table: Table) -> Mapping[str, tuple[str, ...]]:
    """Return the indexes that a table should have: name → columns.

    Of the rows of an object, which a load counts, and of the rows of a day. None begins with an account or
    endpoint: without statistics, a MERGE would take it for as good as the key's own, and compare each row
    with every other of its account.
    """
    if table.name not in ROW_TABLES:
        return {}
    return {
        f"{table.name}_object": ("object_sha256", "account", "endpoint"),
        f"{table.name}_{table.event_time}": (table.event_time,),
    }


def missing_indexes(table: Table, rows: Rows) -> list[str]:
    """Return the statements that make the indexes which a table lacks, and which this user may make."""
    wanted = indexes_of(table)
    found = [tuple(columns or ()) for (columns,) in rows(_FOUND, [table.name])] if wanted else []
    lacking = {
        name: columns
        for name, columns in wanted.items()
        if not any(one[: len(columns)] == columns for one in found)
    }
    if not lacking or rows(_MAY_CREATE, [table.name]) != [(True,)]:
        return []
    return [
        f"CREATE INDEX IF NOT EXISTS {name} ON {table.name} ({', '.join(columns)})"
        for name, columns in lacking.items()
    ]
