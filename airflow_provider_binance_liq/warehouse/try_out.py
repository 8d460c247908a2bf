r"""Try a cloud's warehouse once, on a real account: load made-up rows, and compare every value with DuckDB's.

    python -m airflow_provider_binance_liq.warehouse.try_out snowflake --conn-id snowflake_default \
        --destination s3://aws_default@bucket/try_out --via try_out_stage

The connections are Airflow's. It needs an empty schema (a database in ClickHouse, a dataset in BigQuery),
which you drop afterwards, and an empty destination: it deletes nothing. It exits with 1 if a value differs.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestObject,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES, get_warehouse, prepare
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.tables import (
    CAPITAL_FLOWS,
    LIQUIDATIONS,
    WINDOWS,
    endpoints_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
    from airflow_provider_binance_liq.warehouse.schema import Table

    #: does what an operator would do with a step, and returns the rows of a query
    Execute = Callable[[Any], list[tuple[Any, ...]]]

_TABLES: Final = (LIQUIDATIONS, CAPITAL_FLOWS, WINDOWS)
_LOADED_AT: Final = datetime(2026, 1, 5, 12, 30, 15, 123000, tzinfo=UTC)
_ORDER: Final = '"symbol":"BTCUSDT","clientOrderId":"autoclose-1","time":1767225600000'
#: 18 decimals and 2^63 - 1, exponents and a negative zero, absent, null and empty, non-ASCII and escapes
_FIRST: Final = (
    f'{{"orderId":9223372036854775807,{_ORDER},"price":"99999999999999999999.999999999999999999"}}',
    f'{{"orderId":2,{_ORDER},"price":"1.5e-3","avgPrice":1E5,"cumQuote":"-0.0","reduceOnly":true}}',
    f'{{"orderId":3,{_ORDER},"price":null,"status":"","side":"\\\\N","updateTime":1767225600001}}',
    '{"orderId":4,"symbol":"\\u5e01安","clientOrderId":"adl_autoclose","status":"a\\"b\\\\c\\nd\'%s","time":1}',
)
#: of a later extraction: a row that moved to another month, one that changed at one instant, a new one
_LATER: Final = (
    f'{{"orderId":2,{_ORDER},"price":"7","updateTime":1769904000000}}',
    f'{{"orderId":3,{_ORDER},"price":"8","updateTime":1767225600001}}',
    f'{{"orderId":5,{_ORDER},"price":"0.000000000000000001"}}',
)
_FLOWS: Final = ('{"id":1,"tranId":2,"type":"BUY_LIQUIDATION","asset":"币","amount":"-1.5","timestamp":1}',)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: a line for each step and table, and how many values differ."""

    lines: Sequence[str]
    differing: int


def try_out(warehouse: Warehouse, destination: str, via: str, execute: Execute) -> Report:
    """Load into an empty schema in every order that matters, and compare each table with DuckDB's."""
    # Not `IF NOT EXISTS`: where there is a table, this fails before anything is written.
    created = [warehouse.create_table(table).replace(" IF NOT EXISTS", "") for table in _TABLES]
    execute(warehouse.deliver([warehouse.spelled(statement) for statement in created]))
    orders, empty = endpoints_of(LIQUIDATIONS)[:2]
    flows = endpoints_of(CAPITAL_FLOWS)[0]
    first = _lay(destination, "first", _FIRST, orders, "2026-01-03T00:00:00Z")
    later = _lay(destination, "later", _LATER, orders, "2026-01-04T00:00:00Z")
    others = [
        _lay(destination, "flows", _FLOWS, flows, "2026-01-03T00:00:00Z"),
        _lay(destination, "nothing", (), empty, "2026-01-03T00:00:00Z"),
    ]
    lines = [f"{warehouse.name}, {__version__}"]
    with tempfile.TemporaryDirectory(prefix="binance-liq-try-out-") as directory:
        expected = str(Path(directory) / "expected.duckdb")
        for number, given in enumerate(([first, *others], [later], [first], [later, *others]), 1):
            load(DuckDB(expected), given, now=lambda: _LOADED_AT)
            prepared = prepare(
                given, warehouse, destination, via=via, run=str(number), now=lambda: _LOADED_AT
            )
            _run_steps(prepared or {}, execute)
            lines.append(f"load {number}: stage, check, merge (twice) and clean ran")
        found = [list(_differences(table, execute, expected)) for table in _TABLES]
    for table, differences in zip(_TABLES, found, strict=True):
        lines += [f"{table.name}: {'the same as DuckDB' if not differences else 'differs'}", *differences]
    return Report(lines, sum(map(len, found)))


