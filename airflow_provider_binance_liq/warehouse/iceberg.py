"""Apache Iceberg: open tables on object storage or a disk, for those who have no warehouse.

Rows are typed, kept once and merged by DuckDB, in the very statements of `duckdb.py`: what a load touches is
read from Iceberg into a DuckDB in memory, merged there, and what came out different is written back. So the
two cannot differ in what a row becomes; `tests/warehouse_iceberg/test_iceberg_as_duckdb.py` compares them.

Iceberg commits one table at a time, and no catalog that PyIceberg knows commits two. So rows are committed
first and windows last: a window that is there has its rows, as the law of the windows table asks. Whoever
dies in between leaves rows without their window; the next load of it finds them, changes nothing and adds the
window. A commit holds only against the very snapshot that was read; where another one came first, the whole
work is done again, never a part of it.

Rows are partitioned by account and endpoint, with which their key begins: no update moves a row to another
partition, and a merge reads those of its own rows only. Time prunes by the files' bounds, since rows come in
by time and are sorted by it. Files are kept small, because replacing a row rewrites its file.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.exceptions import (
    InvalidConnection,
    InvalidRequest,
    LiquidationsError,
    StorageError,
    WarehouseBusy,
    WarehouseError,
)
from airflow_provider_binance_liq.warehouse import duckdb as local
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb import DuckDBSession, InTheWay, Patience
from airflow_provider_binance_liq.warehouse.load import Summary, load
from airflow_provider_binance_liq.warehouse.tables import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    LIQUIDATIONS,
    WINDOWS,
    Column,
    Table,
)

# PyIceberg takes half a second to import, Airflow's SDK more: both are imported in the worker.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection
    from pyiceberg.catalog import Catalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.types import IcebergType

    from airflow_provider_binance_liq.warehouse.load import Fetched, Session
    from airflow_provider_binance_liq.warehouse.manifests import Known, Loadable, WindowKey
    from airflow_provider_binance_liq.warehouse.tables import Kind

T = TypeVar("T")

_DECIMAL: Final = f"decimal({DECIMAL_PRECISION}, {DECIMAL_SCALE})"

#: Iceberg has no SQL of its own, so only its types are told.
DIALECT: Final = sql.Dialect(
    name="iceberg",
    types={
        "text": "string",
        "decimal": _DECIMAL,
        "int64": "long",
        "boolean": "boolean",
        "instant": "timestamptz",
        "instant_or_none": "timestamptz",
    },
    functions={},
    required="",
)
#: column of the key that rows are sought by, within their partition; few rows have it in common
_LISTED: Final = {LIQUIDATIONS.name: "order_id", WINDOWS.name: "window_start"}
#: column that tells files apart, since rows come in by time
_TIMED: Final = {LIQUIDATIONS.name: "updated_at", WINDOWS.name: "window_start"}
#: windows are few, and a load brings some of every account and endpoint: no partition is worth its files
PARTITIONED_BY: Final = {LIQUIDATIONS.name: ("account", "endpoint"), WINDOWS.name: ()}
SORTED_BY: Final = {
    LIQUIDATIONS.name: ("account", "endpoint", "updated_at", "symbol", "order_id"),
    WINDOWS.name: ("window_start", "account", "endpoint"),
}
#: as they are when a table is made; whoever owns it may change them
PROPERTIES: Final = {
    "format-version": "2",
    # In memory; a file on storage is a fraction of it.
    "write.target-file-size-bytes": str(32 * 1024 * 1024),
    # Every load adds a manifest: without merging, a reader would open one a day.
    "commit.manifest-merge.enabled": "true",
    # Bounds of a whole JSON text prune nothing.
    "write.metadata.metrics.column.raw": "counts",
}
#: of a snapshot: which version of this provider wrote it
VERSION_PROPERTY: Final = "binance-liq.version"
_SECRET: Final = re.compile(
    r"secret|token|credential|password|passphrase|access-key|account-key|session", re.IGNORECASE
)
_SHORT: Final = 4
_SQL_SCHEMES: Final = ("postgresql", "sqlite")


@dataclass(frozen=True, slots=True)
class Iceberg:
    """The two tables in a namespace of an Iceberg catalog.

    `properties` are PyIceberg's, and outrank those that its own configuration has for a catalog of that name.
    """

    catalog: str = "default"
    namespace: str = "binance"
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        if not isinstance(self.catalog, str) or not self.catalog.strip():
            message = f"catalog is {self.catalog!r}; give the name of an Iceberg catalog"
            raise InvalidRequest(message)
        if not isinstance(self.namespace, str) or not all(part.strip() for part in self.namespace.split(".")):
            message = (
                f"namespace is {self.namespace!r}; give the name of a namespace, levels joined by points"
            )
            raise InvalidRequest(message)

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` on the tables as they are, and commit what it changed: rows first, windows last.

        :raises WarehouseBusy: others committed first for as long as `patience.wait_s`.
        """
        try:
            return self.patience.outwait(lambda: self._once(work), str(self))
        except InTheWay as busy:
            message = (
                f"{self} were written to by others for {self.patience.wait_s:g} s ({busy}). "
                "No window of this load was noted; a retry tries again"
            )
            raise WarehouseBusy(message) from busy.__cause__

    def __str__(self) -> str:
        return f"the Iceberg tables {self.catalog}.{self.namespace}"

    def _once(self, work: Callable[[Session], T]) -> T:
        with self._translating(), closing(self._open_catalog()) as catalog, _memory() as connection:
            session = _IcebergSession(DuckDBSession(connection), catalog, self.namespace)
            result = work(session)
            session.commit()
            return result

    def _open_catalog(self) -> Catalog:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import (
            NoSuchPropertyException,
            NotInstalledError,
        )

        try:
            return load_catalog(self.catalog, **self.properties)
        except (ValueError, NoSuchPropertyException, NotInstalledError) as error:
            message = f"the Iceberg catalog {self.catalog!r} is not set up: {self._redacted(str(error))}"
            raise InvalidConnection(message) from None

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Say of every error what a retry should do, and never a secret."""
        try:
            yield
        except (LiquidationsError, InTheWay):
            raise
        except Exception as error:
            known = _translate(error, str(self))
            if known is None:
                raise
            text = " ".join(str(known).split()).removesuffix(f". {_NOTHING}")
            told = self._redacted(text)
            if not isinstance(known, InTheWay):
                told = ". ".join((told, *getattr(error, "__notes__", (_NOTHING,))))
            # The cause is logged with it, and would repeat what was just taken out.
            raise type(known)(told) from (error if self._redacted(text) == text else None)

    def _redacted(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> list[str]:
        from pyiceberg.utils.config import Config

        known: dict[str, Any] = {**(Config().get_catalog_config(self.catalog) or {}), **self.properties}
        found = {str(value) for name, value in known.items() if _SECRET.search(name)}
        with suppress(ValueError):
            found.add(urlsplit(str(known.get("uri", ""))).password or "")
        # The longest first: one may be part of another. No secret is as short as `true`.
        return sorted((one for one in found if len(one) > _SHORT), key=len, reverse=True)


_NOTHING: Final = "Nothing was merged"
_ROWS_ONLY: Final = (
    "The rows are in, their windows are not noted yet; loading again finds them, and does that"
)


@contextmanager
def _memory() -> Iterator[DuckDBPyConnection]:
    """Open a DuckDB in memory, which may grow onto a disk; by itself it would, in the working directory."""
    import duckdb

    with (
        tempfile.TemporaryDirectory(prefix="binance-liq-iceberg-") as directory,
        duckdb.connect(":memory:", config={"temp_directory": directory}) as connection,
    ):
        # What goes to Arrow carries the zone of the session.
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def _translate(error: Exception, where: str) -> Exception | None:
    """Say what a retry should do about an error; None where it is none of the warehouse's."""
    import duckdb
    from pyiceberg import exceptions as iceberg

    if isinstance(error, duckdb.Error):
        return local.translate(error, where)
    if _is_in_the_way(error):
        return InTheWay(str(error).splitlines()[0] if str(error) else type(error).__name__)
    text = f"{where}: {type(error).__name__}: {error}"
    refused = iceberg.UnauthorizedError | iceberg.ForbiddenError | iceberg.OAuthError | iceberg.SignError
    if isinstance(error, refused):
        return InvalidConnection(text)
    away = OSError | iceberg.ServerError | iceberg.ServiceUnavailableError | iceberg.TooManyRequestsError
    if isinstance(error, away) or type(error).__name__ in ("OperationalError", "InterfaceError"):
        return StorageError(text)
    if isinstance(error, ValueError) or _module(error) in ("pyiceberg", "sqlalchemy", "pyarrow"):
        return WarehouseError(text)
    return None


