"""Staging the rows of a table: their lines are copied as they are, and typed by the server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.exceptions import InconsistentManifest
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.postgres import staging
from airflow_provider_binance_liq.warehouse.postgres.errors import (
    OF_THE_DATA,
    UNREADABLE,
    UNTRANSLATABLE,
    code_of,
    message_of,
    named,
)
from airflow_provider_binance_liq.warehouse.postgres.exactness import functions_for
from airflow_provider_binance_liq.warehouse.postgres.lines import CHUNK, field_with_nul, write_lines
from airflow_provider_binance_liq.warehouse.postgres.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_binance_liq.warehouse.load import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Table

#: the first release with IS JSON WITH UNIQUE KEYS
_KNOWS_UNIQUE_KEYS: Final = 160000


@dataclass(frozen=True, slots=True)
class RowStaging(Transaction):
    """The part of a session that stages rows."""

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
        """Type the rows if all of them are plain; return whether they are."""
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
        # It searches nested objects too, which are not columns; but it takes a tenth of the time.
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


def _joined(table: Table) -> str:
    return f"{staging.lines_of(table)} JOIN {staging.objects_of(table)} USING (object)"
