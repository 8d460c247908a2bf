"""The spool: rows on disk while a window is read, each kept once, handed out in the object's order.

A window may hold a million rows, and pages may repeat them in any order; memory should not notice. Rows that
are certainly new are written as they come (`runs`). The first one of which that cannot be told moves them
all into an index (`row_index`), which costs several times as much. A process that is killed outright leaves
its directory behind; the next one on the machine removes it, once it cannot be in use any more.
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
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake.row_index import RowIndex
from airflow_provider_binance_liq.lake.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from airflow_provider_binance_liq.core.differences import KeyedRow
    from airflow_provider_binance_liq.core.pages import Instant
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.core.windows import Window

log = logging.getLogger(__name__)

_PREFIX: Final = "binance-liq-rows-"
#: of the directories with rows in them: of extractions, and of loads
_PREFIXES: Final = (_PREFIX, "binance-liq-load-", "binance-liq-typed-")
#: an extraction writes every minute or gives its worker back; one without writes for so long is not in use
_OLDEST_S: Final = 24 * 60 * 60.0
#: rows that are kept together
_BATCH: Final = 200


class Spool:
    """Rows of one extraction, in a temporary directory that goes when it is closed.

    :raises StorageError: every method, where the local disk does not do its part.
    """

    def __init__(self) -> None:
        with _on_disk():
            self._directory = tempfile.TemporaryDirectory(prefix=_PREFIX)
            self.path = Path(self._directory.name)
            self._rows: Runs | RowIndex = Runs(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def is_indexed(self) -> bool:
        """Whether an index was needed."""
        return isinstance(self._rows, RowIndex)

    def bodies(self, symbols: Container[str] = ()) -> Iterator[bytes]:
        """Hand the liquidations out, of these symbols or of all, ordered by time and key."""
        with _on_disk():
            apart = isinstance(self._rows, Runs) and self._rows.are_apart()
            yield from (self._rows if apart else self._index()).bodies(symbols)

    def by_key(self, symbols: Container[str] = ()) -> Iterator[KeyedRow]:
        """Hand the liquidations out, of these symbols or of all, ordered by key, to be compared."""
        with _on_disk():
            yield from self._index().by_key(symbols)

    def symbols(self) -> frozenset[str]:
        """Return the symbols of all rows."""
        with _on_disk():
            return self._rows.symbols()

    def keep(self, rows: Iterable[Row]) -> int:
        """Keep rows; returns how many of them were not there yet."""
        unseen, left = 0, iter(rows)
        with _on_disk():
            while batch := list(islice(left, _BATCH)):
                unseen += self._keep(batch)
        return unseen

    def _keep(self, rows: list[Row]) -> int:
        if isinstance(self._rows, RowIndex):
            return self._rows.keep(rows)
        handled, unseen = self._rows.keep(rows)
        if handled < len(rows):
            unseen += self._index().keep(rows[handled:])
        return unseen

    def _index(self) -> RowIndex:
        """Return the index, into which all rows go where there is none yet."""
        if isinstance(self._rows, Runs):
            runs, index = self._rows, RowIndex(self.path)
            try:
                for rows in runs.all_rows():
                    index.keep(rows)
            except BaseException:
                index.close()
                raise
            self._rows = index
            runs.close()
        return self._rows

    def keep_only(self, window: Window, instant: Instant) -> None:
        """Drop the rows whose `instant` lies outside of `window`: they belong to another one."""
        with _on_disk():
            self._rows.keep_only(window, instant)

    def close(self) -> None:
        """Give the disk space back."""
        self._rows.close()
        self._directory.cleanup()


def sweep_spools(now_s: float | None = None) -> int:
    """Remove the directories of this user's processes that were killed; returns how many.

    It never fails: what cannot be removed is not in anybody's way.
    """
    now_s = time.time() if now_s is None else now_s
    removed = 0
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            if path.name.startswith(_PREFIXES) and _is_left(path, now_s):
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