def _is_in_the_way(error: Exception) -> bool:
    """Tell whether somebody else committed first, or may have; the work finds out when it is done again."""
    from pyiceberg import exceptions as iceberg

    if isinstance(
        error,
        iceberg.CommitFailedException
        | iceberg.CommitStateUnknownException
        | iceberg.ValidationException
        | iceberg.WaitingForLockException
        | iceberg.TableAlreadyExistsError
        | iceberg.NamespaceAlreadyExistsError,
    ):
        return True
    if _module(error) != "sqlalchemy":
        return False
    text = str(error)
    return type(error).__name__ == "IntegrityError" or "is locked" in text or "already exists" in text


def _module(error: Exception) -> str:
    return type(error).__module__.partition(".")[0]


@dataclass(slots=True)
class _IcebergSession:
    """The tables at one snapshot each, and a DuckDB that holds of them what a load touches."""

    local: DuckDBSession
    catalog: Catalog
    namespace: str
    tables: dict[str, IcebergTable] = field(default_factory=dict)

    def create_tables(self) -> None:
        """Create the tables that are not there, check those that are, and add what a release has added."""
        self.local.create_tables()
        for table in (LIQUIDATIONS, WINDOWS):
            found = self.tables[table.name] = self._open(table)
            columns = {one.name: str(one.field_type).replace(", ", ",") for one in found.schema().fields}
            # A row that is replaced is written anew, so what others have put into it would be lost.
            if differing := sql.difference(table, DIALECT, columns, others=False):
                raise WarehouseError(differing)
            _add_columns(found, sql.absent(table, columns))
            # PyIceberg repeats an append that others came before; only the whole work may be repeated here,
            # or a row that both bring would be there twice.
            alone = {**found.metadata.properties, "commit.retry.num-retries": "0"}
            found.metadata = found.metadata.model_copy(update={"properties": alone})
            self._do(f"CREATE OR REPLACE TEMP TABLE {_stored(table)} AS FROM {table.name} LIMIT 0")

    def _open(self, table: Table) -> IcebergTable:
        from pyiceberg.exceptions import NoSuchTableError

        name = self._name(table)
        with suppress(NoSuchTableError):
            return self.catalog.load_table(name)
        self.catalog.create_namespace_if_not_exists(self.namespace)
        schema = schema_of(table)
        properties = {
            name: value
            for name, value in PROPERTIES.items()
            if not name.endswith(".raw") or "raw" in table.names
        }
        return self.catalog.create_table(
            name,
            schema,
            partition_spec=_partitions(table, schema),
            sort_order=_order(table, schema),
            properties={**properties, "comment": table.doc},
        )

    def _name(self, table: Table) -> tuple[str, ...]:
        return (*self.namespace.split("."), table.name)

    def hold_tables(self) -> None:
        """Do nothing: a commit that another one overtook fails."""

    def known(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, Known]:
        """Read what the windows table has between the first and the last of these windows."""
        asked = list(loadables)
        starts = [one.start for one in asked]
        self._fetch(WINDOWS, _between("window_start", min(starts), max(starts)))
        return self.local.known(asked)

    def stage_rows(self, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key, and fetch what is known of them."""
        staged = self.local.stage_rows(fetched, loaded_at)
        self._fetch_told()
        return staged

    def _fetch_told(self) -> None:
        """Fetch the rows whose keys are told: found by their key alone, then read where they are."""
        sought = self._filter(LIQUIDATIONS, sql.TOLD, timed=False)
        if sought is None:
            return
        columns = (*LIQUIDATIONS.key, "updated_at")
        with self._reading(LIQUIDATIONS, sought, columns) as source:
            self._do(
                f"CREATE OR REPLACE TEMP TABLE met AS FROM {source} "
                f"SEMI JOIN {sql.TOLD} {_alike(LIQUIDATIONS)}"
            )
        met = self._filter(LIQUIDATIONS, "met", timed=True)
        if met is not None:
            self._fetch(LIQUIDATIONS, met, among=sql.TOLD)

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
                f"{table.name} has {repeated} rows whose key another row has too, so somebody else writes to "
                "it; take them out. Nothing was merged"
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

    def counts(self, query: str) -> tuple[int, ...]:
        """Return the one row of numbers that `query` gives."""
        return self.local.counts(query)

    def merge(self, statement: str) -> int:
        """Run a MERGE; return the number of rows that it touched."""
        return self.local.merge(statement)

    def orphans(self, replaced: Sequence[tuple[str, str, str]]) -> int:
        """Count the rows last told by an object that no window has any more."""
        if not replaced:
            return 0
        of = _predicates()
        accounts, endpoints, checksums = (set(values) for values in zip(*replaced, strict=True))
        theirs = of.In("object_sha256", checksums)
        self._fetch(LIQUIDATIONS, of.And(of.In("account", accounts), of.In("endpoint", endpoints), theirs))
        self._fetch(WINDOWS, theirs)
        return self.local.orphans(replaced)

    def commit(self) -> None:
        """Commit what differs from what was read: rows first, windows last. Where nothing does, nothing."""
        # Staged rows have done their work, and what is written needs the memory.
        self._do(f"DROP TABLE IF EXISTS {sql.TOLD}")
        rows, windows = self._count_changed(LIQUIDATIONS), self._count_changed(WINDOWS)
        if rows:
            self._see_the_same_windows()
            self._write(LIQUIDATIONS)
        try:
            if windows:
                self._write(WINDOWS)
        except Exception as error:
            if rows:
                error.add_note(_ROWS_ONLY)
            raise

    def _see_the_same_windows(self) -> None:
        """See that the windows, by which rows were judged newer or older, are still those that were read."""
        then = self.tables[WINDOWS.name].metadata.current_snapshot_id
        if self.catalog.load_table(self._name(WINDOWS)).metadata.current_snapshot_id != then:
            message = f"another load noted windows in {WINDOWS.name}"
            raise InTheWay(message)

    def _count_changed(self, table: Table) -> int:
        if table.name not in self.tables:
            return 0
        mine, stored, key = table.name, _stored(table), ", ".join(table.key)
        self._do(
            f"CREATE OR REPLACE TEMP TABLE {_changed(table)} AS "
            f"SELECT {key} FROM (FROM {mine} ANTI JOIN {stored} {_using(table)}) UNION ALL "
            f"SELECT {key} FROM (FROM {mine} SEMI JOIN {stored} {_using(table)} EXCEPT FROM {stored})"
        )
        return self.local.counts(f"SELECT count(*) FROM {_changed(table)}")[0]

    def _write(self, table: Table) -> None:
        """Add what is new and replace what is known, in one commit.

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
            f"ORDER BY {', '.join(SORTED_BY[table.name])}"
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
        listed, time, together = _LISTED[table.name], _TIMED[table.name], PARTITIONED_BY[table.name]
        values = [f"min({listed}) AS low", f"max({listed}) AS high"]
        values += [f"list(DISTINCT {listed}) AS listed"] if listing else []
        values += [f"min({time}) AS first", f"max({time}) AS last"] if timed else []
        rows = self._arrow(f"SELECT {', '.join([*together, *values])} FROM {source} GROUP BY ALL").to_pylist()
        groups = [_group(row, together, listed, time) for row in rows if row["low"] is not None]
        return _joined(_predicates().Or, groups) if groups else None

    def _arrow(self, query: str) -> Any:
        # A relation wants the result of the last statement read to its end, and of this one that is known.
        self.local.connection.execute("SELECT 0").fetchall()
        return self.local.connection.sql(query).to_arrow_table()

    def _do(self, statement: str) -> None:
        self.local.connection.execute(statement)


def _group(row: Mapping[str, Any], together: Sequence[str], listed: str, time: str) -> BooleanExpression:
    of = _predicates()
    parts: list[BooleanExpression] = [of.EqualTo(name, row[name]) for name in together]
    parts.append(_between(listed, row["low"], row["high"]))
    if "first" in row and time != listed:
        parts.append(_between(time, row["first"], row["last"]))
    if "listed" in row:
        parts.append(of.In(listed, set(row["listed"])))
    return _joined(of.And, parts)


def _between(column: str, low: Any, high: Any) -> BooleanExpression:
    of = _predicates()
    return _joined(of.And, [of.GreaterThanOrEqual(column, low), of.LessThanOrEqual(column, high)])


def _joined(join: Callable[..., BooleanExpression], parts: Sequence[BooleanExpression]) -> BooleanExpression:
    return parts[0] if len(parts) == 1 else join(*parts)


def _predicates() -> Any:
    """Return PyIceberg's predicates: they take a name and a value, which their annotations do not say."""
    from pyiceberg import expressions

    return expressions


def _using(table: Table) -> str:
    return f"USING ({', '.join(table.key)})"


def _alike(table: Table) -> str:
    """Join rows that are alike: of one partition, and with the same of what they are sought by."""
    return f"USING ({', '.join((*PARTITIONED_BY[table.name], _LISTED[table.name]))})"


def _required(rows: Any, schema: Schema) -> Any:
    """Mark the columns of an Arrow table that may not be missing, which DuckDB does not tell."""
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


def _add_columns(found: IcebergTable, columns: Sequence[Column]) -> None:
    """Add columns to a table of the release before; whoever was faster is told apart by the commit."""
    if not columns:
        return
    types = _types()
    with found.update_schema() as update:
        for column in columns:
            update.add_column(column.name, types[column.kind], doc=column.doc)


def _types() -> Mapping[Kind, IcebergType]:
    from pyiceberg.types import BooleanType, DecimalType, LongType, StringType, TimestamptzType

    return {
        "text": StringType(),
        "decimal": DecimalType(DECIMAL_PRECISION, DECIMAL_SCALE),
        "int64": LongType(),
        "boolean": BooleanType(),
        "instant": TimestamptzType(),
        "instant_or_none": TimestamptzType(),
    }


def schema_of(table: Table) -> Schema:
    """Return the Iceberg schema of a table: its columns with what they are, its key as identifier fields."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    types = _types()
    fields = [
        NestedField(number, column.name, types[column.kind], required=column.required, doc=column.doc)
        for number, column in enumerate(table, 1)
    ]
    return Schema(*fields, identifier_field_ids=[one.field_id for one in fields if one.name in table.key])


def _partitions(table: Table, schema: Schema) -> PartitionSpec:
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    return PartitionSpec(
        *(
            PartitionField(schema.find_field(name).field_id, 1000 + number, IdentityTransform(), name)
            for number, name in enumerate(PARTITIONED_BY[table.name])
        )
    )


def _order(table: Table, schema: Schema) -> SortOrder:
    from pyiceberg.table.sorting import SortField, SortOrder
    from pyiceberg.transforms import IdentityTransform

    return SortOrder(
        *(SortField(schema.find_field(name).field_id, IdentityTransform()) for name in SORTED_BY[table.name])
    )


def read_connection(iceberg_conn_id: str) -> dict[str, str]:
    """Return the catalog's properties that an Airflow connection has, in the fields of its Iceberg provider.

    Host is the catalog's URI; login and password are the credential of a REST catalog, or the user of a
    database; the extra's members are properties by PyIceberg's own names.

    :raises InvalidConnection: there is no such connection, or a field is not what it has to be.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.log import mask_secret

    from airflow_provider_binance_liq.compat import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(iceberg_conn_id)
    except AirflowNotFoundException as error:
        raise InvalidConnection(str(error)) from error
    where = f"connection {iceberg_conn_id!r}"
    properties = _extra_properties(where, connection.extra_dejson)
    if connection.host:
        properties["uri"] = connection.host
    properties |= _credentials(where, properties, connection.login or "", connection.password or "")
    for name, value in properties.items():
        if _SECRET.search(name):
            mask_secret(value)
    if connection.password:
        mask_secret(quote(connection.password, safe=""))
    return properties


def _extra_properties(where: str, extra: Mapping[str, Any]) -> dict[str, str]:
    """Take the extra's members as they are, None and empty ones left out, as forms save them."""
    found = {}
    for name, value in extra.items():
        if isinstance(value, dict | list):
            message = (
                f"{where}: {name} in the extra holds more than one value; PyIceberg's properties are texts"
            )
            raise InvalidConnection(message)
        if value not in (None, ""):
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _credentials(where: str, properties: Mapping[str, str], login: str, password: str) -> dict[str, str]:
    uri = properties.get("uri", "")
    try:
        hidden = urlsplit(uri).password
    except ValueError as error:
        message = f"{where}: the URI of the catalog cannot be read: {error}"
        raise InvalidConnection(message) from None
    if hidden:
        message = f"{where}: the URI holds a password, and is shown as it is; put it into the field password"
        raise InvalidConnection(message)
    if uri and "://" not in uri:
        message = (
            f"{where}: host is {uri!r}; give the catalog's whole URI, such as https://catalog.example/ws/v1 "
            "or postgresql+psycopg2://db.example/catalog"
        )
        raise InvalidConnection(message)
    if not login and not password:
        return {}
    if uri.startswith(("http://", "https://")):
        return {"credential": f"{login}:{password}" if login else password}
    if uri.partition("://")[0].partition("+")[0] in _SQL_SCHEMES:
        from sqlalchemy.engine import make_url

        user = make_url(uri).set(username=login or None, password=password or None)
        return {"uri": user.render_as_string(hide_password=False)}
    message = (
        f"{where}: login and password belong to a catalog at http(s):// or in a database, not at {uri!r}"
    )
    raise InvalidConnection(message)


def load_iceberg(
    given: object,
    catalog: str = "default",
    *,
    namespace: str = "binance",
    properties: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Summary:
    """Load the objects of manifests into Iceberg tables; see `load`."""
    return load(Iceberg(catalog, namespace, properties or {}, patience or Patience()), given)
