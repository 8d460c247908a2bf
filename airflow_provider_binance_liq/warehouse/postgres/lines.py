"""Typed rows as the lines of a COPY, made by DuckDB and handed over as bytes.

DuckDB's own writer of CSV takes longer than typing does, since it looks at every character of every value.
Here a row is looked at once: only where its text has an escape or a control character can one of its values
need quotes. What all rows of an object share is spelled once for each object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb.values import create_from_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Column, Table

#: Neither character is in a JSON text, so nearly no value is quoted.
_DELIMITER: Final = "\x01"
_QUOTE: Final = "\x02"
#: No value is an empty text, so nothing between two delimiters is NULL.
FORMAT: Final = r"(FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ENCODING 'UTF8')"
#: what a row's text has to have for one of its values to need quotes: `\`, of which all escapes are made
_UNSAFE: Final = (92, 10, 13, 1, 2)
_HEADS: Final = "heads_of_lines"
#: rows of one read: some MB
_AT_ONCE: Final = 8_192


class Lines:
    """The lines of the staged rows: a file for the drivers that read one, and batches for others."""

    def __init__(
        self,
        connection: DuckDBPyConnection,
        table: Table,
        fetched: Sequence[Fetched],
        loaded_at: datetime,
        *,
        staging: bool,
    ) -> None:
        """Begin with the first of the rows that `typed.stage_rows` has staged with their decimals `spelled`.

        :param staging: whether the lines go to a staging table, which has `is_newer` too.
        """
        heads = [_head(one, loaded_at, staging=staging) for one in fetched]
        columns: list[tuple[str, str, list[Any]]] = [
            ("object", "INTEGER", list(range(len(heads)))),
            ("head", "VARCHAR", [_joined(head.values()) for head in heads]),
        ]
        create_from_lists(connection, _HEADS, columns)
        own = [column for column in table if column.name not in heads[0]]
        #: what the lines hold, in order
        self.columns: Final = (*heads[0], *(column.name for column in own))
        self._batches = _read(connection, table, own)

    def __iter__(self) -> Iterator[bytes]:
        return self._batches

    def read(self, _size: int = -1) -> bytes:
        """Return the next lines, whatever the size that is asked for; nothing at the end."""
        return next(self._batches, b"")


def _head(one: Fetched, loaded_at: datetime, *, staging: bool) -> dict[str, str]:
    """Return what an object says of all its rows: column → text."""
    manifest = one.loadable.manifest
    said = {
        "account": manifest.account,
        "endpoint": manifest.endpoint,
        "object_sha256": manifest.object.sha256,
        "extracted_at": one.loadable.extracted_at.isoformat(),
        "loaded_at": loaded_at.isoformat(),
    }
    return said | ({"is_newer": str(one.is_newer)} if staging else {})


def _joined(values: Iterable[str]) -> str:
    return _DELIMITER.join(_QUOTE + value.replace(_QUOTE, 2 * _QUOTE) + _QUOTE for value in values)


def _read(connection: DuckDBPyConnection, table: Table, own: Sequence[Column]) -> Iterator[bytes]:
    found = connection.execute(_select(table, own))
    while rows := found.fetchmany(_AT_ONCE):
        yield b"".join([line for (line,) in rows])


def _select(table: Table, own: Sequence[Column]) -> str:
    unsafe = " OR ".join(f"contains(raw, chr({code}))" for code in _UNSAFE)
    quoted, plain = (_line(own, quoted=quoted) for quoted in (True, False))
    return (
        f"SELECT encode(CASE WHEN {unsafe} THEN {quoted} ELSE {plain} END)\n"
        f"FROM {sql.staged(table)} JOIN {_HEADS} USING (object)"
    )


def _line(own: Sequence[Column], *, quoted: bool) -> str:
    values = ", chr(1), ".join(["head", *(_spelled(column, quoted=quoted) for column in own)])
    return f"concat({values}, chr(10))"


def _spelled(column: Column, *, quoted: bool) -> str:
    if column.kind in ("instant", "instant_or_none"):
        # Without its zone, which the session has: that is spelled in a fraction of the time.
        return f"make_timestamp(epoch_us({column.name}))"
    if column.kind == "text" and quoted:
        return f"coalesce(chr(2) || replace({column.name}, chr(2), chr(2) || chr(2)) || chr(2), '')"
    return column.name
