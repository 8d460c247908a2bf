"""Rows that are kept although a later extraction does not have them: one query for each table of rows.

A row names the latest object that has it. If that is no object of a window any more, and a window that covers
the row was extracted later, then that extraction does not have the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse.queries.query import Query
from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.schema import Table


def _missing(table: Table) -> str:
    names = tuple(dict.fromkeys((*table.key, table.event_time, "extracted_at")))
    chosen = ", ".join(f"kept.{name}" for name in names)
    return f"""\
SELECT {chosen},
    min(later.extracted_at) AS missing_at, bool_or(later.complete) AS missing_is_proven
FROM {table.name} AS kept JOIN {WINDOWS.name} AS later
    ON later.account = kept.account AND later.endpoint = kept.endpoint
    AND later.window_start <= kept.{table.event_time} AND later.window_end > kept.{table.event_time}
    AND later.extracted_at > kept.extracted_at
    AND {_by_symbol(table)}
    AND {_by_type(table)}
WHERE NOT EXISTS (
    SELECT 1 FROM {WINDOWS.name} AS stored
    WHERE stored.account = kept.account AND stored.endpoint = kept.endpoint
        AND stored.object_sha256 = kept.object_sha256
)
GROUP BY {chosen}
ORDER BY {", ".join(f"kept.{name}" for name in table.key)}"""


def _by_symbol(table: Table) -> str:
    """Say that a window's filter lets the row through; what has no symbol comes without a filter only."""
    if "symbol" not in table.names:
        return "later.symbols = ''"
    return "(later.symbols = '' OR position(',' || kept.symbol || ',' IN ',' || later.symbols || ',') > 0)"


def _by_type(table: Table) -> str:
    if "close_type" not in table.names:
        return "later.auto_close_type = ''"
    return "later.auto_close_type IN ('', kept.close_type)"


_ANSWERS: Final = (
    "Rows of `{table}` that are kept although a later extraction does not have them, when they were last "
    "there (`extracted_at`), and the first extraction without them that is stored (`missing_at`). "
    "`missing_is_proven`: a window that lacks them is complete."
)
MISSING: Final = tuple(
    Query(f"missing_{table.rows}", _ANSWERS.format(table=table.name), _missing(table))
    for table in ROW_TABLES.values()
)
