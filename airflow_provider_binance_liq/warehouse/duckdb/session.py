"""One transaction in DuckDB: rows are read, typed and staged in one pass, then merged."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.exceptions import InconsistentManifest, WarehouseError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.comments import missing_comments
from airflow_provider_binance_liq.warehouse.duckdb.exactness import DIALECT, MACROS
from airflow_provider_binance_liq.warehouse.load import Merged
from airflow_provider_binance_liq.warehouse.manifests import stored_windows
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.load import Fetched, ObjectKey
    from airflow_provider_binance_liq.warehouse.manifests import Loadable, WindowKey
    from airflow_provider_binance_liq.warehouse.precedence import WindowVersion
    from airflow_provider_binance_liq.warehouse.schema import Table

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_STAGED_OBJECTS: Final = "staged_objects"
#: the table that a load sees by this name
_HERE: Final = (
    "WHERE table_name = ? AND database_name = current_database() AND schema_name = current_schema()"
)


@dataclass(frozen=True, slots=True)
class DuckDBSession:
    """One transaction."""

    connection: DuckDBPyConnection

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Create the tables that are missing, check those that exist, and add what a release has added."""
        for table in (*tables, WINDOWS):
            # Asked first: even `IF NOT EXISTS` would collide with others who create it at the same time.
            found = self._columns(table)
            if differing := found and sql.difference(table, DIALECT, found):
                raise WarehouseError(differing)
            made = sql.add_columns(table, DIALECT, found) if found else [sql.create_table(table, DIALECT)]
            for statement in (*made, *self._comments(table, found, made)):
                self.connection.execute(statement)

    def _comments(self, table: Table, found: Mapping[str, str], made: Sequence[str]) -> list[str]:
        """Return the statements for comments that a table lacks; one that has a comment lacks none."""
        if not found:
            return missing_comments(table, ())
        (comment,) = self._comment(table)
        if comment is not None and not made:
            return []
        query = f"SELECT column_name FROM duckdb_columns() {_HERE} AND comment IS NOT NULL"
        commented = {name for (name,) in self.connection.execute(query, [table.name]).fetchall()}
        return missing_comments(table, commented if comment is None else {*commented, ""})

    def _columns(self, table: Table) -> dict[str, str]:
        # `duckdb_columns()` says the same, but first makes all of DuckDB's own views: that takes longer
        # than the rest of a small load.
        if not self._comment(table):
            return {}
        found = self.connection.execute(f"DESCRIBE {table.name}").fetchall()
        return {name: kind for name, kind, *_ in found}

    def _comment(self, table: Table) -> list[str | None]:
        """Return the comment on a table, None without one; nothing where there is no table."""
        query = f"SELECT comment FROM duckdb_tables() {_HERE}"
        return [comment for (comment,) in self.connection.execute(query, [table.name]).fetchall()]

    def lock_tables(self, tables: Sequence[Table]) -> None:
        """Do nothing: the file has one writer, and a transaction that another one overtook fails."""

    def stored_windows(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, WindowVersion]:
        """Read what the windows table has between the first and the last of these windows."""
        starts = [_micros(one.start) for one in loadables]
        query = (
            "SELECT account, endpoint, epoch_us(window_start), epoch_us(window_end), symbols, "
            "auto_close_type, object_sha256, complete, epoch_us(extracted_at), object_rows, "
            f"premises IS NOT NULL FROM {WINDOWS.name} "
            "WHERE window_start BETWEEN make_timestamptz(?::BIGINT) AND make_timestamptz(?::BIGINT)"
        )
        found = self.connection.execute(query, [min(starts), max(starts)]).fetchall()
        return stored_windows(found, _instant)

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        self.connection.execute(MACROS)
        filled = [one for one in fetched if one.loadable.manifest.object.rows]
        self._stage_objects(filled)
        paths = [str(one.path) for one in filled]
        with _naming_objects(filled):
            self.connection.execute(
                _stage_statement(table, paths), [*([paths] if paths else []), _micros(loaded_at)]
            )
        self._check_duplicate_fields(table, filled)
        (rows,), (repeated,) = self.counts(_count(table)), self.counts(sql.count_repeated(table))
        if rows != sum(one.loadable.manifest.object.rows for one in filled):
            raise InconsistentManifest(self._miscounted(table, filled))
        if repeated:
            newest = sql.newest_of_each(table)
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {sql.staged(table)} AS {newest}")
        return rows - repeated

    def _check_duplicate_fields(self, table: Table, fetched: Sequence[Fetched]) -> None:
        """Refuse a row that has a field twice, of which DuckDB takes the first and others the last."""
        found = next(iter(self.connection.execute(_duplicate_field(table)).fetchall()), None)
        if found:
            sha256, raw, name = found
            uris = {one.loadable.manifest.object.sha256: one.loadable.manifest.object.uri for one in fetched}
            raise WarehouseError(sql.repeated_field(uris[sha256], name, raw))

    def _miscounted(self, table: Table, fetched: Sequence[Fetched]) -> str:
        query = f"SELECT object_sha256, count(*) FROM {sql.staged(table)} GROUP BY object_sha256"
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
        self._stage_columns(sql.staged(WINDOWS), columns)

    def _stage_columns(self, table: str, columns: Sequence[tuple[str, str, list[Any]]]) -> None:
        """Create a temporary table from lists: one statement, however many rows there are."""
        selected = ", ".join(f"{_unnest(kind)} AS {name}" for name, kind, _ in columns)
        lists = [[_plain(value) for value in values] for *_, values in columns]
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {selected}", lists)

    def counts(self, query: str) -> tuple[int, ...]:
        """Return the one row of numbers that `query` gives."""
        return tuple(next(iter(self.connection.execute(query).fetchall()), ()))

    def merge_rows(self, table: Table) -> Merged:
        """Merge the staged rows: new ones by INSERT, since DuckDB's MERGE takes three times as long there."""
        updated, confirmed = self.counts(sql.count_changes(table))
        (inserted,) = self.counts(_insert_new_rows(table))
        if updated or confirmed:
            # It finds the inserted ones as they are staged, and does not touch them.
            self.connection.execute(sql.merge_rows(table))
        return Merged(inserted, updated)

    def merge_windows(self) -> None:
        """Merge the staged windows."""
        self.connection.execute(sql.merge_windows())

    def count_missing(self, table: Table, replaced: Sequence[ObjectKey]) -> int:
        """Count the rows whose latest object is one of these, and of no window any more."""
        accounts, endpoints, checksums = (list(values) for values in zip(*replaced, strict=True))
        query = (
            f"SELECT count(*) FROM {table.name} WHERE (account, endpoint, object_sha256) IN "
            "(SELECT (unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]))) "
            "AND (account, endpoint, object_sha256) NOT IN "
            f"(SELECT (account, endpoint, object_sha256) FROM {WINDOWS.name})"
        )
        # All of it: a result that is not read to its end holds the connection.
        ((missing,),) = self.connection.execute(query, [accounts, endpoints, checksums]).fetchall()
        return int(missing)


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


