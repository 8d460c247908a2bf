"""Staging the rows of a table: DuckDB types them, and COPY brings the exact values.

All columns are copied into one table, also those that are the same for all rows of an object: from two tables
the planner would look up the rows of an account, not of a key. Decimals are digits, which PostgreSQL takes
exactly, so they are copied as they were sent once they are known to fit. Rows of a time that has none yet go
to their table at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb import translate, typed
from airflow_provider_binance_liq.warehouse.postgres.column_types import TYPES
from airflow_provider_binance_liq.warehouse.postgres.errors import NOT_COPIED, code_of, named
from airflow_provider_binance_liq.warehouse.postgres.lines import FORMAT, Lines
from airflow_provider_binance_liq.warehouse.postgres.transaction import Transaction, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Table

#: DuckDB compares a character at once, and a longer text only where that is found
_HAS_NUL: Final = "contains(raw, chr(92)) AND contains(raw, '\\u0000')"


@dataclass(frozen=True, slots=True)
class RowStaging(Transaction):
    """The part of a session that stages rows."""

    #: table → rows that are in it already, since they needed no staging
    appended: dict[str, int] = field(default_factory=dict)

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        import duckdb

        self._check_manifests(fetched)
        try:
            with typed.in_memory() as connection:
                rows = typed.stage_rows(connection, table, fetched, loaded_at, spelled=True)
                self._check_no_nul(connection, table, fetched)
                near = self._is_any_near(connection, table, fetched)
                if not near and self._append(
                    table, Lines(connection, table, fetched, loaded_at, staging=False)
                ):
                    self.appended[table.name] = rows
                else:
                    self._stage(table, Lines(connection, table, fetched, loaded_at, staging=True))
        except duckdb.Error as error:
            raise translate(error, self.where) from error
        return rows

    def _append(self, table: Table, lines: Lines) -> bool:
        """Copy rows into their very table; return whether all of them are new.

        They are taken for new where no row of their accounts and endpoints is stored in their time. One may
        be nevertheless, if an update has moved it; then its key stops the copy, and all rows are staged.
        """
        self._execute("SAVEPOINT appending")
        try:
            self._copy(table.name, lines)
        except named("Error") as error:
            if code_of(error) not in NOT_COPIED:
                raise
            self._execute("ROLLBACK TO SAVEPOINT appending")
            return False
        self._execute("RELEASE SAVEPOINT appending")
        return True

    def _is_any_near(self, connection: DuckDBPyConnection, table: Table, fetched: Sequence[Fetched]) -> bool:
        time = table.event_time
        span = f"SELECT min({time})::VARCHAR, max({time})::VARCHAR FROM {sql.staged(table)}"
        accounts = {one.loadable.manifest.account for one in fetched}
        endpoints = {one.loadable.manifest.endpoint for one in fetched}
        # Apart, or the key's index, which begins with an account, would be read for all of its rows.
        query = (
            f"WITH near AS MATERIALIZED (SELECT account, endpoint FROM {table.name} WHERE {time} BETWEEN "
            "%s::timestamptz AND %s::timestamptz) "
            "SELECT EXISTS (SELECT 1 FROM near WHERE account = ANY (%s) AND endpoint = ANY (%s))"
        )
        given = [*connection.execute(span).fetchall()[0], sorted(accounts), sorted(endpoints)]
        return self._rows(query, given) == [(True,)]

    def _stage(self, table: Table, lines: Lines) -> None:
        declared = ", ".join(f"{one.name} {TYPES[one.kind]}" for one in table)
        self._execute(f"CREATE TEMP TABLE {sql.staged(table)} ({declared}, is_newer boolean) ON COMMIT DROP")
        self._copy(sql.staged(table), lines)
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

    def _copy(self, into: str, lines: Lines) -> None:
        statement = f"COPY {into} ({', '.join(lines.columns)}) FROM STDIN {FORMAT}"
        if hasattr(self.cursor, "copy_expert"):
            self.cursor.copy_expert(statement, lines)
        else:
            with self.cursor.copy(statement) as copy:
                for batch in lines:
                    copy.write(batch)


def _with_nul(table: Table) -> str:
    """Find a row with U+0000 in a column: its text has the escape, in the one way that JSON spells it."""
    texts = [one.name for one in table.of("row") if one.kind == "text"]
    cases = " ".join(f"WHEN contains({name}, chr(0)) THEN '{name}'" for name in texts)
    return (
        f"SELECT * FROM (SELECT object, CASE {cases} END AS found, raw FROM {sql.staged(table)}\n"
        f"    WHERE {_HAS_NUL}) WHERE found IS NOT NULL LIMIT 1"
    )


def _fields(table: Table, name: str) -> str:
    return next(" or ".join(one.fields) for one in table if one.name == name)
