"""Objects and manifests laid down by hand, so that the warehouse is tested without an extraction."""

from __future__ import annotations

import gzip
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestObject,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import Summary, load
from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Lake:
    """Lays objects down under a directory, and says what an extraction would say about them."""

    directory: Path

    def lay(
        self,
        rows: list[str],
        *,
        endpoint: str = "usdm_futures",
        account: str = "desk",
        day: int = 10,
        extracted_at: str = "2026-11-11T00:00:00Z",
        complete: bool = True,
        filters: ManifestFilters | None = None,
        compression: str | None = None,
    ) -> Manifest:
        body = "".join(f"{row}\n" for row in rows).encode()
        if compression:
            body = gzip.compress(body, mtime=0)
        sha256 = hashlib.sha256(body).hexdigest()
        path = self.directory / f"{endpoint}-{account}-{day}-{sha256[:12]}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return Manifest(
            endpoint=endpoint,
            account=account,
            window=ManifestWindow(f"2026-10-{day:02}T00:00:00Z", f"2026-10-{day + 1:02}T00:00:00Z"),
            filters=filters or ManifestFilters(),
            object=ManifestObject(f"file://{path}", len(rows), len(body), sha256, compression),
            proof=Proof(complete=complete, pages=1, requests=1, weight=50, method="a page shorter than 100"),
            extracted_at=extracted_at,
            provider_version="0.1.0",
        )


@dataclass
class Spot:
    """One window's place in the lake: its object, and the manifest beside it."""

    lake: Lake

    def object(self, compression: str | None = None) -> Path:
        return self.lake.directory / f"window.ndjson{'.gz' if compression else ''}"

    @property
    def manifest(self) -> Path:
        return self.lake.directory / "window.manifest.json"

    def extract(
        self, rows: list[str], extracted_at: str, compression: str | None = None, **other: Any
    ) -> Manifest:
        """Replace what stands there, as another extraction of the window does."""
        laid = self.lake.lay(rows, extracted_at=extracted_at, compression=compression, **other)
        for form in (None, "gzip"):
            self.object(form).unlink(missing_ok=True)
        path = self.object(compression)
        (self.lake.directory / laid.object.uri.rpartition("/")[2]).rename(path)
        manifest = replace(laid, object=replace(laid.object, uri=f"file://{path}"))
        self.manifest.write_text(manifest.to_json(), encoding="utf-8")
        return manifest


def tampered(manifest: Manifest) -> Manifest:
    """Give the manifest a checksum that its object does not have."""
    return replace(manifest, object=replace(manifest.object, sha256="0" * 64))


@dataclass
class Warehouse:
    """A DuckDB file, loaded and looked at.

    Between loads of this process it may be held open: to open a file takes DuckDB longer than a small load.
    """

    path: Path
    #: let other processes have the file between loads
    shared: bool = field(default=False, kw_only=True)
    _open: Any = field(default=None, repr=False, compare=False, kw_only=True)

    def load(self, *given: Any, at: datetime = LOADED_AT, **retry: Any) -> Summary:
        self.hold()
        return load(self.engine(**retry), list(given), now=lambda: at)

    def hold(self) -> None:
        """Keep the file open until `release`, unless other processes are to open it."""
        import duckdb

        if self._open is None and not self.shared:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open = duckdb.connect(str(self.path))

    def release(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import duckdb

        self.hold()
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    def values(self, columns: str = "COLUMNS(*)", where: str = "true") -> list[tuple[str, ...]]:
        """Read columns as text, in the order of the key."""
        cast = ", ".join(f"{column}::VARCHAR" for column in columns.split(", "))
        order = "endpoint, account, symbol, order_id"
        return self.query(f"SELECT {cast} FROM binance_liquidations WHERE {where} ORDER BY {order}")

    def columns(self, where: str = "true") -> list[dict[str, str]]:
        """Read whole rows as text, by the names of their columns, in the order of the key."""
        names = [name for (name,) in self.query("SELECT column_name FROM (DESCRIBE binance_liquidations)")]
        return [dict(zip(names, values, strict=True)) for values in self.values(where=where)]

    def windows(self, columns: str = "COLUMNS(*)") -> list[tuple[str, ...]]:
        """Read columns of the windows as text, in the order of the key."""
        cast = ", ".join(f"{column}::VARCHAR" for column in columns.split(", "))
        order = "endpoint, account, window_start, window_end, symbols, auto_close_type"
        return self.query(f"SELECT {cast} FROM binance_liquidation_windows ORDER BY {order}")

    def dump(self) -> list[tuple[str, ...]]:
        """Read every table whole, as sorted text."""
        # One connection, since to open a file takes longer than to read it.
        with self._connected() as connection:
            tables = sorted(name for (name,) in connection.execute("SHOW TABLES").fetchall())
            dumps = (f"SELECT '{name}', COLUMNS(*)::VARCHAR FROM {name} ORDER BY ALL" for name in tables)
            return [row for dump in dumps for row in connection.execute(dump).fetchall()]

    def engine(self, **retry: Any) -> Any:
        return DuckDB(str(self.path), RetryPolicy(**retry))

    def empty(self) -> None:
        """Begin anew."""
        self.release()
        self.path.unlink(missing_ok=True)

    def written(self) -> object:
        """Tell what changes whenever something is written."""
        files = sorted(self.path.parent.iterdir())
        return [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in files]


def row(order_id: int = 1, updated_ms: int = 1791590400000, /, **fields: str) -> str:
    """Write a row as the exchange does; `fields` are texts of JSON values."""
    known = {
        "orderId": str(order_id),
        "symbol": '"BTCUSDT"',
        "clientOrderId": '"autoclose-1"',
        "price": '"1.5"',
        "time": str(updated_ms),
        "updateTime": str(updated_ms),
    } | fields
    return "{" + ",".join(f'"{name}":{value}' for name, value in known.items()) + "}"
