"""Preparing a load: a worker checks every object against its manifest and types its rows.

A warehouse cannot take a checksum of what it copies, and reads JSON in its own way. So what it copies are
Parquet files, with exact values, that this writes below `_loads/` at the destination: one for the windows,
and one for each table of rows. No value of a manifest or a row stands in a statement.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.bigquery import BigQuery
from airflow_provider_binance_liq.warehouse.clouds.clickhouse import ClickHouse
from airflow_provider_binance_liq.warehouse.clouds.loads import Load
from airflow_provider_binance_liq.warehouse.clouds.redshift import Redshift
from airflow_provider_binance_liq.warehouse.clouds.snowflake import Snowflake
from airflow_provider_binance_liq.warehouse.duckdb.files import write_files
from airflow_provider_binance_liq.warehouse.manifests import collect, latest_of_each
from airflow_provider_binance_liq.warehouse.objects import Fetched, ObjectSource, fetch_current
from airflow_provider_binance_liq.warehouse.tables import row_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
    from airflow_provider_binance_liq.warehouse.manifests import Loadable

    Fetch = Callable[[Manifest, Path], Path]

WAREHOUSES: Final[Mapping[str, Warehouse]] = {
    one.name: one for one in (BigQuery(), ClickHouse(), Redshift(), Snowflake())
}
#: an Airflow connection in a URL; the warehouse has rights of its own
_CONNECTION: Final = re.compile(r"^([a-z0-9+.-]+://)[^/@]*@", re.IGNORECASE)


def get_warehouse(name: str) -> Warehouse:
    """Return a warehouse by its name.

    :raises InvalidRequest: there is none of that name.
    """
    if name not in WAREHOUSES:
        raise InvalidRequest(unknown("warehouse", name, WAREHOUSES))
    return WAREHOUSES[name]


def prepare(
    given: object,
    warehouse: Warehouse,
    destination: str,
    *,
    via: str = "",
    run: str = "",
    fetch: Fetch | None = None,
    write: Callable[[Path, str], None] | None = None,
    now: Callable[[], datetime] | None = None,
) -> dict[str, Any] | None:
    """Check every object, write the load's files, and return the steps of the load; None without manifests.

    Where a window was extracted again since, so that its object is not what the given manifest says, the
    manifest that stands beside it now is loaded instead.

    :param run: keeps the tables of loads apart, which may prepare the same manifests at the same time.
    :param write: puts a local file to a URL.
    :raises InconsistentManifest: an object is not what its manifest says; nothing was written.
    :raises InvalidRequest: the warehouse cannot read what lies there.
    :raises WarehouseError: a value does not fit; nothing was written.
    :raises StorageError: the destination could not be read or written.
    """
    from airflow_provider_binance_liq.lake.storage import scratch

    loadables = _one_each(collect(given))
    if not loadables:
        return None
    warehouse.check_via(via)
    root = destination.rstrip("/")
    for one in loadables:
        _check_place(one, root, warehouse)
    with scratch("binance-liq-prepare-") as directory:
        fetched = _fetch_all(loadables, ObjectSource(destination, fetch), directory)
        loadables = [one.loadable for one in fetched]
        load = Load(
            name=_name(run, loadables),
            root=_url(root),
            tables=row_tables(one.manifest.endpoint for one in loadables),
            rows=write_files(warehouse, fetched, now() if now else datetime.now(UTC), directory),
            via=via,
        )
        steps = warehouse.statements(load)
        for table in load.staged_tables:
            (write or _write)(directory / f"{table.name}.parquet", f"{root}/{load.file(table)}")
    rows = sum(one.manifest.object.rows for one in loadables)
    return {"load": load.name, "windows": len(loadables), "rows": rows, **steps}


def _one_each(loadables: Iterable[Loadable]) -> list[Loadable]:
    """Keep one manifest per object: a proof before none, then the newest."""
    latest = latest_of_each(loadables, lambda one: one.manifest.object.uri)
    return sorted(latest, key=lambda one: (one.key, one.order))


def _check_place(one: Loadable, root: str, warehouse: Warehouse) -> None:
    """Check that an object is where the warehouse reads."""
    url, below = _url(one.manifest.object.uri), f"{_url(root)}/"
    if not url.startswith(below):
        message = f"{url} is not below the destination {below}, which is where the warehouse reads"
        raise InvalidRequest(message)
    if url.partition("://")[0] not in warehouse.schemes:
        message = f"{warehouse.name} cannot read {url}; it reads {', '.join(warehouse.schemes)}"
        raise InvalidRequest(message)


def _url(uri: str) -> str:
    """Take the Airflow connection out of a URL."""
    return _CONNECTION.sub(r"\1", uri)


def _fetch_all(loadables: Iterable[Loadable], source: ObjectSource, directory: Path) -> list[Fetched]:
    """Fetch each object, which checks it; what is there now, each once."""
    fetched: dict[str, Fetched] = {}
    for one in loadables:
        current = Fetched(*fetch_current(one, source, directory))
        fetched.setdefault(current.loadable.manifest.to_json(), current)
    kept = _one_each(one.loadable for one in fetched.values())
    return [fetched[one.manifest.to_json()] for one in kept]


def _name(run: str, loadables: Iterable[Loadable]) -> str:
    """Name a load: the same for a run's retries, and not the same for another run."""
    manifests = sorted(one.manifest.to_json() for one in loadables)
    return hashlib.sha256(json.dumps([run, manifests]).encode()).hexdigest()[:16]


def _write(local: Path, url: str) -> None:
    from airflow_provider_binance_liq.lake.storage import make_directory, open_destination, put, storing

    target = open_destination(url)
    with storing("write", target):
        make_directory(target.parent)
        put(local, target)
