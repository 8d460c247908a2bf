"""Preparing a load: a worker checks every object against its manifest before a warehouse reads it.

A warehouse cannot take a checksum of what it copies. What it can report is how many lines it copied, so the
manifests go with the objects: as one small object of their own below `_loads/` at the destination, copied by
the same means. Their values never stand in a statement; names of tables and keys of objects do.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.manifest import LOADS
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.exceptions import InvalidRequest, StorageError, WarehouseError
from airflow_provider_binance_liq.warehouse.clouds.bigquery import BigQuery
from airflow_provider_binance_liq.warehouse.clouds.clickhouse import ClickHouse
from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source
from airflow_provider_binance_liq.warehouse.clouds.redshift import Redshift
from airflow_provider_binance_liq.warehouse.clouds.snowflake import Snowflake
from airflow_provider_binance_liq.warehouse.load import ObjectSource, fetch_current
from airflow_provider_binance_liq.warehouse.manifests import collect, latest_of_each
from airflow_provider_binance_liq.warehouse.sql import repeated_field
from airflow_provider_binance_liq.warehouse.tables import WINDOWS, row_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
        message = f"warehouse is {name!r}; there are {', '.join(WAREHOUSES)}"
        raise InvalidRequest(message)
    return WAREHOUSES[name]


def prepare(
    given: object,
    warehouse: Warehouse,
    destination: str,
    *,
    via: str = "",
    run: str = "",
    fetch: Fetch | None = None,
    write: Callable[[str, str], None] | None = None,
    now: Callable[[], datetime] | None = None,
) -> dict[str, Any] | None:
    """Check every object, write the manifests down, and return the steps of the load; None without manifests.

    Where a window was extracted again since, so that its object is not what the given manifest says, the
    manifest that stands beside it now is loaded instead.

    :param run: keeps the tables of loads apart, which may prepare the same manifests at the same time.
    :raises InconsistentManifest: an object is not what its manifest says; nothing was written.
    :raises InvalidRequest: the warehouse cannot read what lies there.
    :raises StorageError: the destination could not be read or written.
    """
    loadables = _one_each(collect(given))
    if not loadables:
        return None
    warehouse.check_via(via)
    for one in loadables:
        _source(one, destination, warehouse)
    loadables = _check_objects(loadables, destination, fetch)
    sources = [_source(one, destination, warehouse) for one in loadables]
    lines = _lines(loadables, sources, (now or _now)())
    name = _name(run, lines)
    key = f"{LOADS}/{name}.jsonl"
    load = Load(
        name=name,
        manifests=Source(key, _url(f"{destination.rstrip('/')}/{key}")),
        objects=[source for one, source in zip(loadables, sources, strict=True) if one.manifest.object.rows],
        tables=row_tables(one.manifest.endpoint for one in loadables),
        count=len(loadables),
        via=via,
    )
    steps = warehouse.statements(load)
    (write or _write)(f"{destination.rstrip('/')}/{key}", lines)
    return {"load": name, "windows": len(loadables), "rows": _rows(loadables), **steps}


def _now() -> datetime:
    return datetime.now(UTC)


def _rows(loadables: Iterable[Loadable]) -> int:
    return sum(one.manifest.object.rows for one in loadables)


def _one_each(loadables: Iterable[Loadable]) -> list[Loadable]:
    """Keep one manifest per object: a proof before none, then the newest."""
    latest = latest_of_each(loadables, lambda one: one.manifest.object.uri)
    return sorted(latest, key=lambda one: (one.key, one.order))


def _source(one: Loadable, destination: str, warehouse: Warehouse) -> Source:
    """Name an object as the warehouse reads it."""
    stored, root = one.manifest.object, f"{_url(destination).rstrip('/')}/"
    url = _url(stored.uri)
    if not url.startswith(root):
        message = f"{url} is not below the destination {root}, which is where the warehouse reads"
        raise InvalidRequest(message)
    scheme = url.partition("://")[0]
    if scheme not in warehouse.schemes:
        message = f"{warehouse.name} cannot read {url}; it reads {', '.join(warehouse.schemes)}"
        raise InvalidRequest(message)
    return Source(url.removeprefix(root), url, stored.compression)


def _url(uri: str) -> str:
    """Take the Airflow connection out of a URL."""
    return _CONNECTION.sub(r"\1", uri)


def _check_objects(loadables: Iterable[Loadable], destination: str, fetch: Fetch | None) -> list[Loadable]:
    """Fetch each object, which checks it, and forget it again; return what is there now."""
    source, current = ObjectSource(destination, fetch), []
    for one in loadables:
        with tempfile.TemporaryDirectory(prefix="binance-liq-check-") as directory:
            found, path = fetch_current(one, source, Path(directory))
            _check_duplicate_fields(path, found)
            current.append(found)
    return _one_each(current)


def _check_duplicate_fields(path: Path, one: Loadable) -> None:
    """Refuse a row that has a field twice: some warehouses take the first, others the last."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if name := _repeated_field(line):
                raise WarehouseError(repeated_field(one.manifest.object.uri, name, line.rstrip("\n")))


def _repeated_field(line: str) -> str | None:
    try:
        row = json.loads(line, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None  # refused by the warehouse
    names: list[str] = [member[0] for member in row] if isinstance(row, tuple) else []
    if len(set(names)) == len(names):
        return None
    return next(name for place, name in enumerate(names) if name in names[:place])


def _lines(loadables: Sequence[Loadable], sources: Sequence[Source], loaded_at: datetime) -> str:
    """Write the manifests, one a line, as the rows of the windows table; every value as text."""
    rows = (
        {"object": source.key}
        | {
            column.name: _text(value)
            for column, value in zip(WINDOWS, one.window_row(loaded_at), strict=True)
        }
        for one, source in zip(loadables, sources, strict=True)
    )
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def _text(value: Any) -> str:
    """Write a value as the warehouse casts it: an instant as milliseconds."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(epoch_ms(value) if isinstance(value, datetime) else value)


def _name(run: str, lines: str) -> str:
    """Name a load: the same for a run's retries, and not the same for another run."""
    rows = [json.loads(line) for line in lines.splitlines()]
    content = [[text for name, text in row.items() if name != "loaded_at"] for row in rows]
    return hashlib.sha256(json.dumps([run, content]).encode()).hexdigest()[:16]


def _write(uri: str, lines: str) -> None:
    from airflow_provider_binance_liq.lake import open_destination

    target = open_destination(uri)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(lines, encoding="utf-8")
    except Exception as error:
        # Every store has errors of its own; what they have in common is that storage failed.
        message = (
            f"cannot write {target}: {type(error).__name__}: {error}. Nothing was loaded; a retry writes it"
        )
        raise StorageError(message) from error
