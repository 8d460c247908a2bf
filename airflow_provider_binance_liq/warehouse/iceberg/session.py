"""One load into Iceberg tables: what it touches is read into DuckDB, merged there and written back.

Rows are typed, kept once and merged by the very statements of `warehouse.duckdb`, so the two cannot differ in
what a row becomes. What came out different from what was read is written back, one commit a table.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.iceberg.filters import between, group, joined, predicates
from airflow_provider_binance_liq.warehouse.iceberg.tables import (
    TYPES,
    add_columns,
    order_of,
    partitions_of,
    properties_of,
    schema_of,
)
from airflow_provider_binance_liq.warehouse.retries import Conflict
from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pyiceberg.catalog import Catalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.metadata import TableMetadata

    from airflow_provider_binance_liq.warehouse.duckdb import DuckDBSession
    from airflow_provider_binance_liq.warehouse.load import Merged, ObjectKey
    from airflow_provider_binance_liq.warehouse.manifests import Loadable, WindowKey
    from airflow_provider_binance_liq.warehouse.objects import Fetched
    from airflow_provider_binance_liq.warehouse.precedence import WindowVersion
    from airflow_provider_binance_liq.warehouse.schema import Table

#: of a snapshot: which version of this provider wrote it
VERSION_PROPERTY: Final = "binance-liq.version"
_ROWS_ONLY: Final = "Rows were committed without their windows; loading again finds them and adds the windows"


@dataclass(slots=True)
class IcebergSession:
    """The tables at one snapshot each, and a DuckDB that holds of them what a load touches."""

    local: DuckDBSession
    catalog: Catalog
    namespace: str
    tables: dict[str, IcebergTable] = field(default_factory=dict)

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Create the tables that are missing, check those that exist, and add what a release has added."""
        self.local.create_tables(tables)
        for table in (*tables, WINDOWS):
            found = self.tables[table.name] = self._open(table)
            columns = {one.name: str(one.field_type).replace(", ", ",") for one in found.schema().fields}
            # A row that is replaced is written again, so values that others have added would be lost.
            if differing := sql.difference(table, TYPES, columns, others=False):
                raise WarehouseError(differing)
            add_columns(found, sql.absent(table, columns))
            found.metadata = for_one_load(found.metadata)
            self._do(f"CREATE OR REPLACE TEMP TABLE {_stored(table)} AS FROM {table.name} LIMIT 0")

    def _open(self, table: Table) -> IcebergTable:
        from pyiceberg.exceptions import NoSuchTableError

        name = self._name(table)
        with suppress(NoSuchTableError):
            return self.catalog.load_table(name)
        self.catalog.create_namespace_if_not_exists(self.namespace)
        schema = schema_of(table)
        return self.catalog.create_table(
            name,
            schema,
            partition_spec=partitions_of(table, schema),
            sort_order=order_of(table, schema),
            properties=properties_of(table),
        )

    def _name(self, table: Table) -> tuple[str, ...]:
        return (*self.namespace.split("."), table.name)

    def lock_tables(self, tables: Sequence[Table]) -> None:
        """Do nothing: a commit that another one overtook fails."""

    def stored_windows(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, WindowVersion]:
        """Read what the windows table has between the first and the last of these windows."""
        asked = list(loadables)
        starts = [one.start for one in asked]
        self._fetch(WINDOWS, between("window_start", min(starts), max(starts)))
        return self.local.stored_windows(asked)

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key, and fetch those that are stored."""
        staged = self.local.stage_rows(table, fetched, loaded_at)
        self._fetch_staged(table)
        return staged

    def _fetch_staged(self, table: Table) -> None:
        """Fetch the stored rows whose keys are staged: found by their key alone, then read where they are."""
        sought = self._filter(table, sql.staged(table), timed=False)
        if sought is None:
            return
        columns = tuple(dict.fromkeys((*table.key, table.event_time)))
        with self._reading(table, sought, columns) as source:
            self._do(
                f"CREATE OR REPLACE TEMP TABLE met AS FROM {source} "
                f"SEMI JOIN {sql.staged(table)} {_alike(table)}"
            )
        met = self._filter(table, "met", timed=True)
        if met is not None:
            self._fetch(table, met, among=sql.staged(table))

    def _fetch(self, table: Table, where: BooleanExpression, among: str | None = None) -> None:
        """Bring rows into DuckDB's table that are not in it yet: all, or those alike rows of `among`."""
        only = f"SEMI JOIN {among} {_alike(table)}" if among else ""
        names = ", ".join(table.names)
        with self._reading(table, where, table.names) as source:
            self._do(
                f"CREATE OR REPLACE TEMP TABLE found AS SELECT {names} FROM (FROM {source} {only}) "
                f"ANTI JOIN {table.name} {_using(table)}"
            )
        (repeated,) = self.local.counts(
            f"SELECT count(*) - count(DISTINCT ({', '.join(table.key)})) FROM found"
        )
        if repeated:
            message = (
                f"{table.name} has {repeated} rows whose key another row has too, so another program writes "
                "to it; take them out. Nothing was merged"
            )
            raise WarehouseError(message)
        self._do(f"INSERT INTO {table.name} FROM found; INSERT INTO {_stored(table)} FROM found")

    @contextmanager
    def _reading(self, table: Table, where: BooleanExpression, columns: Sequence[str]) -> Iterator[str]:
        """Let DuckDB read from Iceberg, batch by batch; yields the name to read from."""
        scan = self.tables[table.name].scan(row_filter=where, selected_fields=tuple(columns))
        self.local.connection.register("iceberg_source", scan.to_arrow_batch_reader())
        try:
            yield "iceberg_source"
        finally:
            self.local.connection.unregister("iceberg_source")

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""
        self.local.stage_windows(loadables, loaded_at)

    def merge_rows(self, table: Table) -> Merged:
        """Merge the staged rows into what was fetched."""
        merged = self.local.merge_rows(table)
        # They have done their work, and what is written needs the memory.
        self._do(f"DROP TABLE {sql.staged(table)}")
        return merged

    def merge_windows(self) -> None:
        """Merge the staged windows into what was fetched."""
        self.local.merge_windows()

    def count_missing(self, table: Table, replaced: Sequence[ObjectKey]) -> int:
        """Count the rows whose latest object is one of these, and of no window any more."""
        of = predicates()
        accounts, endpoints, checksums = (set(values) for values in zip(*replaced, strict=True))
        theirs = of.In("object_sha256", checksums)
        self._fetch(table, of.And(of.In("account", accounts), of.In("endpoint", endpoints), theirs))
        self._fetch(WINDOWS, theirs)
        return self.local.count_missing(table, replaced)

    def commit(self) -> None:
        """Commit what differs from what was read: rows first, windows last. Where nothing does, nothing."""
        changed = [table for table in self._opened() if self._count_changed(table)]
        if any(table is not WINDOWS for table in changed):
            self._check_same_windows()
        written = []
        try:
            for table in changed:
                self._write(table)
                written.append(table)
        except Exception as error:
            if written:
                error.add_note(_ROWS_ONLY)
            raise

    def _opened(self) -> list[Table]:
        """Return the tables that were read, the windows last."""
        known = (*ROW_TABLES.values(), WINDOWS)
        return [table for table in known if table.name in self.tables]

    def _check_same_windows(self) -> None:
        """Check that the windows by which rows were judged newer or older are still those that were read."""
        then = self.tables[WINDOWS.name].metadata.current_snapshot_id
        if self.catalog.load_table(self._name(WINDOWS)).metadata.current_snapshot_id != then:
            message = f"another load committed windows to {WINDOWS.name}"
            raise Conflict(message)

    def _count_changed(self, table: Table) -> int:
        mine, stored, key = table.name, _stored(table), ", ".join(table.key)
        self._do(
            f"CREATE OR REPLACE TEMP TABLE {_changed(table)} AS "
            f"SELECT {key} FROM (FROM {mine} ANTI JOIN {stored} {_using(table)}) UNION ALL "
            f"SELECT {key} FROM (FROM {mine} SEMI JOIN {stored} {_using(table)} EXCEPT FROM {stored})"
        )
        return self.local.counts(f"SELECT count(*) FROM {_changed(table)}")[0]

    def _write(self, table: Table) -> None:
        """Add what is new and replace what is stored, in one commit.

        Rows to replace are deleted by their partition and one column of their key, since PyIceberg takes
        seconds over thousands of whole keys. Rows alike them go too, and so are written again.
        """
        target, changed, key = self.tables[table.name], _changed(table), ", ".join(table.key)
        self._do(
            f"CREATE OR REPLACE TEMP TABLE replaced AS FROM {_stored(table)} SEMI JOIN "
            f"(FROM {_stored(table)} SEMI JOIN {changed} {_using(table)}) AS outdated {_alike(table)}"
        )
        replaced = self._filter(table, "replaced", timed=True, listing=True)
        rows = self._arrow(
            f"SELECT {', '.join(one.name for one in target.schema().fields)} FROM {table.name} SEMI JOIN "
            f"(SELECT {key} FROM {changed} UNION SELECT {key} FROM replaced) AS written {_using(table)} "
            f"ORDER BY {', '.join(table.sorted_by)}"
        )
        rows, written_by = _required(rows, target.schema()), {VERSION_PROPERTY: __version__}
        with target.transaction() as transaction:
            if replaced is None:
                transaction.append(rows, written_by)
            else:
                transaction.overwrite(rows, replaced, written_by)

    def _filter(
        self, table: Table, source: str, *, timed: bool, listing: bool = False
    ) -> BooleanExpression | None:
        """Say where rows alike those of `source` are, or what lies between them; None: there are none.

        :param timed: whether `source` has the stored rows' time, so that files of other times are left alone.
        :param listing: whether the rows between those alike are to be left out.
        """
        column, time = table.selective, table.event_time
        values = [f"min({column}) AS low", f"max({column}) AS high"]
        values += [f"list(DISTINCT {column}) AS listed"] if listing else []
        values += [f"min({time}) AS first", f"max({time}) AS last"] if timed else []
        selected = ", ".join([*table.partitioned_by, *values])
        rows = self._arrow(f"SELECT {selected} FROM {source} GROUP BY ALL").to_pylist()
        groups = [group(row, table) for row in rows if row["low"] is not None]
        return joined(predicates().Or, groups) if groups else None

    def _arrow(self, query: str) -> Any:
        # A relation wants the result of the last statement read to its end, and of this one that is known.
        self.local.connection.execute("SELECT 0").fetchall()
        return self.local.connection.sql(query).to_arrow_table()

    def _do(self, statement: str) -> None:
        self.local.connection.execute(statement)


