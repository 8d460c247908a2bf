"""Staging the rows of a table: DuckDB types them, and COPY brings the exact values.

All columns are copied into one table, also those that are the same for all rows of an object: from two tables
the planner would look up the rows of an account, not of a key. Decimals are digits, which PostgreSQL takes
exactly. Rows of a time that has none yet go to their table at once.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb import translate, typed
from airflow_provider_binance_liq.warehouse.postgres.column_types import TYPES
from airflow_provider_binance_liq.warehouse.postgres.errors import NOT_COPIED, code_of, named
from airflow_provider_binance_liq.warehouse.postgres.transaction import Transaction, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Table

_CHUNK: Final = 1024 * 1024
#: Neither character is in a JSON text, so nearly no value is quoted.
_DELIMITER: Final = "\x01"
_QUOTE: Final = "\x02"


@dataclass(frozen=True, slots=True)
class RowStaging(Transaction):
    """The part of a session that stages rows."""

    #: table → rows that are in it already, since they needed no staging
    appended: dict[str, int] = field(default_factory=dict)

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        import duckdb

        self._check_manifests(fetched)
        with tempfile.TemporaryDirectory(prefix="binance-liq-rows-") as directory:
            file = Path(directory) / "rows.csv"
            try:
                with typed.in_memory() as connection:
                    rows = typed.stage_rows(connection, table, fetched, loaded_at)
                    self._check_no_nul(connection, table, fetched)
                    if self._append(connection, table, file):
                        self.appended[table.name] = rows
                    else:
                        self._stage(connection, table, file)
            except duckdb.Error as error:
                raise translate(error, self.where) from error
        return rows

    def _append(self, connection: DuckDBPyConnection, table: Table, file: Path) -> bool:
        """Copy rows into their very table, if all of them are new; return whether they were.

        They are taken for new where no row of their accounts and endpoints is stored in their time. One may
        be nevertheless, if an update has moved it; then its key stops the copy, and all rows are staged.
        """
        if self._is_any_near(connection, table):
            return False
        connection.execute(_export(table, table.names, file)).fetchall()
        self._execute("SAVEPOINT appending")
        try:
            self._copy(f"{table.name} ({', '.join(table.names)})", file)
        except named("Error") as error:
            if code_of(error) not in NOT_COPIED:
                raise
            self._execute("ROLLBACK TO SAVEPOINT appending")
            return False
        self._execute("RELEASE SAVEPOINT appending")
        return True

    def _is_any_near(self, connection: DuckDBPyConnection, table: Table) -> bool:
        time = table.event_time
        accounts, endpoints, first, last = connection.execute(
            f"SELECT list(DISTINCT account), list(DISTINCT endpoint), min({time})::VARCHAR, "
            f"max({time})::VARCHAR FROM {sql.staged(table)}"
        ).fetchall()[0]
        # Apart, or the key's index, which begins with an account, would be read for all of its rows.
        query = (
            f"WITH near AS MATERIALIZED (SELECT account, endpoint FROM {table.name} WHERE {time} BETWEEN "
            "%s::timestamptz AND %s::timestamptz) "
            "SELECT EXISTS (SELECT 1 FROM near WHERE account = ANY (%s) AND endpoint = ANY (%s))"
        )
        return self._rows(query, [first, last, accounts or [], endpoints or []]) == [(True,)]

    def _stage(self, connection: DuckDBPyConnection, table: Table, file: Path) -> None:
        declared = ", ".join(f"{one.name} {TYPES[one.kind]}" for one in table)
        self._execute(f"CREATE TEMP TABLE {sql.staged(table)} ({declared}, is_newer boolean) ON COMMIT DROP")
        connection.execute(_export(table, (*table.names, "is_newer"), file)).fetchall()
        self._copy(sql.staged(table), file)
        # Without it the planner believes the table to be small, and would look up row by row.
        self._execute(f"SET LOCAL default_statistics_target = 1; ANALYZE {sql.staged(table)}")

    def _check_manifests(self, fetched: Sequence[Fetched]) -> None:
        check_text("account", (one.loadable.manifest.account for one in fetched))

    def _check_no_nul(self, connection: DuckDBPyConnection, table: Table, fetched: Sequence[Fetched]) -> None:
        """Refuse a row with U+0000 in a field that becomes a column; elsewhere it stays in `raw`, as sent."""
        for object_, column, raw in connection.execute(_with_nul(table)).fetchall():
            uri, fields = fetched[object_].loadable.manifest.object.uri, _fields(table, column)
            reason = f"has \\u0000 in {fields}, which no text in PostgreSQL can hold"
            raise self._refusal(f"a row of {uri} {reason}: {raw[:300]}")

    def _copy(self, into: str, path: Path) -> None:
        statement = (
            f"COPY {into} FROM STDIN "
            r"(FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ENCODING 'UTF8')"
        )
        with path.open("rb") as file:
            if hasattr(self.cursor, "copy_expert"):
                self.cursor.copy_expert(statement, file, _CHUNK)
            else:
                with self.cursor.copy(statement) as copy:
                    while chunk := file.read(_CHUNK):
                        copy.write(chunk)


def _export(table: Table, names: Sequence[str], path: Path) -> str:
    """Write the rows for COPY: no value is an empty text, so nothing between two delimiters is NULL."""
    where = str(path).replace("'", "''")
    return (
        f"COPY (SELECT {', '.join(names)} FROM {sql.staged(table)}) TO '{where}' "
        f"(FORMAT csv, HEADER false, DELIMITER '{_DELIMITER}', QUOTE '{_QUOTE}', ESCAPE '{_QUOTE}')"
    )


def _with_nul(table: Table) -> str:
    """Find a row with U+0000 in a column: its text has the escape, in the one way that JSON spells it."""
    texts = [one.name for one in table.of("row") if one.kind == "text"]
    cases = " ".join(f"WHEN contains({name}, chr(0)) THEN '{name}'" for name in texts)
    return (
        f"SELECT * FROM (SELECT object, CASE {cases} END AS found, raw FROM {sql.staged(table)}\n"
        "    WHERE contains(raw, '\\u0000')) WHERE found IS NOT NULL LIMIT 1"
    )


def _fields(table: Table, name: str) -> str:
    return next(" or ".join(one.fields) for one in table if one.name == name)
