"""DuckDB: a file, or MotherDuck by its `md:` URL.

DuckDB lets one process write a file at a time and refuses the others at once, and within a process it refuses
a transaction that another one has overtaken. Several load tasks may run at once, so a refusal is waited out,
for a bounded time; a whole transaction is repeated, never a part of one.

Its JSON reader takes number tokens through double precision, and its casts round. Both would lose digits in
silence. So numbers with a fraction are quoted before the reader sees them, and a text is cast only when it
fits the type digit by digit. `tests/warehouse/test_exactness.py` holds this against 18 decimals and 2^63.
"""

from __future__ import annotations

import json
import logging
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_binance_liq.core.urls import hide_parameters
from airflow_provider_binance_liq.exceptions import (
    InconsistentManifest,
    StorageError,
    WarehouseBusy,
    WarehouseError,
)
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.load import Summary, load
from airflow_provider_binance_liq.warehouse.manifests import Known, Loadable, WindowKey
from airflow_provider_binance_liq.warehouse.tables import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    LIQUIDATIONS,
    WINDOWS,
    Table,
    row_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.load import Fetched, Session

log = logging.getLogger(__name__)
T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: what DuckDB says where the disk takes no more
_NO_ROOM: Final = "Could not write"
_MOTHERDUCK: Final = ("md:", "motherduck:")
_DECIMAL: Final = f"DECIMAL({DECIMAL_PRECISION}, {DECIMAL_SCALE})"

DIALECT: Final = sql.Dialect(
    name="duckdb",
    types={
        "text": "VARCHAR",
        "decimal": _DECIMAL,
        "int64": "BIGINT",
        "boolean": "BOOLEAN",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "instant_or_none": "TIMESTAMP WITH TIME ZONE",
    },
    functions={
        "text": "exact_text",
        "decimal": "exact_decimal",
        "int64": "exact_int64",
        "boolean": "exact_boolean",
        "instant": "exact_instant",
        "instant_or_none": "exact_instant_or_none",
    },
    required="required",
)

#: Expanded in place by DuckDB. The cheap condition comes first: nearly every text is short, without exponent.
_MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO misfit(kind, text, field, uri, raw) AS
    error(concat(field, ' is ', text, ', which is no ', kind, '; a row of ', uri, ': ', left(raw, 300)));

CREATE OR REPLACE TEMP MACRO required(value, field, uri, raw) AS
    CASE WHEN value IS NOT NULL THEN value
    ELSE error(concat('a row of ', uri, ' has no ', field, ': ', left(raw, 300))) END;

CREATE OR REPLACE TEMP MACRO exact_text(text, field, uri, raw) AS nullif(text, '');

-- Digits after the point, less trailing zeros and the exponent, are what the scale has to hold.
CREATE OR REPLACE TEMP MACRO decimals_of(text) AS
    length(regexp_extract(text, '[.]([0-9]*?)0*(?:[eE]|$)', 1))
    - coalesce(try_cast(regexp_extract(text, '[eE]([+-]?[0-9]+)$', 1) AS INTEGER), 0);

-- A cast alone would also take white space around the digits and underscores between them.
CREATE OR REPLACE TEMP MACRO fits_decimal(text) AS
    (length(text) <= $SCALE + 1 AND NOT regexp_matches(text, '[^0-9.+-]'))
    OR (regexp_full_match(text, '[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?') AND decimals_of(text) <= $SCALE);

