"""The spool: rows on disk while a window is read, each kept once, handed out in the object's order.

A window may hold a million rows, and pages may repeat them in any order; memory should not notice. SQLite
does both: its key keeps rows apart, its index sorts them. Bodies are appended to a file beside the index,
which says where each one lies. A process that is killed outright leaves its directory behind; the next one on
the machine removes it, once it cannot be in use any more.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from itertools import accumulate, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from airflow_provider_binance_liq.core.differences import KeyedRow
from airflow_provider_binance_liq.core.rows import describe, sort_key
from airflow_provider_binance_liq.exceptions import StorageError, UnexpectedRow

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.core.windows import Window

log = logging.getLogger(__name__)

_PREFIX: Final = "binance-liq-rows-"
_DATABASE: Final = "rows.sqlite"
_BODIES: Final = "bodies"
#: an extraction writes every minute or gives its worker back; one without writes for so long is not in use
_OLDEST_S: Final = 24 * 60 * 60.0

#: rows that are written together
_BATCH: Final = 200
#: bytes of bodies that are read at once: rows of one time lie together
_BUFFER: Final = 64 * 1024

# Bodies are not in the index: to keep it sorted, SQLite would move them about.
_TABLE: Final = """
CREATE TABLE rows (
    key BLOB PRIMARY KEY,
    symbol TEXT NOT NULL,
    is_liquidation INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    place INTEGER NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID
"""
_INSERT: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
# The same row may be sent again after it was updated: the later update is kept, the first spelling of it. A
# liquidation is kept, whatever else was once answered under its key.
_UPDATE: Final = """
UPDATE rows
SET is_liquidation = ?3, created_ms = ?5, updated_ms = ?6, place = ?7, size = ?8
WHERE key = ?1 AND (updated_ms < ?6 OR is_liquidation < ?3)
"""
_OTHER: Final = "SELECT place, size FROM rows WHERE key = ? AND fingerprint NOT IN (?, '')"
_LIQUIDATIONS: Final = "SELECT symbol, key, place, size FROM rows WHERE is_liquidation"
_BY_KEY: Final = f"{_LIQUIDATIONS} ORDER BY key"
_IN_ORDER: Final = f"{_LIQUIDATIONS} ORDER BY created_ms, key"
_SYMBOLS: Final = "SELECT DISTINCT symbol FROM rows"


class Spool:
    """Rows of one extraction, in a temporary directory that goes when it is closed.

    :raises StorageError: every method, where the local disk does not do its part.
    """

    def __init__(self) -> None:
        with _on_disk():
            self._directory = tempfile.TemporaryDirectory(prefix=_PREFIX)
            self.path = Path(self._directory.name)
            self._database = sqlite3.connect(self.path / _DATABASE, isolation_level=None)
            # Nothing here outlives the process, so nothing has to survive a crash.
            self._database.execute("PRAGMA journal_mode = OFF")
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute(_TABLE)
            # Never committed: to write the index after each page would cost as much as to fill it.
            self._database.execute("BEGIN")
            self._bodies = (self.path / _BODIES).open("w+b", buffering=_BUFFER)
        self._count = self._end = 0
        #: sort keys of the rows that were kept last
        self._last_keys: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def bodies(self, symbols: Container[str] = ()) -> Iterator[bytes]:
        """Hand the liquidations out, of these symbols or of all, ordered by time and key."""
        return map(itemgetter(1), self._select(_IN_ORDER, symbols))

    def by_key(self, symbols: Container[str] = ()) -> Iterator[KeyedRow]:
        """Hand the liquidations out, of these symbols or of all, ordered by key, to be compared."""
        for key, body in self._select(_BY_KEY, symbols):
            yield KeyedRow(key, body)

    def symbols(self) -> frozenset[str]:
        """Return the symbols of all rows."""
        with _on_disk():
            return frozenset(symbol for (symbol,) in self._database.execute(_SYMBOLS))

    def _select(self, query: str, symbols: Container[str]) -> Iterator[tuple[bytes, bytes]]:
        """Select rows; what names no symbol belongs to the isolated account that was asked for."""
        with _on_disk():
            for symbol, key, place, size in self._database.execute(query):
                if not symbols or not symbol or symbol in symbols:
                    yield key, self._body(place, size)

    def keep(self, rows: Iterable[Row]) -> int:
        """Keep rows; returns how many of them were not there yet."""
        unseen, left = 0, iter(rows)
        with _on_disk():
            while batch := list(islice(left, _BATCH)):
                unseen += self._keep(batch)
        self._count += unseen
        return unseen

    def _keep(self, rows: list[Row]) -> int:
        """Keep rows, with one write for their bodies and one for the index."""
        bodies = [row.body for row in rows]
        places = accumulate(map(len, bodies), initial=self._end)
        self._append(b"".join(bodies))
        values = [
            (
                sort_key(row.key),
                row.symbol,
                row.is_liquidation,
                row.fingerprint,
                row.created_ms,
                row.updated_ms,
                place,
                len(row.body),
            )
            for row, place in zip(rows, places, strict=False)  # after the last one, there is one place more
        ]
        # Pages overlap, so some rows of the last one are sent again.
        last = self._last_keys
        new = [value for value in values if value[0] not in last]
        unseen = self._database.executemany(_INSERT, new).rowcount if new else 0
        # Where more of them were there already, all are looked at; what was inserted just now stays as it is.
        if unseen < len(new) or len(new) < len(values):
            for row, value in zip(rows, values, strict=True):
                if unseen < len(new) or value[0] in last:
                    self._check_same(row, value[0])
                    self._database.execute(_UPDATE, value)
        self._last_keys = {value[0] for value in values}
        return unseen

    def _append(self, bodies: bytes) -> None:
        self._bodies.seek(self._end)
        self._bodies.write(bodies)
        self._end += len(bodies)

    def _body(self, place: int, size: int) -> bytes:
        self._bodies.seek(place)
        return self._bodies.read(size)

    def _check_same(self, row: Row, key: bytes) -> None:
        """Refuse a row that has the key of another one, by what never changes of a row."""
        if not row.fingerprint:
            return
        for place, size in self._database.execute(_OTHER, (key, row.fingerprint)):
            known = self._body(place, size)
            texts = " and ".join(one.decode(errors="replace") for one in (known, row.body))
            message = f"two rows have the key {describe(row.key)}, so one would be lost: {texts}"
            raise UnexpectedRow(message)

    def keep_only(self, window: Window, instant: Literal["created", "updated"]) -> None:
        """Drop the rows whose `instant` lies outside of `window`: they belong to another one."""
        outside = f"DELETE FROM rows WHERE {instant}_ms NOT BETWEEN ? AND ?"
        with _on_disk():
            dropped = self._database.execute(outside, (window.first_ms, window.last_ms)).rowcount
        self._last_keys.clear()
        self._count -= dropped

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()
        with suppress(OSError):  # what could not be written is thrown away with the rest
            self._bodies.close()
        self._directory.cleanup()


def sweep_spools(now_s: float | None = None) -> int:
    """Remove the directories of this user's processes that were killed; returns how many.

    It never fails: what cannot be removed is not in anybody's way.
    """
    now_s = time.time() if now_s is None else now_s
    removed = 0
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            if _is_left(path, now_s):
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
    if removed:
        log.info("Removed the rows of %d processes that were killed", removed)
    return removed


def _is_left(path: Path, now_s: float) -> bool:
    try:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        written = [found.st_mtime, *(one.lstat().st_mtime for one in path.iterdir())]
    except OSError:
        return False
    return now_s - max(written) > _OLDEST_S


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        message = (
            f"the rows cannot be kept on the worker's local disk: {error}. Nothing was written. Make room "
            "there, then retry"
        )
        raise StorageError(message) from error
