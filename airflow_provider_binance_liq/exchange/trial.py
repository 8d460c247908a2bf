"""The test of a connection: one cheap request to each family, all at once, over before a person gives up.

Each family has a thread and a client of its own. All of them have one deadline, at which their sockets are
shut down, so every thread ends with it. One family is asked first: if it says that the IP address is banned,
the others send nothing, since every request makes a ban longer.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.paging import PageQuery
from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.exchange.rate_limit_state import find_rate_limit_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.weights import RateLimitState
    from airflow_provider_binance_liq.exchange.rate_limit_state import RateLimitStore
    from airflow_provider_binance_liq.exchange.settings import ClientSettings

#: from the first request to the last byte of the last answer
DEADLINE_S: Final = 4.0
#: what threads may take to end after that
_GRACE_S: Final = 0.5
#: how long the first family may keep the others waiting
_HEAD_START_S: Final = 1.0
#: ms before now that is asked for
_SPAN_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one family answered."""

    family: str
    #: why it cannot be read; None: it can
    error: LiquidationsError | None = None
    #: whether there was no answer until the deadline
    late: bool = False
    #: ms by which its clock is ahead of this machine's; None where it did not tell
    offset_ms: int | None = None
    #: weight that is used in this minute, and its limit
    used: int = 0
    limit: int = 0


def try_families(settings: ClientSettings, within_s: float = DEADLINE_S) -> list[Outcome]:
    """Ask every family that the settings reach, and return what came of it by the deadline."""
    settings = replace(settings, timeout_s=min(settings.timeout_s, within_s), max_sleep_s=0, attempts=1)
    ends_at = time.monotonic() + within_s
    store = _OneAtATime(find_rate_limit_state(settings.origins, coordinate=settings.coordinate))
    trials = [_Trial(endpoint, settings, store, ends_at) for endpoint in _cheapest(settings)]
    for number, trial in enumerate(trials):
        trial.start()
        if number == 0:
            trial.join(_HEAD_START_S)
    for trial in trials:
        trial.join(max(0, ends_at + _GRACE_S - time.monotonic()))
    return [trial.outcome for trial in trials]


def _cheapest(settings: ClientSettings) -> Sequence[Endpoint]:
    """Choose the endpoint of each family whose request weighs least."""
    cheapest: dict[str, Endpoint] = {}
    for endpoint in sorted(ENDPOINTS.values(), key=lambda endpoint: endpoint.weight):
        cheapest.setdefault(endpoint.family.name, endpoint)
    return [cheapest[name] for name in FAMILIES if name in settings.origins]


class _Trial(threading.Thread):
    """Asks one family."""

    def __init__(
        self, endpoint: Endpoint, settings: ClientSettings, store: RateLimitStore, ends_at: float
    ) -> None:
        self._family = endpoint.family.name
        # A daemon, so that nothing that stops Airflow meanwhile waits for it.
        super().__init__(name=f"test of {self._family}", daemon=True)
        self._endpoint = endpoint
        self._settings = settings
        self._store = store
        self._ends_at = ends_at
        self.outcome = Outcome(self._family, late=True)

    def run(self) -> None:
        """Ask, and keep the outcome; no error leaves the thread."""
        client = BinanceClient(self._settings, store=self._store, ends_at=self._ends_at)
        with closing(client):
            try:
                outcome = self._ask(client)
            except LiquidationsError as error:
                outcome = Outcome(self._family, error, late=time.monotonic() >= self._ends_at)
            self.outcome = outcome

    def _ask(self, client: BinanceClient) -> Outcome:
        now_ms = client.server_time_ms(self._family)
        error = None
        try:
            number = None if self._endpoint.is_by_time else 1
            client.fetch(self._endpoint, PageQuery(now_ms - _SPAN_MS, now_ms, number=number))
        except LiquidationsError as raised:
            error = raised
        limit = client.weight_limit(self._endpoint)
        return Outcome(
            self._family,
            error,
            late=error is not None and time.monotonic() >= self._ends_at,
            offset_ms=client.clock_offset_ms(self._family),
            used=limit.used(client.now_ms(self._family)),
            limit=limit.limit,
        )


class _OneAtATime:
    """A rate limit state that several threads share."""

    def __init__(self, store: RateLimitStore) -> None:
        self._store = store
        self._lock = threading.Lock()

    @contextmanager
    def open(self) -> Iterator[RateLimitState]:
        """Return the state; changes in it are stored at the end of the block."""
        with self._lock, self._store.open() as state:
            yield state
