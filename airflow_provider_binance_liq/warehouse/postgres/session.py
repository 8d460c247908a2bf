"""One transaction in PostgreSQL: its tables, its locks and its merges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.comments import missing_comments
from airflow_provider_binance_liq.warehouse.load import Merged
from airflow_provider_binance_liq.warehouse.manifests import stored_windows, window_columns
from airflow_provider_binance_liq.warehouse.postgres.column_types import TYPES
from airflow_provider_binance_liq.warehouse.postgres.indexes import missing_indexes
from airflow_provider_binance_liq.warehouse.postgres.rows import RowStaging
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.load import ObjectKey
    from airflow_provider_binance_liq.warehouse.manifests import Loadable, WindowKey
    from airflow_provider_binance_liq.warehouse.precedence import WindowVersion
    from airflow_provider_binance_liq.warehouse.schema import Table

#: the first release with MERGE
_OLDEST: Final = 150000
#: whatever the user's defaults: what is written here, and what the drivers read, relies on them
_SETTINGS: Final = {
    "client_encoding": "UTF8",
    "datestyle": "ISO",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
}
#: PostgreSQL's address of a row; nobody moves those of a temporary table, nor of one that is locked
_PLACE: Final = "ctid"
_HAS_ADDRESSES: Final = (
    "SELECT relkind = 'r' AND NOT relhassubclass FROM pg_class WHERE oid = to_regclass(%s)"
)
#: with less, joins of many rows go through files; who has set more keeps it
_ENOUGH_MEMORY: Final = (
    "SELECT set_config('work_mem', '64MB', true) "
    "WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB')"
)
#: taken by those who create the tables; any number that no other program uses would do
_CREATING: Final = int.from_bytes(b"binance", "big")
_MAY_COMMENT: Final = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)"
#: columns with a comment, and "" for the table itself
_COMMENTED: Final = (
    "SELECT coalesce(attname::text, '') FROM pg_description "
    "LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0 "
    "WHERE classoid = 'pg_class'::regclass AND objoid = to_regclass(%s)"
)


@dataclass(frozen=True, slots=True)
class PostgresSession(RowStaging):
    """One transaction."""

    def begin(self, schema: str | None) -> None:
        """Set what the transaction relies on, and check that the server has it."""
        # What was committed while this one waited for the lock has to be seen, whatever the user's default.
        self._execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
        for name, value in _SETTINGS.items():
            self._execute(f"SET LOCAL {name} = '{value}'")
        if schema is not None:
            quoted = '"' + schema.replace('"', '""') + '"'
            self._execute("SELECT set_config('search_path', %s, true)", [quoted])
        query = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
        version, encoding, found = self._rows(f"{query} current_schema()")[0]
        if version < _OLDEST:
            raise self._refusal(f"the server's version is {version // 10000}; MERGE takes 15 or later")
        if encoding != "UTF8":
            raise self._refusal(f"the database's encoding is {encoding}; non-ASCII symbols take UTF8")
        if found is None:
            what = f"schema {schema!r}" if schema is not None else "schema on the search path"
            raise self._refusal(f"there is no {what} that this user may use; create it, or grant its usage")

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Create the tables that are missing, check those that exist, and add what a release has added."""
        needed = (*tables, WINDOWS)
        if any(self._lacks(table) for table in needed):
            # Before any lock of a table: two that held one each would wait for one another.
            self._wait("SELECT pg_advisory_xact_lock(%s)", [_CREATING])
            for table in needed:
                self._complete(table)
        for table in needed:
            # As any reader does: it waits for a rebuild of the table, but not for ever.
            self._wait(f"LOCK TABLE {table.name} IN ACCESS SHARE MODE")
            if differing := sql.difference(table, TYPES, self._columns(table)):
                raise self._refusal(differing)

    def _lacks(self, table: Table) -> bool:
        found = self._columns(table)
        return not found or bool(sql.absent(table, found) or self._extras(table))

    def _extras(self, table: Table) -> list[str]:
        """Return the statements for what a table may have and no load needs."""
        return [*missing_indexes(table, self._rows), *self._comments(table)]

    def _comments(self, table: Table) -> list[str]:
        if self._rows(_MAY_COMMENT, [table.name]) != [(True,)]:
            return []
        statements = missing_comments(table, {name for (name,) in self._rows(_COMMENTED, [table.name])})
        return ["; ".join(statements)] if statements else []

    def _complete(self, table: Table) -> None:
        """Create a table, or add to one of 0.1.0 what it lacks; others may just have done so."""
        if not self._columns(table):
            self._execute(sql.create_table(table, TYPES))
        found = self._columns(table)
        if differing := sql.difference(table, TYPES, found):
            raise self._refusal(differing)
        for statement in sql.add_columns(table, TYPES, found):
            self._wait(statement)
        for statement in self._extras(table):
            self._wait(statement)

    def lock_tables(self, tables: Sequence[Table]) -> None:
        """Keep others from writing to them until the transaction ends."""
        # In one order everywhere, or two loads could wait for one another.
        for table in (*tables, WINDOWS):
            self._wait(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")

    def _columns(self, table: Table) -> dict[str, str]:
        query = (
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return dict(self._rows(query, [table.name]))

    def stored_windows(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, WindowVersion]:
        """Read what the windows table has between the first and the last of these windows."""
        starts = [one.start for one in loadables]
        query = (
            "SELECT account, endpoint, window_start, window_end, symbols, auto_close_type, object_sha256, "
            "complete, extracted_at, object_rows, premises IS NOT NULL "
            f"FROM {WINDOWS.name} WHERE window_start BETWEEN %s AND %s"
        )
        found = self._rows(query, [min(starts), max(starts)])
        return stored_windows(found, lambda at: at.astimezone(UTC))

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""
        self._stage_columns(sql.staged(WINDOWS), window_columns(loadables, loaded_at, TYPES))

    def merge_rows(self, table: Table) -> Merged:
        """Merge the staged rows, if they are not in their table already."""
        if table.name in self.appended:
            return Merged(self.appended[table.name], 0)
        self._execute(_ENOUGH_MEMORY)
        stored = self._address(table)
        made = f"CREATE TEMP TABLE {sql.classed(table)} ON COMMIT DROP AS"
        self._execute(f"{made}\n{sql.class_rows(table, _PLACE, stored=stored)}; ANALYZE {sql.classed(table)}")
        staged, inserted, updated, again = self._rows(sql.count_classes(table))[0]
        if inserted < staged and (
            message := sql.contradicting(table, self._rows(sql.contradiction(table, table.name)))
        ):
            raise self._refusal(message)
        if again:
            self._execute(sql.confirm_rows(table, _PLACE, stored=stored))
        if updated:
            self._execute(sql.replace_rows(table, _PLACE, stored=stored))
        if inserted:
            # Where all are new, their places need not be looked up.
            self._execute(sql.insert_rows(table, _PLACE if inserted < staged else ""))
        return Merged(inserted, updated)

    def _address(self, table: Table) -> str:
        """Name what addresses a stored row; empty for a view or a table of several, which have no such thing.

        Addresses hold until the transaction ends: the lock keeps out all who would move a row, VACUUM too.
        """
        return _PLACE if self._rows(_HAS_ADDRESSES, [table.name]) == [(True,)] else ""

    def merge_windows(self) -> None:
        """Merge the staged windows."""
        self._execute(sql.merge_windows())

    def count_missing(self, table: Table, replaced: Sequence[ObjectKey]) -> int:
        """Count the rows whose latest object is one of these, and of no window any more."""
        query = (
            "SELECT count(*) FROM (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) "
            "AS replaced(account, endpoint, object_sha256) EXCEPT "
            f"SELECT account, endpoint, object_sha256 FROM {WINDOWS.name}) AS gone "
            f"JOIN {table.name} USING (account, endpoint, object_sha256)"
        )
        return int(self._rows(query, [list(values) for values in zip(*replaced, strict=True)])[0][0])