def _run_steps(steps: Mapping[str, Any], execute: Execute) -> None:
    execute(steps["stage"])
    ((fits, *misfit),) = execute(steps["check"])
    if not fits:
        raise WarehouseError(*misfit)
    for step in ("merge", "merge", "clean"):
        execute(steps[step])


def _lay(destination: str, name: str, rows: Sequence[str], endpoint: str, extracted_at: str) -> Manifest:
    """Write an object, and return the manifest that an extraction would."""
    from airflow_provider_binance_liq.lake import open_destination

    url = f"{destination.rstrip('/')}/{endpoint}/{name}.ndjson"
    body = "".join(f"{row}\n" for row in rows).encode()
    path = open_destination(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return Manifest(
        endpoint=endpoint,
        account="try_out",
        window=ManifestWindow("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        filters=ManifestFilters(),
        object=ManifestObject(url, len(rows), len(body), hashlib.sha256(body).hexdigest()),
        proof=Proof(complete=True, pages=1, requests=1, weight=1, method="made up"),
        extracted_at=extracted_at,
        provider_version=__version__,
    )


def _differences(table: Table, execute: Execute, database: str) -> Iterator[str]:
    import duckdb

    query = f"SELECT {', '.join(table.names)} FROM {table.name}"
    theirs = _by_key(table, execute(query))
    with duckdb.connect(database) as connection:
        ours = _by_key(table, connection.execute(query).fetchall())
    for key in sorted({*theirs, *ours}, key=repr):
        there, here = theirs.get(key, {}), ours.get(key, {})
        for name in table.names:
            if there.get(name) != here.get(name):
                yield f"    {key}: {name} is {there.get(name)!r}, and in DuckDB {here.get(name)!r}"


def _by_key(table: Table, rows: Sequence[tuple[Any, ...]]) -> Mapping[Any, dict[str, Any]]:
    named = [dict(zip(table.names, map(_plain, row), strict=True)) for row in rows]
    return {tuple(row[name] for name in table.key): row for row in named}


def _plain(value: Any) -> Any:
    """Make an instant one of UTC, which it is where it has no zone."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _by_hook(arguments: argparse.Namespace) -> Execute:
    """Execute by the hook of an Airflow connection, as the sample DAGs' operators do."""
    from airflow.sdk import BaseHook

    hook: Any = BaseHook.get_hook(arguments.conn_id)
    dataset = {"projectId": arguments.project, "datasetId": arguments.dataset}

    def submit(script: str) -> list[tuple[Any, ...]]:
        query = {"query": script, "useLegacySql": False, "defaultDataset": dataset}
        job = hook.insert_job(
            configuration={"query": query}, project_id=arguments.project, location=arguments.location
        )
        return [tuple(row.values()) for row in job.result() or ()]

    def execute(given: Any) -> list[tuple[Any, ...]]:
        if isinstance(given, str):
            return [tuple(row) for row in hook.get_records(given)]
        hook.run(given, autocommit=True)
        return []

    return submit if arguments.warehouse == "bigquery" else execute


def parser() -> argparse.ArgumentParser:
    """Return what reads the command's options."""
    found = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name}" if __spec__ else None,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("warehouse", choices=sorted(WAREHOUSES))
    found.add_argument("--conn-id", required=True, help="Airflow connection to the warehouse")
    found.add_argument("--destination", required=True, help="URL of an empty place in the object storage")
    found.add_argument("--via", default="", help="how the warehouse reads it: see docs/clouds.md")
    for name in ("project", "dataset", "location"):
        found.add_argument(f"--{name}", help="of BigQuery alone")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    warehouse = get_warehouse(arguments.warehouse)
    report = try_out(warehouse, arguments.destination, arguments.via, _by_hook(arguments))
    sys.stdout.write("".join(f"{line}\n" for line in report.lines))
    return int(report.differing > 0)


if __name__ == "__main__":
    sys.exit(main())
