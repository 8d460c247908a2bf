"""Rows typed once: fetched objects become the exact values of a table's columns, whatever the warehouse.

Every warehouse takes its rows from here, so none of them can read a value in its own way. DuckDB does it: the
engine of that name in its own database, all others in one in memory that lives as long as a load.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_binance_liq.exceptions import InconsistentManifest, WarehouseError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb.exactness import (
    MACROS,
    casts,
    fits,
    is_plain,
    typed_values,
)
from airflow_provider_binance_liq.warehouse.duckdb.values import create_from_lists, micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Table

#: what DuckDB in memory may take before it writes to its directory
MEMORY: Final = "512MB"
_OBJECTS: Final = "staged_objects"
#: fields as text, a column per field of the exchange
_PARSED: Final = "parsed_rows"


@contextmanager
def in_memory() -> Iterator[DuckDBPyConnection]:
    """Open a DuckDB in memory that writes to a temporary directory what is more than `MEMORY`."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="binance-liq-typed-") as directory:
        # By itself it would write to the working directory.
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": directory,
            "memory_limit": MEMORY,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            # What goes to Arrow carries the zone of the session.
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def stage_rows(
    connection: DuckDBPyConnection,
    table: Table,
    fetched: Sequence[Fetched],
    loaded_at: datetime,
    *,
    spelled: bool = False,
) -> int:
    """Type the rows of objects into a temporary table, one per key; return how many they are.

    The table is `sql.staged(table)`: the columns of `table`, `object`, which is the place in `fetched`, and
    `is_newer`.

    :param spelled: whether decimals are kept as text, as they were sent where that is what was checked: a
        warehouse that takes their digits exactly needs them in no other form.
    :raises WarehouseError: a row has a field twice, or the key of another row that it cannot be.
    :raises InconsistentManifest: an object has another number of rows than its manifest says.
    :raises duckdb.Error: a value does not fit, or is missing, or a line is no JSON object; the message names
        the row and its object.
    """
    rows = stage_all_rows(connection, table, fetched, loaded_at, spelled=spelled)
    ((repeated,),) = connection.execute(sql.count_repeated(table)).fetchall()
    if repeated:
        check_contradictions(connection, table, sql.staged(table))
        newest = sql.newest_of_each(table)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {sql.staged(table)} AS {newest}")
    return rows - int(repeated)


def check_contradictions(connection: DuckDBPyConnection, table: Table, other: str) -> None:
    """Refuse rows that share a key and cannot be the same, such as those of two isolated accounts.

    :raises WarehouseError: the message has both.
    """
    found = connection.execute(sql.contradiction(table, other)).fetchall()
    if message := sql.contradicting(table, found):
        raise WarehouseError(message)


def stage_all_rows(
    connection: DuckDBPyConnection,
    table: Table,
    fetched: Sequence[Fetched],
    loaded_at: datetime,
    *,
    spelled: bool = False,
) -> int:
    """Do as `stage_rows` does, but keep each row of each object."""
    connection.execute(MACROS)
    _stage_objects(connection, fetched)
    paths = [str(one.path) for one in fetched if one.loadable.manifest.object.rows]
    with _naming_objects(fetched):
        connection.execute(
            _stage_statement(table, paths, spelled=spelled),
            [*([paths] if paths else []), micros(loaded_at)],
        ).fetchall()
    _check_duplicate_fields(connection, table, fetched)
    return _check_counts(connection, table, fetched)


def _stage_objects(connection: DuckDBPyConnection, fetched: Sequence[Fetched]) -> None:
    manifests = [one.loadable.manifest for one in fetched]
    columns: list[tuple[str, str, list[Any]]] = [
        ("object", "INTEGER", list(range(len(fetched)))),
        ("filename", "VARCHAR", [str(one.path) for one in fetched]),
        ("account", "VARCHAR", [manifest.account for manifest in manifests]),
        ("endpoint", "VARCHAR", [manifest.endpoint for manifest in manifests]),
        ("object_uri", "VARCHAR", [manifest.object.uri for manifest in manifests]),
        ("object_sha256", "VARCHAR", [manifest.object.sha256 for manifest in manifests]),
        ("extracted_at", "TIMESTAMPTZ", [one.loadable.extracted_at for one in fetched]),
        ("is_newer", "BOOLEAN", [one.is_newer for one in fetched]),
    ]
    create_from_lists(connection, _OBJECTS, columns)


