"""One transaction in DuckDB: rows are typed into a staging table, then merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.comments import missing_comments
from airflow_provider_binance_liq.warehouse.duckdb import typed
from airflow_provider_binance_liq.warehouse.duckdb.exactness import TYPES
from airflow_provider_binance_liq.warehouse.duckdb.values import create_from_lists, instant_of, micros
from airflow_provider_binance_liq.warehouse.load import Merged
from airflow_provider_binance_liq.warehouse.manifests import stored_windows, window_columns
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.load import ObjectKey
    from airflow_provider_binance_liq.warehouse.manifests import Loadable, WindowKey
    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.precedence import WindowVersion
    from airflow_provider_binance_liq.warehouse.schema import Table

#: the table that a load sees by this name
_HERE: Final = "AND database_name = current_database() AND schema_name = current_schema()"
#: a table that has so many times the rows of a load is worth a look at where they are
_MANY: Final = 8
#: to write so many rows takes less than to write a row group, of 122,880
_FEW: Final = 10_000
_DAY_US: Final = 86_400_000_000
#: DuckDB's address of a row; it stays the same within a transaction
_PLACE: Final = "rowid"


@dataclass(frozen=True, slots=True)
class DuckDBSession:
    """One transaction."""

    connection: DuckDBPyConnection

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Create the tables that are missing, check those that exist, and add what a release has added."""
        comments = self._comments_on((*tables, WINDOWS))
        for table in (*tables, WINDOWS):
            # Asked first: even `IF NOT EXISTS` would collide with others who create it at the same time.
            if table.name not in comments:
                made = [sql.create_table(table, TYPES), *missing_comments(table, ())]
            else:
                made = self._upgrade(table, comments[table.name])
            for statement in made:
                self.connection.execute(statement)

    def _upgrade(self, table: Table, comment: str | None) -> list[str]:
        """Return the statements for what a table lacks of this release."""
        found = self._columns(table)
        if differing := sql.difference(table, TYPES, found):
            raise WarehouseError(differing)
        added = sql.add_columns(table, TYPES, found)
        # A table that has its own comment has those of its columns too.
        if comment is not None and not added:
            return []
        query = (
            f"SELECT column_name FROM duckdb_columns() WHERE table_name = ? {_HERE} AND comment IS NOT NULL"
        )
        commented = {name for (name,) in self.connection.execute(query, [table.name]).fetchall()}
        return [*added, *missing_comments(table, commented if comment is None else {*commented, ""})]

    def _columns(self, table: Table) -> dict[str, str]:
        # `duckdb_columns()` says the same, but first makes all of DuckDB's own views: that takes longer
        # than the rest of a small load.
        found = self.connection.execute(f"DESCRIBE {table.name}").fetchall()
        return {name: kind for name, kind, *_ in found}

    def _comments_on(self, tables: Sequence[Table]) -> dict[str, str | None]:
        """Return the comment of each of these tables that exists, None where it has none."""
        query = (
            f"SELECT table_name, comment FROM duckdb_tables() WHERE table_name IN (SELECT unnest(?)) {_HERE}"
        )
        return dict(self.connection.execute(query, [[table.name for table in tables]]).fetchall())

    def lock_tables(self, tables: Sequence[Table]) -> None:
        """Do nothing: the file has one writer, and a transaction that another one overtook fails."""

    def stored_windows(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, WindowVersion]:
        """Read what the windows table has between the first and the last of these windows."""
        starts = [micros(one.start) for one in loadables]
        query = (
            "SELECT account, endpoint, epoch_us(window_start), epoch_us(window_end), symbols, "
            "auto_close_type, object_sha256, complete, epoch_us(extracted_at), object_rows, "
            f"premises IS NOT NULL FROM {WINDOWS.name} "
            "WHERE window_start BETWEEN make_timestamptz(?::BIGINT) AND make_timestamptz(?::BIGINT)"
        )
        found = self.connection.execute(query, [min(starts), max(starts)]).fetchall()
        return stored_windows(found, instant_of)

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""
        return typed.stage_rows(self.connection, table, fetched, loaded_at)

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""
        create_from_lists(self.connection, sql.staged(WINDOWS), window_columns(loadables, loaded_at, TYPES))

    def counts(self, query: str) -> tuple[int, ...]:
        """Return the one row of numbers that `query` gives."""
        return tuple(next(iter(self.connection.execute(query).fetchall()), ()))

    def merge_rows(self, table: Table) -> Merged:
        """Merge the staged rows."""
        near = self._near(table)
        staged, inserted, updated, again = self._class_rows(table, near)
        if near and inserted and self.counts(sql.count_elsewhere(table, _PLACE)) != (0,):
            near = ""
            staged, inserted, updated, again = self._class_rows(table, near)
        if inserted < staged:
            typed.check_contradictions(self.connection, table, table.name)
        if again:
            self._write(sql.confirm_rows(table, _PLACE, near, stored=_PLACE))
        if updated:
            self._replace(table, near, updated)
        if inserted:
            # Where all are new, their places need not be looked up.
            self._write(sql.insert_rows(table, _PLACE if inserted < staged else ""))
        return Merged(inserted, updated)

    def _replace(self, table: Table, near: str, updated: int) -> None:
        """Replace rows in place, or where they are few, take them out and put them in again.

        An update makes DuckDB write every column of the row's group anew when the file is closed, also the
        text. Others may have added columns, whose values only an update keeps.
        """
        if updated > _FEW or set(self._columns(table)) != {*table.names}:
            self._write(sql.replace_rows(table, _PLACE, near, stored=_PLACE))
            return
        self._write(sql.delete_newer(table, _PLACE))
        self._write(sql.insert_rows(table, _PLACE, "newer"))

    def _class_rows(self, table: Table, near: str) -> tuple[int, ...]:
        """Class the staged rows; return how many there are, new ones, newer ones and those there again."""
        made = f"CREATE OR REPLACE TEMP TABLE {sql.classed(table)} AS"
        self._write(f"{made}\n{sql.class_rows(table, _PLACE, near, stored=_PLACE)}")
        return self.counts(sql.count_classes(table))

    def _write(self, statement: str) -> None:
        # All of it: a result that is not read to its end holds the connection.
        self.connection.execute(statement).fetchall()

    def _near(self, table: Table) -> str:
        """Bound the stored rows by their event time, where the table is much larger than what is staged.

        Without a bound DuckDB reads the whole table, since it joins by no index. A row may have moved in time
        by any amount; so what is not found within is looked for everywhere, but by its key alone.
        """
        time = table.event_time
        (stored, staged, first, last) = self.counts(
            f"SELECT (SELECT count(*) FROM {table.name}), count(*), epoch_us(min({time})), "
            f"epoch_us(max({time})) FROM {sql.staged(table)}"
        )
        if not staged or stored < _MANY * staged:
            return ""
        low, high = (f"make_timestamptz({at}::BIGINT)" for at in (first - _DAY_US, last + _DAY_US))
        return f"\n    AND target.{time} BETWEEN {low} AND {high}"

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
