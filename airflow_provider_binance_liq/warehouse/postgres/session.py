"""One transaction in PostgreSQL: lines are copied as they are, typed by the server, staged and merged."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.exceptions import InconsistentManifest, WarehouseError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.load import Merged
from airflow_provider_binance_liq.warehouse.manifests import stored_window
from airflow_provider_binance_liq.warehouse.postgres import staging
from airflow_provider_binance_liq.warehouse.postgres.errors import (
    OF_THE_DATA,
    UNREADABLE,
    UNTRANSLATABLE,
    code_of,
    message_of,
    named,
)
from airflow_provider_binance_liq.warehouse.postgres.exactness import DIALECT, functions_for
from airflow_provider_binance_liq.warehouse.postgres.indexes import missing_indexes
from airflow_provider_binance_liq.warehouse.postgres.lines import (
    CHUNK,
    check_text,
    field_with_nul,
    write_lines,
)
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.load import Fetched, ObjectKey
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
#: taken by those who create the tables; any number would do that nobody else takes
_CREATING: Final = int.from_bytes(b"binance", "big")
#: the first release with IS JSON WITH UNIQUE KEYS
_KNOWS_UNIQUE_KEYS: Final = 160000


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """One transaction."""

    cursor: Any
    #: what an error calls the database
    where: str
    #: by `time.monotonic`
    deadline: float

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

    def _refusal(self, text: str) -> WarehouseError:
        return WarehouseError(f"{self.where}: {text}. Nothing was merged")

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Create the tables that are missing, check those that exist, and add what a release has added."""
        needed = (*tables, WINDOWS)
        if any(self._lacks(table) for table in needed):
            # Before any lock of a table: two that held one each would wait for one another.
            self._wait("SELECT pg_advisory_xact_lock(%s)", [_CREATING])
            for table in needed:
                self._complete(table)
        for table in needed:
            # As any reader does: whoever rebuilds a table is waited for, but not for ever.
            self._wait(f"LOCK TABLE {table.name} IN ACCESS SHARE MODE")
            if differing := sql.difference(table, DIALECT, self._columns(table)):
                raise self._refusal(differing)

    def _lacks(self, table: Table) -> bool:
        found = self._columns(table)
        return not found or bool(sql.absent(table, found) or missing_indexes(table, self._rows))

    def _complete(self, table: Table) -> None:
        """Create a table, or add to one of 0.1.0 what it lacks; others may just have done so."""
        if not self._columns(table):
            self._execute(sql.create_table(table, DIALECT))
        found = self._columns(table)
        if differing := sql.difference(table, DIALECT, found):
            raise self._refusal(differing)
        for statement in (*sql.add_columns(table, DIALECT, found), *missing_indexes(table, self._rows)):
            self._wait(statement)

    def lock_tables(self, tables: Sequence[Table]) -> None:
        """Let nobody else write to them until the transaction ends."""
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
        found: dict[WindowKey, WindowVersion] = {}
        for (
            account,
            endpoint,
            start,
            end,
            symbols,
            close_type,
            sha256,
            complete,
            extracted,
            rows,
            stated,
        ) in self._rows(query, [min(starts), max(starts)]):
            key = (account, endpoint, start.astimezone(UTC), end.astimezone(UTC), symbols, close_type)
            found[key] = stored_window(
                key,
                sha256,
                complete=complete,
                extracted_at=extracted.astimezone(UTC),
                rows=rows,
                has_premises=stated,
            )
        return found

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        filled = [one for one in fetched if one.loadable.manifest.object.rows]
        self._stage_objects(table, filled, loaded_at)
        self._stage_lines(table, filled)
        self._execute(functions_for(table))
        ((rows,),) = self._rows(f"SELECT count(*) FROM {staging.lines_of(table)}")
        self._execute("SAVEPOINT parsing")
        line = "line"
        if not self._stage_plain(table, rows):
            self._execute("ROLLBACK TO SAVEPOINT parsing")
            line = self._stage_exactly(table)
        self._check_duplicate_fields(table, line)
        if rows != sum(one.loadable.manifest.object.rows for one in filled):
            raise InconsistentManifest(self._miscounted(table, filled))
        repeated = rows - self._rows(staging.count_keys(table))[0][0]
        if repeated:
            self._execute(staging.keep_newest(table))
        # Without it the planner believes the table to be small, and would look up row by row.
        self._execute(f"SET LOCAL default_statistics_target = 1; ANALYZE {sql.staged(table)}")
        return int(rows - repeated)

    def _stage_plain(self, table: Table, rows: int) -> bool:
        """Type the rows if all of them are plain; tell whether they are."""
        try:
            self._execute(staging.plain(table))
        except named("Error") as error:
            # A row that is no JSON, or a value that matched and does not fit: named by `_stage_exactly`.
            if code_of(error).startswith(OF_THE_DATA):
                return False
            raise
        return bool(self.cursor.rowcount == rows)

    def _stage_exactly(self, table: Table, line: str = "line") -> str:
        """Type the rows value by value, or name what does not fit; return how their lines were read."""
        try:
            self._execute(staging.exact(table, line))
        except named("Error") as error:
            if code_of(error) not in UNREADABLE:
                raise
            self._execute("ROLLBACK TO SAVEPOINT parsing")
            if code_of(error) == UNTRANSLATABLE and line != staging.WITHOUT_NUL:
                self._check_no_nul_in_columns(table)
                return self._stage_exactly(table, staging.WITHOUT_NUL)
            raise self._refusal(self._unreadable(table, message_of(error))) from error
        return line

    def _check_no_nul_in_columns(self, table: Table) -> None:
        """Refuse a row with U+0000 in a field that becomes a column; elsewhere it stays in `raw`, as sent."""
        query = f"SELECT object_uri, line FROM {_joined(table)} WHERE line ~ %s"
        for uri, line in self._rows(query, [r"\\u0000"]):
            if field := field_with_nul(table, line):
                reason = f"has \\u0000 in {field}, which no text in PostgreSQL can hold"
                raise self._refusal(f"a row of {uri} {reason}: {line[:300]}")

    def _check_duplicate_fields(self, table: Table, line: str) -> None:
        """Refuse a row that has a field twice, of which `json` takes the last and others the first."""
        ((version,),) = self._rows("SELECT current_setting('server_version_num')::int")
        # It looks into nested objects too, which are nobody's column; but it takes a tenth of the time.
        suspect = f"NOT ({line} IS JSON WITH UNIQUE KEYS) AND " if version >= _KNOWS_UNIQUE_KEYS else ""
        keys = f"SELECT name FROM json_object_keys({line}::json) AS name GROUP BY name HAVING count(*) > 1"
        found = self._rows(
            f"SELECT object_uri, ({keys} LIMIT 1), line FROM {_joined(table)}\n"
            f"WHERE {suspect}EXISTS ({keys}) LIMIT 1"
        )
        if found:
            raise self._refusal(sql.repeated_field(*found[0]))

    def _stage_objects(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> None:
        manifests = [one.loadable.manifest for one in fetched]
        columns: list[tuple[str, str, list[Any]]] = [
            ("object", "bigint", list(range(len(fetched)))),
            ("account", "text", [manifest.account for manifest in manifests]),
            ("endpoint", "text", [manifest.endpoint for manifest in manifests]),
            ("object_uri", "text", [manifest.object.uri for manifest in manifests]),
            ("object_sha256", "text", [manifest.object.sha256 for manifest in manifests]),
            ("extracted_at", "timestamptz", [one.loadable.extracted_at for one in fetched]),
            ("is_newer", "boolean", [one.is_newer for one in fetched]),
            ("loaded_at", "timestamptz", [loaded_at] * len(fetched)),
        ]
        self._stage_columns(staging.objects_of(table), columns)

    def _stage_lines(self, table: Table, fetched: Sequence[Fetched]) -> None:
        lines = staging.lines_of(table)
        self._execute(f"CREATE TEMP TABLE {lines} (object bigint, line text) ON COMMIT DROP")
        with tempfile.TemporaryFile() as file:
            for number, one in enumerate(fetched):
                write_lines(file, number, one)
            file.seek(0)
            statement = f"COPY {lines} (object, line) FROM STDIN (FORMAT text, ENCODING 'UTF8')"
            if hasattr(self.cursor, "copy_expert"):
                self.cursor.copy_expert(statement, file, CHUNK)
            else:
                with self.cursor.copy(statement) as copy:
                    while chunk := file.read(CHUNK):
                        copy.write(chunk)

    def _unreadable(self, table: Table, reason: str) -> str:
        """Name the object and the row that could not be read as JSON."""
        query = f"SELECT object_uri, line, pg_temp.unreadable({staging.WITHOUT_NUL}) FROM {_joined(table)}"
        found = self._rows(
            f"SELECT * FROM ({query}) AS each(uri, line, reason) WHERE reason IS NOT NULL LIMIT 1"
        )
        if not found:
            return reason
        uri, line, reason = found[0]
        return f"a row of {uri} {reason}: {line[:300]}"

    def _miscounted(self, table: Table, fetched: Sequence[Fetched]) -> str:
        read = dict(self._rows(f"SELECT object, count(*) FROM {staging.lines_of(table)} GROUP BY object"))
        stored = [one.loadable.manifest.object for one in fetched]
        return sql.miscounted((one, read.get(number, 0)) for number, one in enumerate(stored))

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""
        rows = [one.window_row(loaded_at) for one in loadables]
        columns: list[tuple[str, str, list[Any]]] = [
            (column.name, DIALECT.types[column.kind], [row[index] for row in rows])
            for index, column in enumerate(WINDOWS)
        ]
        self._stage_columns(sql.staged(WINDOWS), columns)

    def _stage_columns(self, table: str, columns: Sequence[tuple[str, str, list[Any]]]) -> None:
        """Create a temporary table from lists: two statements, however many rows there are."""
        for name, kind, values in columns:
            if kind == "text":
                check_text(name, values)
        declared = ", ".join(f"{name} {kind}" for name, kind, _ in columns)
        given = ", ".join(f"%s::{kind}[]" for _, kind, _ in columns)
        self._execute(f"CREATE TEMP TABLE {table} ({declared}) ON COMMIT DROP")
        self._execute(
            f"INSERT INTO {table} SELECT * FROM unnest({given})", [values for *_, values in columns]
        )

    def merge_rows(self, table: Table) -> Merged:
        """Merge the staged rows."""
        ((updated, confirmed),) = self._rows(sql.count_changes(table))
        self._execute(sql.merge_rows(table))
        return Merged(int(self.cursor.rowcount) - updated - confirmed, updated)

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

    def _wait(self, statement: str, parameters: Sequence[Any] | None = None) -> None:
        """Take a lock, and wait for it no longer than is left of the time."""
        # 0 would mean: for ever.
        left = max(1, round(1000 * (self.deadline - time.monotonic())))
        self._execute("SELECT set_config('lock_timeout', %s, true)", [f"{min(left, 2**31 - 1)}ms"])
        self._execute(statement, parameters)

    def _rows(self, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        self._execute(query, parameters)
        rows: list[tuple[Any, ...]] = self.cursor.fetchall()
        return rows

    def _execute(self, statement: str, parameters: Sequence[Any] | None = None) -> None:
        self.cursor.execute(statement, parameters)


def _joined(table: Table) -> str:
    return f"{staging.lines_of(table)} JOIN {staging.objects_of(table)} USING (object)"
