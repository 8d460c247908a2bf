"""The index of rows: each row once, whatever came when, in SQLite.

Its key keeps rows apart, its index sorts them, and memory does not notice how many there are. Bodies are
appended to a file beside it, which it says the places of.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.differences import KeyedRow
from airflow_provider_binance_liq.core.rows import describe, sort_key
from airflow_provider_binance_liq.exceptions import UnexpectedRow

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from pathlib import Path

    from airflow_provider_binance_liq.core.pages import Instant
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.core.windows import Window

_DATABASE: Final = "rows.sqlite"
_BODIES: Final = "bodies"
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


class RowIndex:
    """Rows of one extraction, in files of a directory.

    :raises sqlite3.Error: every method, where the local disk does not do its part.
    :raises OSError: the same.
    """

    def __init__(self, directory: Path) -> None:
        self._database = sqlite3.connect(directory / _DATABASE, isolation_level=None)
        # Nothing here outlives the process, so nothing has to survive a crash.
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)
        # Never committed: to write the index after each page would cost as much as to fill it.
        self._database.execute("BEGIN")
        self._bodies = (directory / _BODIES).open("w+b", buffering=_BUFFER)
        self._count = self._end = 0
        #: sort keys of the rows that were kept last
        self._last_keys: set[bytes] = set()

    def __len__(self) -> int:
        return self._count

    def bodies(self, symbols: Container[str]) -> Iterator[bytes]:
        """Hand the liquidations out, of these symbols or of all, ordered by time and key."""
        return map(itemgetter(1), self._select(_IN_ORDER, symbols))

    def by_key(self, symbols: Container[str]) -> Iterator[KeyedRow]:
        """Hand the liquidations out, of these symbols or of all, ordered by key, to be compared."""
        for key, body in self._select(_BY_KEY, symbols):
            yield KeyedRow(key, body)

    def symbols(self) -> frozenset[str]:
        """Return the symbols of all rows."""
        return frozenset(symbol for (symbol,) in self._database.execute(_SYMBOLS))

    def _select(self, query: str, symbols: Container[str]) -> Iterator[tuple[bytes, bytes]]:
        """Select rows; what names no symbol belongs to the isolated account that was asked for."""
        for symbol, key, place, size in self._database.execute(query):
            if not symbols or not symbol or symbol in symbols:
                yield key, self._body(place, size)

    def keep(self, rows: Sequence[Row]) -> int:
        """Keep rows, with one write for their bodies and one for the index; returns how many were new."""
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
        self._count += unseen
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

    def keep_only(self, window: Window, instant: Instant) -> None:
        """Drop the rows whose `instant` lies outside of `window`: they belong to another one."""
        outside = f"DELETE FROM rows WHERE {instant}_ms NOT BETWEEN ? AND ?"
        dropped = self._database.execute(outside, (window.first_ms, window.last_ms)).rowcount
        self._last_keys.clear()
        self._count -= dropped

    def close(self) -> None:
        """Close the files."""
        self._database.close()
        with suppress(OSError):  # what could not be written is thrown away with the rest
            self._bodies.close()
