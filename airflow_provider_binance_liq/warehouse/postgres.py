"""PostgreSQL, 15 or later, by an Airflow connection.

A row's text is copied as it is and taken apart by the server's `json` type, which keeps the digits of a
number as they were written; `jsonb` would rewrite them. A cast to `numeric(38,18)` rounds in silence, so a
text is cast only when it fits the type digit by digit. Matching each value of each row takes longer than all
the rest of the parsing, so the values of a row are matched at once, and where all rows are plain, they are
only cast. Where one is not, the rows are typed value by value, by functions that name what does not fit.
`tests/warehouse_postgres/test_same_as_duckdb.py` holds every value against what DuckDB makes of it.

Loads wait for each other in `LOCK TABLE ... IN SHARE ROW EXCLUSIVE MODE`, not in an advisory lock: that would
stop only those who ask for it, and what is counted before the merge has to be true during the merge, whoever
else writes. Readers are never held up, and no merge fails for a row that somebody has just inserted. Only the
creation of the tables is guarded by an advisory lock, since there is no table to lock yet: even `IF NOT
EXISTS` collides with others who create it at the same time.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_binance_liq.exceptions import (
    InconsistentManifest,
    InvalidConnection,
    LiquidationsError,
    StorageError,
    WarehouseBusy,
    WarehouseError,
)
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.load import Summary, load
from airflow_provider_binance_liq.warehouse.manifests import Known, Loadable, WindowKey
from airflow_provider_binance_liq.warehouse.postgres_indexes import missing_indexes
from airflow_provider_binance_liq.warehouse.tables import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    LIQUIDATIONS,
    WINDOWS,
    Table,
    row_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.load import Fetched, Session

T = TypeVar("T")

#: the first release with MERGE
_OLDEST: Final = 150000
_DECIMAL: Final = f"numeric({DECIMAL_PRECISION},{DECIMAL_SCALE})"
_TABLES: Final = (LIQUIDATIONS, WINDOWS)
#: whatever the user's defaults: what is written here, and what the drivers read, relies on them
_SETTINGS: Final = {
    "client_encoding": "UTF8",
    "datestyle": "ISO",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
}
#: taken by those who create the tables; any number would do that nobody else takes
_CREATING: Final = int.from_bytes(b"binance", "big")
_CHUNK: Final = 1024 * 1024

#: types as `format_type` spells them, so that they can be compared with what is there
DIALECT: Final = sql.Dialect(
    name="postgres",
    types={
        "text": "text",
        "decimal": _DECIMAL,
        "int64": "bigint",
        "boolean": "boolean",
        "instant": "timestamp with time zone",
        "instant_or_none": "timestamp with time zone",
    },
    functions={
        "text": "pg_temp.exact_text",
        "decimal": "pg_temp.exact_decimal",
        "int64": "pg_temp.exact_int64",
        "boolean": "pg_temp.exact_boolean",
        "instant": "pg_temp.exact_instant",
        "instant_or_none": "pg_temp.exact_instant_or_none",
    },
    required="pg_temp.required",
)
#: for rows whose numbers and instants `_IS_PLAIN` has seen
_PLAIN: Final = replace(
    DIALECT,
    functions={
        **DIALECT.functions,
        "decimal": "pg_temp.plain_decimal",
        "int64": "pg_temp.plain_int64",
        "instant": "pg_temp.plain_instant",
        "instant_or_none": "pg_temp.plain_instant_or_none",
    },
)

#: Those in SQL are expanded in place by the planner, as long as they use no costly argument twice; nearly
#: every text takes their first branch. What is rare, and what fails, is left to those in PL/pgSQL.
_FUNCTIONS: Final = r"""
CREATE OR REPLACE FUNCTION pg_temp.misfit(kind text, value text, field text, uri text, line text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE =
        concat(field, ' is ', value, ', which is no ', kind, '; a row of ', uri, ': ', left(line, 300));
END $$;

CREATE OR REPLACE FUNCTION pg_temp.missing(field text, uri text, line text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE =
        concat('a row of ', uri, ' has no ', field, ': ', left(line, 300));
END $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value text, field text, uri text, line text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(value, pg_temp.missing(field, uri, line)) $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value bigint, field text, uri text, line text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(value, pg_temp.missing(field, uri, line)::bigint) $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value timestamptz, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(value, pg_temp.missing(field, uri, line)::timestamptz) $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_text(value text, field text, uri text, line text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(value, '') $$;

-- A cast alone would also take white space around the digits, underscores between them, NaN and 0x1F.
CREATE OR REPLACE FUNCTION pg_temp.fitted_decimal(value text, field text, uri text, line text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE number numeric; BEGIN
    IF length(value) <= 1000 AND value ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?$' THEN
        number := value::numeric;
        IF min_scale(number) <= $SCALE AND abs(number) < 1e$WHOLE THEN RETURN number; END IF;
    END IF;
    RETURN pg_temp.misfit('$DECIMAL', value, field, uri, line);
END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_decimal(value text, field text, uri text, line text) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value ~ '^[0-9]{1,$WHOLE}([.][0-9]{0,$SCALE})?$' THEN value::$DECIMAL
    WHEN value <> '' THEN pg_temp.fitted_decimal(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.fitted_int64(value text, field text, uri text, line text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE number numeric; BEGIN
    IF length(value) <= 1000 AND value ~ '^-?[0-9]+([.]0*)?$' THEN
        number := split_part(value, '.', 1)::numeric;
        IF number BETWEEN -9223372036854775808 AND 9223372036854775807 THEN RETURN number; END IF;
    END IF;
    RETURN pg_temp.misfit('64-bit integer', value, field, uri, line);
END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_int64(value text, field text, uri text, line text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value ~ '^[0-9]{1,18}$' THEN value::bigint
    WHEN value <> '' THEN pg_temp.fitted_int64(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_boolean(value text, field text, uri text, line text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN lower(value) IN ('true', '1') THEN true
    WHEN lower(value) IN ('false', '0') THEN false
    WHEN value <> '' THEN pg_temp.misfit('boolean', value, field, uri, line)::boolean END $$;

-- By days and the rest of a day: milliseconds times an interval would go through double precision.
CREATE OR REPLACE FUNCTION pg_temp.instant_of(millis bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$ SELECT timezone('UTC', timestamp '1970-01-01 00:00:00'
    + make_interval(days => (millis / 86400000)::int, secs => (millis % 86400000)::float8 / 1000)) $$;

-- The years 1 to 9999 are those that all readers have.
CREATE OR REPLACE FUNCTION pg_temp.fitted_instant(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE millis bigint; BEGIN
    millis := pg_temp.fitted_int64(value, field, uri, line);
    IF millis BETWEEN -62135596800000 AND 253402300799999 THEN RETURN pg_temp.instant_of(millis); END IF;
    RETURN pg_temp.misfit('instant in milliseconds', value, field, uri, line);
END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_instant(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value ~ '^[0-9]{1,14}$' THEN pg_temp.instant_of(value::bigint)
    WHEN value <> '' THEN pg_temp.fitted_instant(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_instant_or_none(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value <> '' AND pg_temp.exact_int64(value, field, uri, line) <> 0
    THEN pg_temp.exact_instant(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_decimal(value text, field text, uri text, line text) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT value::numeric $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_int64(value text, field text, uri text, line text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT value::bigint $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_instant(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN length(value) > 14 THEN pg_temp.fitted_instant(value, field, uri, line)
    ELSE pg_temp.instant_of(value::bigint) END $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_instant_or_none(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value::bigint <> 0 THEN pg_temp.plain_instant(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.unreadable(line text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE reason text; detail text; BEGIN
    PERFORM * FROM $FIELDS;
    RETURN NULL;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    IF SQLSTATE = '22023' THEN RETURN 'is no JSON object'; END IF;
    RETURN concat('cannot be read: ', concat_ws(': ', reason, nullif(detail, '')));
END $$;
"""
#: what a line that is no readable JSON object fails with: syntax, an escape, not an object, too deep
_UNREADABLE: Final = frozenset({"22P02", "22P05", "22023", "54001"})
#: data exceptions, and what goes past the server's limits, such as nesting
_OF_THE_DATA: Final = ("22", "54")
#: connection, rollback (serialization, deadlock), resources, intervention, system, internal; 25006: a standby
_PASSING: Final = ("08", "40", "53", "57", "58", "XX", "25006")
#: of them, those after which nobody can tell whether a commit was done
_LOST: Final = ("08", "57")
_LOCK_NOT_AVAILABLE: Final = "55P03"

#: an escape of a character that the database's encoding has not: U+0000
_UNTRANSLATABLE: Final = "22P05"
#: a line with another character for each escape of U+0000, not for what an escaped backslash stands before
_WITHOUT_NUL: Final = r"regexp_replace(line, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')"
#: the first release with IS JSON WITH UNIQUE KEYS
_KNOWS_UNIQUE_KEYS: Final = 160000

_LINES: Final = "told_lines"
_OBJECTS: Final = "told_objects"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL database, in one transaction at a time."""

    postgres_conn_id: str = "postgres_default"
    #: schema of the tables; without it, the first one on the user's search path
    schema: str | None = None
    #: how long to wait for others who write
    wait_s: float = 300.0

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction.

        :raises WarehouseBusy: others still held the tables after `wait_s`.
        :raises StorageError: the server could not be had, or gave up.
        :raises WarehouseError: the rows and the tables contradict each other, or the user may not write.
        :raises InvalidConnection: there is no such connection.
        """
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        hook = PostgresHook(self.postgres_conn_id)
        errors = _named("Error")
        with closing(self._connect(hook, errors)) as connection:
            deadline = time.monotonic() + self.wait_s
            session = _PostgresSession(connection.cursor(), self._where, deadline)
            try:
                session.begin(self.schema)
                result = work(session)
            except errors as error:
                raise self._translate(error, hook) from error
            try:
                connection.commit()
            except errors as error:
                raise self._translate(error, hook, committing=True) from error
            return result

    @property
    def _where(self) -> str:
        return f"PostgreSQL ({self.postgres_conn_id})"

    def _connect(self, hook: Any, errors: tuple[type[Exception], ...]) -> Any:
        from airflow_provider_binance_liq.compat import AirflowNotFoundException

        unfit: tuple[type[Exception], ...] = (TypeError, ValueError, *_named("ProgrammingError"))
        try:
            connection = hook.get_conn()
        except AirflowNotFoundException as error:
            message = f"there is no connection {self.postgres_conn_id!r}"
            raise InvalidConnection(message) from error
        except unfit as error:
            message = f"connection {self.postgres_conn_id!r}: {_redacted(error, hook)}"
            raise InvalidConnection(message) from error
        except errors as error:
            raise self._translate(error, hook) from error
        connection.autocommit = False
        # The connection's extra may ask for rows as dictionaries; here they are tuples.
        if hasattr(connection, "row_factory"):
            from psycopg.rows import tuple_row

            connection.row_factory = tuple_row
        else:
            connection.cursor_factory = None
            connection.set_client_encoding("UTF8")
        return connection

    def _translate(self, error: Exception, hook: Any, *, committing: bool = False) -> LiquidationsError:
        """Say what a retry should do about an error of the driver's."""
        code, text, where = _code(error), _redacted(error, hook), self._where
        if code == _LOCK_NOT_AVAILABLE:
            return WarehouseBusy(
                f"{where}: others who write held the tables for {self.wait_s:g} s ({text}). Nothing was "
                "merged; a retry tries again"
            )
        if committing and (not code or code.startswith(_LOST)):
            return StorageError(
                f"{where}: {text}. The server was lost while it committed: all was merged, or nothing was; a "
                "retry finds out, since loading the same again changes nothing"
            )
        lost = not code and isinstance(error, _named("OperationalError", "InterfaceError"))
        if lost or code.startswith(_PASSING):
            return StorageError(f"{where}: {text}. Nothing was merged; a retry tries again")
        return WarehouseError(f"{where}: {text}. Nothing was merged")


def _named(*names: str) -> tuple[type[Exception], ...]:
    """Return these classes of every driver that is installed; which one the hook takes is its own choice."""
    found: list[type[Exception]] = []
    for driver in ("psycopg", "psycopg2"):
        with suppress(ImportError):
            module = import_module(driver)
            found += [getattr(module, name) for name in names]
    return tuple(found)


def _code(error: Exception) -> str:
    """Return the SQLSTATE; empty where the server gave none."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""


def _redacted(error: Exception, hook: Any) -> str:
    """Return the message without the connection's password, should a driver ever repeat it."""
    password = hook.connection.password
    return _message(error).replace(password, "***") if password else _message(error)


def _message(error: Exception) -> str:
    diagnostics = getattr(error, "diag", None)
    if diagnostics is None or not diagnostics.message_primary:
        return " ".join(str(error).split())
    return ": ".join(part for part in (diagnostics.message_primary, diagnostics.message_detail) if part)


@dataclass(frozen=True, slots=True)
class _PostgresSession:
    """One transaction."""

    cursor: Any
    #: what an error calls the database
    where: str
    #: by `time.monotonic`
    deadline: float

    def begin(self, schema: str | None) -> None:
        """Set what the transaction relies on, and see that the server has it."""
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

    def create_tables(self) -> None:
        """Create the tables that are not there, check those that are, and add what a release has added."""
        if any(self._lacks(table) for table in _TABLES):
            # Before any lock of a table: two that held one each would wait for one another.
            self._wait("SELECT pg_advisory_xact_lock(%s)", [_CREATING])
            for table in _TABLES:
                self._complete(table)
        for table in _TABLES:
            # As any reader does: whoever rebuilds a table is waited for, but not for ever.
            self._wait(f"LOCK TABLE {table.name} IN ACCESS SHARE MODE")
            if differing := sql.difference(table, DIALECT, self._columns(table)):
                raise self._refusal(differing)

    def _lacks(self, table: Table) -> bool:
        found = self._columns(table)
        return not found or bool(sql.absent(table, found) or missing_indexes(table, self._rows))

    def _complete(self, table: Table) -> None:
        """Create a table, or add to one of the release before what it lacks; others may just have done so."""
        if not self._columns(table):
            self._execute(sql.create_table(table, DIALECT))
        found = self._columns(table)
        if differing := sql.difference(table, DIALECT, found):
            raise self._refusal(differing)
        for statement in (*sql.add_columns(table, DIALECT, found), *missing_indexes(table, self._rows)):
            self._wait(statement)

    def hold_tables(self) -> None:
        """Keep others who write out until the transaction ends."""
        for table in _TABLES:
            self._wait(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")

    def _columns(self, table: Table) -> dict[str, str]:
        query = (
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return dict(self._rows(query, [table.name]))

    def known(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, Known]:
        """Read what the windows table has between the first and the last of these windows."""
        starts = [one.start for one in loadables]
        query = (
            "SELECT account, endpoint, window_start, window_end, symbols, auto_close_type, object_sha256, "
            "complete, extracted_at, premises IS NOT NULL "
            f"FROM {WINDOWS.name} WHERE window_start BETWEEN %s AND %s"
        )
        rows = self._rows(query, [min(starts), max(starts)])
        return {
            (account, endpoint, start.astimezone(UTC), end.astimezone(UTC), symbols, close_type): Known(
                sha256, complete, extracted.astimezone(UTC), stated
            )
            for account, endpoint, start, end, symbols, close_type, *rest in rows
            for sha256, complete, extracted, stated in [rest]
        }

    def stage_rows(self, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        holding = [one for one in fetched if one.loadable.manifest.object.rows]
        self._stage_objects(holding, loaded_at)
        self._stage_lines(holding)
        self._execute(_FUNCTIONS_TEXT)
        ((rows,),) = self._rows(f"SELECT count(*) FROM {_LINES}")
        self._execute("SAVEPOINT parsing")
        line = "line"
        if not self._stage_plain(rows):
            self._execute("ROLLBACK TO SAVEPOINT parsing")
            line = self._stage_exactly()
        self._see_no_repeated_field(line)
        if rows != sum(one.loadable.manifest.object.rows for one in holding):
            raise InconsistentManifest(self._miscounted(holding))
        repeated = rows - self._rows(_COUNT_KEYS)[0][0]
        if repeated:
            self._execute(_KEEP_NEWEST)
        # Without it the planner believes the table to be small, and would look up row by row.
        self._execute(f"SET LOCAL default_statistics_target = 1; ANALYZE {sql.TOLD}")
        return int(rows - repeated)

    def _stage_plain(self, rows: int) -> bool:
        """Type the rows if all of them are plain; tell whether they are."""
        try:
            return self.merge(_STAGE_PLAIN) == rows
        except _named("Error") as error:
            # A row that is no JSON, or a value that matched and does not fit: named by `_stage_exactly`.
            if _code(error).startswith(_OF_THE_DATA):
                return False
            raise

    def _stage_exactly(self, line: str = "line") -> str:
        """Type the rows value by value, or name what does not fit; return how their lines were read."""
        try:
            self._execute(_stage(DIALECT, line))
        except _named("Error") as error:
            if _code(error) not in _UNREADABLE:
                raise
            self._execute("ROLLBACK TO SAVEPOINT parsing")
            if _code(error) == _UNTRANSLATABLE and line != _WITHOUT_NUL:
                self._see_no_nul_in_columns()
                return self._stage_exactly(_WITHOUT_NUL)
            raise self._refusal(self._unreadable(_message(error))) from error
        return line

    def _see_no_nul_in_columns(self) -> None:
        """Refuse a row with U+0000 in a field that becomes a column; elsewhere it stays in `raw`, as sent."""
        query = f"SELECT object_uri, line FROM {_LINES} JOIN {_OBJECTS} USING (object) WHERE line ~ %s"
        for uri, line in self._rows(query, [r"\\u0000"]):
            if field := _holding_nul(line):
                reason = f"has \\u0000 in {field}, which no text in PostgreSQL can hold"
                raise self._refusal(f"a row of {uri} {reason}: {line[:300]}")

    def _see_no_repeated_field(self, line: str) -> None:
        """Refuse a row that has a field twice, of which `json` takes the last and others the first."""
        ((version,),) = self._rows("SELECT current_setting('server_version_num')::int")
        # It looks into nested objects too, which are nobody's column; but it takes a tenth of the time.
        suspect = f"NOT ({line} IS JSON WITH UNIQUE KEYS) AND " if version >= _KNOWS_UNIQUE_KEYS else ""
        keys = f"SELECT name FROM json_object_keys({line}::json) AS name GROUP BY name HAVING count(*) > 1"
        found = self._rows(
            f"SELECT object_uri, ({keys} LIMIT 1), line FROM {_LINES} JOIN {_OBJECTS} USING (object)\n"
            f"WHERE {suspect}EXISTS ({keys}) LIMIT 1"
        )
        if found:
            raise self._refusal(sql.repeated_field(*found[0]))

    def _stage_objects(self, fetched: Sequence[Fetched], loaded_at: datetime) -> None:
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
        self._stage_columns(_OBJECTS, columns)

    def _stage_lines(self, fetched: Sequence[Fetched]) -> None:
        self._execute(f"CREATE TEMP TABLE {_LINES} (object bigint, line text) ON COMMIT DROP")
        with tempfile.TemporaryFile() as file:
            for number, one in enumerate(fetched):
                _write_lines(file, number, one)
            file.seek(0)
            statement = f"COPY {_LINES} (object, line) FROM STDIN (FORMAT text, ENCODING 'UTF8')"
            if hasattr(self.cursor, "copy_expert"):
                self.cursor.copy_expert(statement, file, _CHUNK)
            else:
                with self.cursor.copy(statement) as copy:
                    while chunk := file.read(_CHUNK):
                        copy.write(chunk)

    def _unreadable(self, reason: str) -> str:
        """Name the object and the row that could not be read as JSON."""
        query = (
            f"SELECT object_uri, line, pg_temp.unreadable({_WITHOUT_NUL}) "
            f"FROM {_LINES} JOIN {_OBJECTS} USING (object)"
        )
        found = self._rows(
            f"SELECT * FROM ({query}) AS each(uri, line, reason) WHERE reason IS NOT NULL LIMIT 1"
        )
        if not found:
            return reason
        uri, line, reason = found[0]
        return f"a row of {uri} {reason}: {line[:300]}"

    def _miscounted(self, fetched: Sequence[Fetched]) -> str:
        read = dict(self._rows(f"SELECT object, count(*) FROM {_LINES} GROUP BY object"))
        stored = [one.loadable.manifest.object for one in fetched]
        return sql.miscounted((one, read.get(number, 0)) for number, one in enumerate(stored))

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""
        rows = [one.window_row(loaded_at) for one in loadables]
        columns: list[tuple[str, str, list[Any]]] = [
            (column.name, DIALECT.types[column.kind], [row[index] for row in rows])
            for index, column in enumerate(WINDOWS)
        ]
        self._stage_columns(sql.TOLD_WINDOWS, columns)

    def _stage_columns(self, table: str, columns: Sequence[tuple[str, str, list[Any]]]) -> None:
        """Create a temporary table from lists: two statements, however many rows there are."""
        for name, kind, values in columns:
            if kind == "text":
                _see_text(name, values)
        declared = ", ".join(f"{name} {kind}" for name, kind, _ in columns)
        given = ", ".join(f"%s::{kind}[]" for _, kind, _ in columns)
        self._execute(f"CREATE TEMP TABLE {table} ({declared}) ON COMMIT DROP")
        self._execute(
            f"INSERT INTO {table} SELECT * FROM unnest({given})", [values for *_, values in columns]
        )

    def counts(self, query: str) -> tuple[int, ...]:
        """Return the one row of numbers that `query` gives."""
        return tuple(self._rows(query)[0])

    def merge(self, statement: str) -> int:
        """Run a MERGE; return the number of rows that it touched."""
        self._execute(statement)
        return int(self.cursor.rowcount)

    def orphans(self, replaced: Sequence[tuple[str, str, str]]) -> int:
        """Count the rows last told by an object that no window has any more."""
        if not replaced:
            return 0
        query = (
            "SELECT count(*) FROM (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) "
            "AS replaced(account, endpoint, object_sha256) EXCEPT "
            f"SELECT account, endpoint, object_sha256 FROM {WINDOWS.name}) AS gone "
            f"JOIN {LIQUIDATIONS.name} USING (account, endpoint, object_sha256)"
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


def _write_lines(file: IO[bytes], number: int, one: Fetched) -> None:
    """Write an object's rows for COPY: every byte that COPY would interpret is escaped."""
    prefix = b"%d\t" % number
    with one.path.open("rb") as source:
        while lines := source.readlines(_CHUNK):
            text = b"".join(lines)
            _see_utf8(text, one)
            escaped = text.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
            body = escaped.removesuffix(b"\n").replace(b"\n", b"\n" + prefix)
            file.write(prefix + body + b"\n")


def _see_utf8(text: bytes, one: Fetched) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        message = f"{one.loadable.manifest.object.uri} is no UTF-8 text: {error.reason}. Nothing was merged"
        raise WarehouseError(message) from error
    if b"\0" in text:
        message = (
            f"{one.loadable.manifest.object.uri} holds a zero byte, so it is no JSON. Nothing was merged"
        )
        raise WarehouseError(message)


def _see_text(name: str, values: Iterable[str]) -> None:
    """See that a manifest's texts are such that PostgreSQL can hold them."""
    for value in values:
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            message = f"a manifest has {value!r} as {name}, which no text in PostgreSQL can hold"
            raise WarehouseError(f"{message}. Nothing was merged")


def _holding_nul(line: str) -> str | None:
    """Name the field that becomes a column whose value holds the character that PostgreSQL's text cannot."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    columns = ((name, row[name]) for name in row_fields() if name in row)
    return next((name for name, value in columns if "\0" in _text_of(value)), None)


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace("\\u0000", "\0")


def _fields(line: str) -> str:
    """Take a line apart, once: each field as text, a number as it was written."""
    columns = ", ".join(f'"{field}" text' for field in row_fields())
    return f"json_to_record({line}::json) AS fields({columns})"


_FUNCTIONS_TEXT: Final = (
    _FUNCTIONS.replace("$SCALE", str(DECIMAL_SCALE))
    .replace("$WHOLE", str(DECIMAL_PRECISION - DECIMAL_SCALE))
    .replace("$DECIMAL", _DECIMAL)
    .replace("$FIELDS", _fields("line"))
)


def _stage(dialect: sql.Dialect, line: str = "line") -> str:
    return (
        f"CREATE TEMP TABLE {sql.TOLD} ON COMMIT DROP AS\n"
        f"WITH {sql.PARSED} AS (\n"
        "    SELECT fields.*, line AS raw, objects.*\n"
        f"    FROM {_LINES} JOIN {_OBJECTS} AS objects USING (object)\n"
        f"    CROSS JOIN LATERAL {_fields(line)}\n"
        f")\n{sql.told_rows(dialect)}"
    )


#: the fields that `_PLAIN` casts
_CAST: Final = tuple(
    dict.fromkeys(
        f'"{field}"'
        for column in LIQUIDATIONS.of("row")
        if column.kind not in ("text", "boolean")
        for field in column.fields
    )
)
#: Digits and points alone, and no more of them than the scale and a point; a value that has the separator
#: in it fails to be cast. One search for what does not belong takes a fifth of the time of a full match.
_IS_PLAIN: Final = (
    f"greatest({', '.join(f'length({field})' for field in _CAST)}) <= {DECIMAL_SCALE + 1}\n"
    f"AND concat_ws('|', {', '.join(_CAST)}) !~ '[^0-9.|]'"
)
_STAGE_PLAIN: Final = f"{_stage(_PLAIN)}\nWHERE {_IS_PLAIN}"
_KEY: Final = ", ".join(LIQUIDATIONS.key)
_COUNT_KEYS: Final = f"SELECT count(*) FROM (SELECT DISTINCT {_KEY} FROM {sql.TOLD}) AS keys"
#: by bytes, as other warehouses compare, whatever the database's collation
_NEWEST: Final = ", ".join(
    f'{name} COLLATE "C" DESC' if name == "raw" else f"{name} DESC" for name in sql.NEWEST
)
_KEEP_NEWEST: Final = (
    f"CREATE TEMP TABLE newest_rows ON COMMIT DROP AS\n"
    f"SELECT DISTINCT ON ({_KEY}) * FROM {sql.TOLD} ORDER BY {_KEY}, {_NEWEST};\n"
    f"DROP TABLE {sql.TOLD};\n"
    f"ALTER TABLE newest_rows RENAME TO {sql.TOLD}"
)


def load_postgres(
    given: object,
    postgres_conn_id: str = "postgres_default",
    *,
    schema: str | None = None,
    wait_s: float = 300.0,
) -> Summary:
    """Load the objects of manifests into a PostgreSQL database; see `load`."""
    return load(Postgres(postgres_conn_id, schema, wait_s), given)
