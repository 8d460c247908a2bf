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

#: a listing that is older is repeated in the background, for the next request
FRESH_MS: Final = 60_000


class Snapshots:
    """The snapshots of all lakes that were asked for.

    :param now_ms: this machine's clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._known: dict[str, index.Snapshot] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, destination: str, *, refresh: bool = False) -> index.Snapshot:
        """Return what is known of a lake.

        :param refresh: list it first.
        :raises LiquidationsError: it cannot be read.
        """
        path = open_destination(destination)
        found = None if refresh else index.load(path, self._known.get(destination))
        if found is None:
            with self._locks[destination]:
                return self._refresh(destination)
        self._known[destination] = found
        if self._now_ms() - found.listed_at_ms > FRESH_MS:
            self._refresh_later(destination)
        return found

    def _refresh(self, destination: str) -> index.Snapshot:
        path = open_destination(destination)
        found = index.refresh(path, self._now_ms(), self._known.get(destination))
        self._known[destination] = found
        return found

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