def _stage_statement(table: Table, paths: Sequence[str], *, spelled: bool) -> str:
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
        f"), {_PARSED} AS (\n"
        "    SELECT fields.*, objects.* EXCLUDE (filename), make_timestamptz(?::BIGINT) AS loaded_at,\n"
        f"        {is_plain(table)} AS is_plain\n"
        f"    FROM fields JOIN {_OBJECTS} AS objects USING (filename)\n"
        f"), cast_rows AS (\n    SELECT *,\n{casts(table)}\n    FROM {_PARSED}\n"
        f"), fitting_rows AS (\n    SELECT *, {fits(table)} AS fits\n    FROM cast_rows\n"
        f")\nSELECT\n{typed_values(table, spelled=spelled)},\n    object,\n    is_newer\nFROM fitting_rows"
    )


@contextmanager
def _naming_objects(fetched: Sequence[Fetched]) -> Iterator[None]:
    """Let an error name the object where DuckDB names the local file."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        for one in fetched:
            # In quotes: the URI of an object on this disk has its path in it.
            if (local := f'"{one.path}"') in text:
                text = _malformed_row(one) or text.replace(local, f'"{one.loadable.manifest.object.uri}"')
        raise type(error)(text) from error


def _malformed_row(fetched: Fetched) -> str:
    """Name the first row of an object that is no JSON; DuckDB says another line, and not what is in it."""
    with fetched.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                shown = line.decode(errors="replace").rstrip("\n")[:300]
                return f"row {number} of {fetched.loadable.manifest.object.uri} is no JSON ({error}): {shown}"
    return ""


def _check_duplicate_fields(connection: DuckDBPyConnection, table: Table, fetched: Sequence[Fetched]) -> None:
    """Refuse a row that has a field twice, of which DuckDB takes the first and others the last."""
    # Compared here: in the query it would be done for each row, which takes as long as all the rest.
    if all(
        len(set(fields)) == len(fields) for (fields,) in connection.execute(_field_lists(table)).fetchall()
    ):
        return
    object_, raw, name = next(iter(connection.execute(_duplicate_field(table)).fetchall()))
    raise WarehouseError(sql.repeated_field(fetched[object_].loadable.manifest.object.uri, name, raw))


def _field_lists(table: Table) -> str:
    """Select the lists of fields that rows have, each once; most rows have that of the first."""
    return (
        "WITH first AS MATERIALIZED (\n"
        f"    SELECT json_keys(raw) AS fields FROM {sql.staged(table)} LIMIT 1\n"
        f"), all_rows AS (\n    SELECT json_keys(raw) AS fields FROM {sql.staged(table)}\n)\n"
        "SELECT DISTINCT fields FROM all_rows WHERE fields <> (SELECT fields FROM first)\n"
        "UNION ALL FROM first"
    )


def _duplicate_field(table: Table) -> str:
    return (
        "SELECT object, raw,\n"
        "    list_filter(fields, lambda name, place: list_position(fields, name) < place)[1]\n"
        f"FROM (SELECT object, raw, json_keys(raw) AS fields FROM {sql.staged(table)})\n"
        "WHERE list_unique(fields) < len(fields) LIMIT 1"
    )


def _check_counts(connection: DuckDBPyConnection, table: Table, fetched: Sequence[Fetched]) -> int:
    """Check how many rows each object has."""
    query = f"SELECT object, count(*) FROM {sql.staged(table)} GROUP BY object"
    read = dict(connection.execute(query).fetchall())
    counts = [(one.loadable.manifest.object, read.get(place, 0)) for place, one in enumerate(fetched)]
    if any(stored.rows != rows for stored, rows in counts):
        raise InconsistentManifest(sql.miscounted(counts))
    return sum(read.values())