def for_one_load(metadata: TableMetadata) -> TableMetadata:
    """Return what a load has to know of a table; the catalog adds its snapshots to all that are there."""
    # PyIceberg repeats an append that others came before; only the whole work may be repeated here, or a row
    # that both bring would be there twice.
    alone = {**metadata.properties, "commit.retry.num-retries": "0"}
    # It copies all of this dozens of times, and every load adds snapshots.
    needed = {metadata.current_snapshot_id, *(ref.snapshot_id for ref in metadata.refs.values())}
    snapshots = [one for one in metadata.snapshots if one.snapshot_id in needed]
    return metadata.model_copy(update={"properties": alone, "snapshots": snapshots, "snapshot_log": []})


def _using(table: Table) -> str:
    return f"USING ({', '.join(table.key)})"


def _alike(table: Table) -> str:
    """Join rows that are alike: of one partition, and with the same value of what they are found by."""
    return f"USING ({', '.join((*table.partitioned_by, table.selective))})"


def _required(rows: Any, schema: Schema) -> Any:
    """Mark the columns of an Arrow table that may not be missing, which DuckDB does not state."""
    arrow = rows.schema
    for index, one in enumerate(schema.fields):
        arrow = arrow.set(index, arrow.field(index).with_nullable(not one.required))
    return rows.cast(arrow)


def _stored(table: Table) -> str:
    """Name the table of those rows that were read, as they are in Iceberg."""
    return f"stored_{table.name}"


def _changed(table: Table) -> str:
    """Name the table of the keys of those rows that the merge left otherwise than they are in Iceberg."""
    return f"changed_{table.name}"