CREATE OR REPLACE TEMP MACRO exact_decimal(text, field, uri, raw) AS
    CASE WHEN text IS NULL OR text = '' THEN NULL
    WHEN fits_decimal(text) AND try_cast(text AS $DECIMAL) IS NOT NULL THEN try_cast(text AS $DECIMAL)
    ELSE misfit('$DECIMAL', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO exact_int64(text, field, uri, raw) AS
    CASE WHEN text IS NULL OR text = '' THEN NULL
    WHEN regexp_full_match(text, '-?[0-9]+([.]0*)?') AND try_cast(text AS BIGINT) IS NOT NULL
    THEN try_cast(text AS BIGINT)
    ELSE misfit('64-bit integer', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO exact_boolean(text, field, uri, raw) AS
    CASE WHEN text IS NULL OR text = '' THEN NULL
    WHEN lower(text) IN ('true', '1') THEN true
    WHEN lower(text) IN ('false', '0') THEN false
    ELSE misfit('boolean', text, field, uri, raw) END;

-- The years 1 to 9999 are those that all readers have.
CREATE OR REPLACE TEMP MACRO instant_of(millis, text, field, uri, raw) AS
    CASE WHEN millis IS NULL THEN NULL
    WHEN millis BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(millis * 1000)
    ELSE misfit('instant in milliseconds', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO exact_instant(text, field, uri, raw) AS
    instant_of(exact_int64(text, field, uri, raw), text, field, uri, raw);

CREATE OR REPLACE TEMP MACRO exact_instant_or_none(text, field, uri, raw) AS
    instant_of(nullif(exact_int64(text, field, uri, raw), 0), text, field, uri, raw);

-- A string is taken whole, so that only numbers outside of strings are quoted. The end matches once, too,
-- or else the search would go on inside the last string; what that adds is cut off again.
CREATE OR REPLACE TEMP MACRO quote_numbers(line) AS
    regexp_replace(line, '((?:"(?:[^"\\]|\\.)*"|[^"0-9-])*)(-?[0-9][0-9.eE+-]*|$)', '\1"\2"', 'g')[:-3];

CREATE OR REPLACE TEMP MACRO has_fraction(line) AS regexp_matches(line, '[:,\[]\s*-?[0-9]+[.eE]');
""".replace("$SCALE", str(DECIMAL_SCALE)).replace("$DECIMAL", _DECIMAL)

_STAGED_OBJECTS: Final = "told_objects"
_REPEATED_FIELD: Final = (
    "SELECT object_sha256, raw,\n"
    "    list_filter(fields, lambda name, place: list_position(fields, name) < place)[1]\n"
    f"FROM (SELECT object_sha256, raw, json_keys(raw) AS fields FROM {sql.TOLD})\n"
    "WHERE list_unique(fields) < len(fields) LIMIT 1"
)
#: DuckDB's MERGE takes three times as long to insert a row as its INSERT does
_INSERT_NEW_ROWS: Final = (
    f"INSERT INTO {LIQUIDATIONS.name} BY NAME SELECT {', '.join(LIQUIDATIONS.names)}\n"
    f"FROM {sql.TOLD} ANTI JOIN {LIQUIDATIONS.name} USING ({', '.join(LIQUIDATIONS.key)})"
)


class InTheWay(Exception):
    """Somebody else writes; the transaction is to be repeated."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for others who write to the same file."""

    wait_s: float = 300.0
    shortest_s: float = 0.05
    longest_s: float = 2.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def outwait(self, attempt: Callable[[], T], warehouse: str) -> T:
        """Make the attempt, and again while others are in the way of it.

        :raises InTheWay: they still are, after `wait_s`.
        """
        deadline, pause = self.clock() + self.wait_s, self.shortest_s
        while True:
            try:
                return attempt()
            except InTheWay as busy:
                left = deadline - self.clock()
                if left <= 0:
                    raise
                log.info("%s is in use; trying again: %s", warehouse, busy)
                # Jitter keeps those who wait from coming back together.
                self.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
                pause = min(2 * pause, self.longest_s)


@dataclass(frozen=True, slots=True)
class DuckDB:
    """A DuckDB database, held for one transaction at a time."""

    #: path of a file, or `md:<database>`
    database: str
    patience: Patience = Patience()

    def __post_init__(self) -> None:
        if not self.database.strip() or self.database.startswith(":memory:"):
            named = hide_parameters(self.database)
            message = f"a database {named!r} would be gone after the task; give a path or an md: URL"
            raise WarehouseError(message)

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction, as often as it takes while others are in the way.

        :raises WarehouseBusy: they still are, after `patience.wait_s`.
        """

        def once() -> T:
            with self._transaction() as session:
                return work(session)

        try:
            return self.patience.outwait(once, shown(self.database))
        except InTheWay as busy:
            raise self._busy(busy) from busy.__cause__

    def _busy(self, busy: InTheWay) -> WarehouseBusy:
        return WarehouseBusy(
            f"{shown(self.database)} was in use by others for {self.patience.wait_s:g} s ({busy}); DuckDB "
            "takes one writer at a time, and none while another program holds the file open. Nothing was "
            "merged; a retry tries again"
        )

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        import duckdb

        if not self.database.startswith(_MOTHERDUCK):
            _make_room(Path(self.database))
        connection: DuckDBPyConnection | None = None
        try:
            connection = duckdb.connect(self.database)
            connection.begin()
            yield DuckDBSession(connection)
            connection.commit()
        except duckdb.Error as error:
            raise translate(error, self.database) from _hiding(error)
        finally:
            if connection is not None:
                # Closing rolls back what was not committed.
                connection.close()


def shown(database: str) -> str:
    """Name a database without what its URL is given along: a token among it is nobody's to read."""
    return database.partition("?")[0] if database.startswith(_MOTHERDUCK) else database


def _hiding(error: Exception) -> Exception:
    """Return an error as a log may repeat it."""
    text = hide_parameters(str(error))
    return error if text == str(error) else type(error)(text)


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the directory of the database {path} cannot be made: {error}"
        raise StorageError(message) from error


def translate(error: Exception, database: str) -> Exception:
    """Say what a retry should do about an error of DuckDB's."""
    import duckdb

    text = hide_parameters(str(error))
    database = shown(database)
    if _is_in_the_way(error, text):
        return InTheWay(text.splitlines()[0])
    unusable = isinstance(error, duckdb.IOException) and "not a valid DuckDB database" not in text
    if unusable or _NO_ROOM in text:
        return StorageError(f"{database} cannot be read or written: {text}. Nothing was merged")
    if isinstance(error, duckdb.OutOfMemoryException | duckdb.InternalException | duckdb.FatalException):
        return StorageError(f"{database}: DuckDB gave up: {text}. Nothing was merged")
    return WarehouseError(f"{database}: {text}. Nothing was merged")


def _is_in_the_way(error: Exception, text: str) -> bool:
    import duckdb

    return (
        # A commit that the disk has no room for is one of these too, and waiting gives no room.
        (isinstance(error, duckdb.TransactionException) and _NO_ROOM not in text)
        or (isinstance(error, duckdb.IOException) and "lock on file" in text)
        # A MERGE of one row per key inserts none twice: another transaction, not seen by this one, did.
        or (isinstance(error, duckdb.ConstraintException) and "Duplicate key" in text)
        # Another connection of this very process has the file open read-only, or is just closing it.
        or (isinstance(error, duckdb.ConnectionException) and "different configuration" in text)
        or "Unique file handle conflict" in text
    )


@dataclass(frozen=True, slots=True)
class DuckDBSession:
    """One transaction."""

    connection: DuckDBPyConnection

    def create_tables(self) -> None:
        """Create the tables that are not there, check those that are, and add what a release has added."""
        for table in (LIQUIDATIONS, WINDOWS):
            # Asked first: even `IF NOT EXISTS` would collide with others who create it at the same time.
            found = self._columns(table)
            if differing := found and sql.difference(table, DIALECT, found):
                raise WarehouseError(differing)
            made = sql.add_columns(table, DIALECT, found) if found else [sql.create_table(table, DIALECT)]
            for statement in made:
                self.connection.execute(statement)

    def _columns(self, table: Table) -> dict[str, str]:
        query = (
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE table_name = ? AND database_name = current_database() AND schema_name = current_schema()"
        )
        return dict(self.connection.execute(query, [table.name]).fetchall())

    def hold_tables(self) -> None:
        """Do nothing: the file has one writer, and a transaction that another one overtook fails."""

    def known(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, Known]:
        """Read what the windows table has between the first and the last of these windows."""
        starts = [_micros(one.start) for one in loadables]
        query = (
            "SELECT account, endpoint, epoch_us(window_start), epoch_us(window_end), symbols, "
            f"auto_close_type, object_sha256, complete, epoch_us(extracted_at), premises IS NOT NULL "
            f"FROM {WINDOWS.name} "
            "WHERE window_start BETWEEN make_timestamptz(?::BIGINT) AND make_timestamptz(?::BIGINT)"
        )
        rows = self.connection.execute(query, [min(starts), max(starts)]).fetchall()
        return {
            (account, endpoint, _instant(start), _instant(end), symbols, close_type): Known(
                sha256, complete, _instant(extracted), stated
            )
            for account, endpoint, start, end, symbols, close_type, *rest in rows
            for sha256, complete, extracted, stated in [rest]
        }

    def stage_rows(self, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        self.connection.execute(_MACROS)
        holding = [one for one in fetched if one.loadable.manifest.object.rows]
        self._stage_objects(holding)
        paths = [str(one.path) for one in holding]
        with _naming_objects(holding):
            self.connection.execute(
                _stage_statement(paths), [*([paths] if paths else []), _micros(loaded_at)]
            )
        self._see_no_repeated_field(holding)
        rows, repeated = *self.counts(f"SELECT count(*) FROM {sql.TOLD}"), *self.counts(sql.count_repeated())
        if rows != sum(one.loadable.manifest.object.rows for one in holding):
            raise InconsistentManifest(self._miscounted(holding))
        if repeated:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {sql.TOLD} AS {sql.newest_of_each()}")
        return rows - repeated

    def _see_no_repeated_field(self, fetched: Sequence[Fetched]) -> None:
        """Refuse a row that has a field twice, of which DuckDB takes the first and others the last."""
        found = self.connection.execute(_REPEATED_FIELD).fetchone()
        if found:
            sha256, raw, name = found
            uris = {one.loadable.manifest.object.sha256: one.loadable.manifest.object.uri for one in fetched}
            raise WarehouseError(sql.repeated_field(uris[sha256], name, raw))

    def _miscounted(self, fetched: Sequence[Fetched]) -> str:
        query = f"SELECT object_sha256, count(*) FROM {sql.TOLD} GROUP BY object_sha256"
        read = dict(self.connection.execute(query).fetchall())
        objects = {one.loadable.manifest.object.sha256: one.loadable.manifest.object for one in fetched}
        return sql.miscounted((stored, read.get(sha256, 0)) for sha256, stored in objects.items())

    def _stage_objects(self, fetched: Sequence[Fetched]) -> None:
        columns: list[tuple[str, str, list[Any]]] = [
            ("filename", "VARCHAR", [str(one.path) for one in fetched]),
            ("account", "VARCHAR", [one.loadable.manifest.account for one in fetched]),
            ("endpoint", "VARCHAR", [one.loadable.manifest.endpoint for one in fetched]),
            ("object_uri", "VARCHAR", [one.loadable.manifest.object.uri for one in fetched]),
            ("object_sha256", "VARCHAR", [one.loadable.manifest.object.sha256 for one in fetched]),
            ("extracted_at", "TIMESTAMPTZ", [one.loadable.extracted_at for one in fetched]),
            ("is_newer", "BOOLEAN", [one.is_newer for one in fetched]),
        ]
        self._stage_columns(_STAGED_OBJECTS, columns)

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""
        rows = [one.window_row(loaded_at) for one in loadables]
        columns: list[tuple[str, str, list[Any]]] = [
            (column.name, DIALECT.types[column.kind], [row[index] for row in rows])
            for index, column in enumerate(WINDOWS)
        ]
        self._stage_columns(sql.TOLD_WINDOWS, columns)

    def _stage_columns(self, table: str, columns: Sequence[tuple[str, str, list[Any]]]) -> None:
        """Create a temporary table from lists: one statement, however many rows there are."""
        selected = ", ".join(f"{_unnest(kind)} AS {name}" for name, kind, _ in columns)
        lists = [[_plain(value) for value in values] for *_, values in columns]
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {selected}", lists)

    def counts(self, query: str) -> tuple[int, ...]:
        """Return the one row of numbers that `query` gives."""
        return tuple(self.connection.execute(query).fetchone() or ())

    def merge(self, statement: str) -> int:
        """Run a MERGE; return the number of rows that it touched."""
        if statement != sql.merge_rows():
            return self.counts(statement)[0]
        # The MERGE finds these as they are told, and does not touch them.
        (inserted,), (told,) = self.counts(_INSERT_NEW_ROWS), self.counts(f"SELECT count(*) FROM {sql.TOLD}")
        return inserted if inserted == told else inserted + self.counts(statement)[0]

    def orphans(self, replaced: Sequence[tuple[str, str, str]]) -> int:
        """Count the rows last told by an object that no window has any more."""
        if not replaced:
            return 0
        accounts, endpoints, checksums = (list(values) for values in zip(*replaced, strict=True))
        query = (
            f"SELECT count(*) FROM {LIQUIDATIONS.name} WHERE (account, endpoint, object_sha256) IN "
            "(SELECT (unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]))) "
            f"AND (account, endpoint, object_sha256) NOT IN "
            f"(SELECT (account, endpoint, object_sha256) FROM {WINDOWS.name})"
        )
        return int((self.connection.execute(query, [accounts, endpoints, checksums]).fetchone() or (0,))[0])


@contextmanager
def _naming_objects(fetched: Sequence[Fetched]) -> Iterator[None]:
    """Let an error name the object where DuckDB names the local file."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        for one in fetched:
            text = text.replace(str(one.path), one.loadable.manifest.object.uri)
        raise type(error)(text) from error


def _stage_statement(paths: Sequence[str]) -> str:
    """Read, parse and type in one pass; without a file there is nothing to read, and no rows."""
    fields = json.dumps(dict.fromkeys(row_fields(), "VARCHAR"))
    source = (
        "read_ndjson_objects(?, filename = true)"
        if paths
        else "(SELECT NULL::JSON AS json, NULL::VARCHAR AS filename LIMIT 0)"
    )
    return (
        f"CREATE OR REPLACE TEMP TABLE {sql.TOLD} AS\n"
        "WITH lines AS (\n"
        f"    SELECT filename, json::VARCHAR AS raw FROM {source}\n"
        "), fields AS (\n"
        "    SELECT filename, raw, unnest(from_json(\n"
        f"        CASE WHEN has_fraction(raw) THEN quote_numbers(raw) ELSE raw END, '{fields}'))\n"
        "    FROM lines\n"
        f"), {sql.PARSED} AS (\n"
        "    SELECT fields.*, objects.account, objects.endpoint, objects.object_uri,\n"
        "        objects.object_sha256, objects.extracted_at, objects.is_newer,\n"
        "        make_timestamptz(?::BIGINT) AS loaded_at\n"
        f"    FROM fields JOIN {_STAGED_OBJECTS} AS objects USING (filename)\n"
        f")\n{sql.told_rows(DIALECT)}"
    )


def _unnest(kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "make_timestamptz(unnest(?::BIGINT[]))"
    return f"unnest(?::{kind}[])"


def _plain(value: Any) -> Any:
    return _micros(value) if isinstance(value, datetime) else value


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def load_duckdb(given: object, database: str, *, patience: Patience | None = None) -> Summary:
    """Load the objects of manifests into a DuckDB database; see `load`."""
    return load(DuckDB(database, patience or Patience()), given)
