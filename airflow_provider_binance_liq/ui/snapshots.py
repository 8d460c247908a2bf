"""What was read of each lake, kept in the API server so that the next request need not read it again.

The index is what opens fast; this saves decoding it each time. A lake is listed if it has no index, if that
is asked for, and in the background if the last listing is older than `FRESH_MS`; one thread at a time.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.lake import index, open_destination

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

#: a listing that is older is repeated in the background, for the next request; by as much may clocks differ
FRESH_MS: Final = 60_000


class Snapshots:
    """The snapshots of all lakes that were asked for.

    :param now_ms: this machine's clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._known: dict[str, index.Snapshot] = {}
        self._loads: dict[str, index.Loads] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, destination: str, *, refresh: bool = False) -> index.Snapshot:
        """Return what is known of a lake.

        :param refresh: list it first.
        :raises LiquidationsError: it cannot be read.
        """
        asked_ms = self._now_ms()
        found = None if refresh else self._open(destination)
        # How old a listing of a later time is, by a clock that was ahead, is not known.
        if found is None or found.is_foreign or found.listed_at_ms > asked_ms + FRESH_MS:
            with self._locks[destination]:
                known = self._known.get(destination)
                # Whoever held the lock may have listed it for this request, too.
                if known is None or not asked_ms <= known.listed_at_ms <= self._now_ms():
                    self._refresh(destination)
                return self._known[destination]
        self._known[destination] = found
        if self._now_ms() - found.listed_at_ms > FRESH_MS:
            self._refresh_later(destination)
        return found

    def loads(self, destination: str) -> index.Loads:
        """Return what loads say of themselves."""
        known = self._loads.get(destination)
        self._loads[destination] = index.read_loads(open_destination(destination), known)
        return self._loads[destination]

    def _open(self, destination: str) -> index.Snapshot | None:
        """Return what is known without a listing: the index, or what could not be stored in it."""
        known = self._known.get(destination)
        found = index.load(open_destination(destination), known)
        if known is None or (found and found.listed_at_ms >= known.listed_at_ms):
            return found
        # An index that was there and is gone was perhaps not trusted.
        return known if found or not known.mark else None

    def _refresh(self, destination: str) -> None:
        known = self._known.get(destination)
        path = open_destination(destination)
        self._known[destination] = index.refresh(path, self._now_ms(), known, self._loads.get(destination))

    def _refresh_later(self, destination: str) -> None:
        lock = self._locks[destination]
        if not lock.acquire(blocking=False):
            return

        def work() -> None:
            try:
                self._refresh(destination)
            except LiquidationsError as error:
                log.warning("The lake could not be listed in the background: %s", error)
            finally:
                lock.release()

        threading.Thread(target=work, name="binance-liq-coverage", daemon=True).start()