def _count(table: Table) -> str:
    return f"SELECT count(*) FROM {sql.staged(table)}"


def _duplicate_field(table: Table) -> str:
    return (
        "SELECT object_sha256, raw,\n"
        "    list_filter(fields, lambda name, place: list_position(fields, name) < place)[1]\n"
        f"FROM (SELECT object_sha256, raw, json_keys(raw) AS fields FROM {sql.staged(table)})\n"
        "WHERE list_unique(fields) < len(fields) LIMIT 1"
    )


def _insert_new_rows(table: Table) -> str:
    return (
        f"INSERT INTO {table.name} BY NAME SELECT {', '.join(table.names)}\n"
        f"FROM {sql.staged(table)} ANTI JOIN {table.name} USING ({', '.join(table.key)})"
    )


def _stage_statement(table: Table, paths: Sequence[str]) -> str:
    """Read, parse and type in one pass; without a file there is nothing to read, and no rows."""
    fields = json.dumps(dict.fromkeys(table.fields, "VARCHAR"))
    source = (
        "read_ndjson_objects(?, filename = true)"
        if paths
        else "(SELECT NULL::JSON AS json, NULL::VARCHAR AS filename LIMIT 0)"
    )
    return (
        f"CREATE OR REPLACE TEMP TABLE {sql.staged(table)} AS\n"
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
        f")\n{sql.typed_rows(table, DIALECT)}"
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
