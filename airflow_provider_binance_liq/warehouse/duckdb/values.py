"""Python's values on their way into DuckDB and back, without its clients' own ideas of time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def create_from_lists(
    connection: DuckDBPyConnection, table: str, columns: Sequence[tuple[str, str, list[Any]]]
) -> None:
    """Create a temporary table from lists: one statement, however many rows there are.

    :param columns: of each its name, its type and its values.
    """
    selected = ", ".join(f"{_unnest(kind)} AS {name}" for name, kind, _ in columns)
    lists = [[_plain(value) for value in values] for *_, values in columns]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {selected}", lists)


def micros(instant: datetime) -> int:
    """Return microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """Return the instant that is so many microseconds after 1970."""
    return _EPOCH + microseconds * _MICROSECOND


def _unnest(kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "make_timestamptz(unnest(?::BIGINT[]))"
    return f"unnest(?::{kind}[])"


def _plain(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value
