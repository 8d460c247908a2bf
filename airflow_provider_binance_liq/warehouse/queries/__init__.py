"""Queries of the tables, each a SELECT that runs unchanged in DuckDB and PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.comments import comment_on
from airflow_provider_binance_liq.warehouse.queries.amounts import AMOUNTS, NOTIONALS, notional_of
from airflow_provider_binance_liq.warehouse.queries.coverage import COVERAGE
from airflow_provider_binance_liq.warehouse.queries.days import DAYS
from airflow_provider_binance_liq.warehouse.queries.fees import FEES
from airflow_provider_binance_liq.warehouse.queries.missing import MISSING
from airflow_provider_binance_liq.warehouse.queries.query import NOW, PREFIX, Query
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "NOTIONALS",
    "NOW",
    "PREFIX",
    "QUERIES",
    "VIEWS",
    "Query",
    "create_view",
    "create_views",
    "notional_of",
]

#: name → query, in the order in which the page of the warehouse has them
QUERIES: Final[Mapping[str, Query]] = MappingProxyType(
    {query.name: query for query in (*AMOUNTS, *FEES, *COVERAGE, *DAYS, *MISSING)}
)
#: what a query was called until 0.2.0 → its name
_RENAMED: Final[Mapping[str, str]] = MappingProxyType({"window_doubts": "window_caveats"})


def create_view(name: str) -> str:
    """`CREATE OR REPLACE VIEW` for the query of this name.

    :raises InvalidRequest: there is no such query; the message lists those there are.
    """
    name = _RENAMED.get(name, name)
    if name not in QUERIES:
        raise InvalidRequest(unknown("query", name, QUERIES))
    query = QUERIES[name]
    return f"CREATE OR REPLACE VIEW {query.view} AS\n{query.sql}"


def create_views(tables: Collection[str]) -> list[str]:
    """Return the statements that create every view whose tables are among these names, and comment on it."""
    there = [query for query in QUERIES.values() if all(table.name in tables for table in query.tables)]
    return [
        statement
        for query in there
        for statement in (create_view(query.name), comment_on("VIEW", query.view, query.answers))
    ]


#: view → the statement that creates it, where orders are loaded; `create_views` has those of other rows too
VIEWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        query.view: create_view(name)
        for name, query in QUERIES.items()
        if {*query.tables} <= {LIQUIDATIONS, WINDOWS}
    }
)
