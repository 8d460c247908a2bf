"""The spool: rows on disk while a window is read, each kept once, handed out in the object's order.

A window may hold a million rows, and pages may repeat them in any order; memory should not notice. SQLite
does both: its key keeps rows apart, its index sorts them.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from types import TracebackType

    from airflow_provider_binance_liq.core.rows import Row

_TABLE: Final = """
CREATE TABLE rows (
    symbol TEXT NOT NULL,
    order_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (symbol, order_id)
) WITHOUT ROWID
"""
# The same order may be sent again after it was updated: the later update is kept, the first spelling of it.
_KEEP: Final = """
INSERT INTO rows VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE
SET created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, body = excluded.body
WHERE excluded.updated_ms > rows.updated_ms
"""
# Ids are kept as text because they may exceed SQLite's 64 bits; shorter ones are smaller.
_IN_ORDER: Final = "SELECT symbol, body FROM rows ORDER BY created_ms, symbol, length(order_id), order_id"


class Spool:
    """Rows of one extraction, in a temporary directory that goes when it is closed."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="binance-liq-")
        self.path = Path(self._directory.name)
        self._database = sqlite3.connect(self.path / "rows.sqlite", isolation_level=None)
        # Nothing here outlives the process, so nothing has to survive a crash.
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def bodies(self, symbols: Container[str] = ()) -> Iterator[bytes]:
        """Hand the rows out, of these symbols or of all, ordered by time, symbol and order id."""
        for symbol, body in self._database.execute(_IN_ORDER):
            if not symbols or symbol in symbols:
                yield body

    def keep(self, rows: Iterable[Row]) -> int:
        """Keep rows; returns how many of them were not there yet."""
        self._database.execute("BEGIN")
        for row in rows:
            values = (row.symbol, str(row.order_id), row.created_ms, row.updated_ms, row.body)
            self._database.execute(_KEEP, values)
        self._database.execute("COMMIT")
        before, self._count = self._count, self._database.execute("SELECT count(*) FROM rows").fetchone()[0]
        return self._count - before

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()
        self._directory.cleanup()
