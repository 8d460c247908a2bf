"""Write the rows and windows at a destination as Parquet, one file per table, typed as in a warehouse.

Every object is checked against its manifest, and rows are merged by the rules of a load: the files have the
newest version of each. Nothing is written before everything is checked. It needs the extra `duckdb`.

Exit status: 0 if the files were written; 2 if not.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.cli_common import absolute, add_destination, airflow_on_stderr
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import (
    InconsistentManifest,
    InvalidRequest,
    LiquidationsError,
    StorageError,
)
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.lake.storage import scratch
from airflow_provider_binance_liq.lake.verify.findings import redact
from airflow_provider_binance_liq.lake.verify.holdings import read_holdings
from airflow_provider_binance_liq.lake.verify.report import printable
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.tables import WINDOWS, row_tables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.warehouse.schema import Table

_NOT_WRITTEN: Final = 2
#: objects are on the local disk for so many windows at once
_AT_ONCE: Final = 500


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_destination(parser)
    parser.add_argument(
        "--to",
        required=True,
        type=Path,
        metavar="DIRECTORY",
        help="a local directory for the files, created if it does not exist; files of an earlier export are "
        "replaced",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export, print what was written and return the exit status."""
    try:
        with airflow_on_stderr():
            written = export(absolute(arguments.destination), arguments.to)
    except LiquidationsError as error:
        sys.stderr.write(printable(f"binance-liq export: {redact(str(error))}") + "\n")
        return _NOT_WRITTEN
    for path, rows in written.items():
        sys.stdout.write(f"{path}: {count(rows, 'row')}\n")
    return 0


def export(
    destination: str, directory: Path, *, now: Callable[[], datetime] | None = None
) -> dict[Path, int]:
    """Write a file per table into `directory`; return the rows of each.

    :param now: what `loaded_at` is.
    :raises InvalidRequest: there is no manifest, or the extra `duckdb` is not installed.
    :raises InconsistentManifest: a manifest cannot be used, or an object does not match its manifest.
    :raises StorageError: the destination cannot be read, or the directory cannot be written.
    :raises WarehouseError: a row does not fit its table.
    """
    if find_spec("duckdb") is None:
        raise InvalidRequest("exporting needs the extra duckdb; install airflow-provider-binance-liq[duckdb]")
    manifests = _manifests(destination)
    tables = (*row_tables(manifest.endpoint for manifest in manifests), WINDOWS)
    with scratch("binance-liq-export-") as directory_of_database:
        database = directory_of_database / "export.duckdb"
        for first in range(0, len(manifests), _AT_ONCE):
            some = manifests[first : first + _AT_ONCE]
            load(DuckDB(str(database)), some, destination=destination, now=now)
        return _write(database, tables, directory)


def _manifests(destination: str) -> Sequence[Manifest]:
    holdings = read_holdings(open_destination(destination))
    if holdings.unusable:
        first, many = holdings.unusable[0], len(holdings.unusable)
        message = f"{count(many, 'manifest')} cannot be used; the first is {first}. Nothing was written"
        raise InconsistentManifest(message)
    if not holdings.claims:
        message = f"there is no manifest below {destination}, so there is nothing to export"
        raise InvalidRequest(message)
    return [claim.manifest for claim in holdings.claims]


def _write(database: Path, tables: Sequence[Table], directory: Path) -> dict[Path, int]:
    """Copy the tables into files; readers see each of them whole, and none before all are written."""
    import duckdb

    with closing(duckdb.connect(str(database))) as connection:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".binance-liq-export-", dir=directory) as unfinished:
                rows = {table: _copy(connection, table, Path(unfinished)) for table in tables}
                for table in tables:
                    (Path(unfinished) / _file(table)).replace(directory / _file(table))
        except (OSError, duckdb.Error) as error:
            message = f"{directory} cannot be written: {error}"
            raise StorageError(message) from error
    return {directory / _file(table): many for table, many in rows.items()}


def _copy(connection: DuckDBPyConnection, table: Table, directory: Path) -> int:
    target = str(directory / _file(table)).replace("'", "''")
    order = ", ".join(table.sorted_by)
    ((rows,),) = connection.execute(
        f"COPY (FROM {table.name} ORDER BY {order}) TO '{target}' (FORMAT parquet, COMPRESSION snappy)"
    ).fetchall()
    return int(rows)


def _file(table: Table) -> str:
    return f"{table.name}.parquet"
