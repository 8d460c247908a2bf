"""The client: sends requests over HTTP, one at a time, and keeps three promises.

* The bytes that were signed are the bytes that are sent, and every attempt has its own signature.
* Nothing is sent during a ban or a Retry-After, nor when our share of the weight is used up (`throttle`).
* No key, signature or signed URL leaves it, except to the configured host: not in an error, not in a log
  (`redaction`).

Time, sleep and randomness are arguments.
"""

from __future__ import annotations

import logging
import math
import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_binance_liq.core.answers import Fail, Response, Retry, Wait, classify
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.public import read_limit, read_permissions, read_symbols, read_time
from airflow_provider_binance_liq.core.rows import UnreadableBody, read_page
from airflow_provider_binance_liq.core.signing import encode_query, sign_query
from airflow_provider_binance_liq.exceptions import (
    ClockSkew,
    ExchangeUnavailable,
    LiquidationsError,
    RequestRejected,
    UnexpectedRow,
)
from airflow_provider_binance_liq.exchange.clocks import Clocks
from airflow_provider_binance_liq.exchange.rate_limit_state import RateLimitStore, find_rate_limit_state
from airflow_provider_binance_liq.exchange.rate_limiter import RateLimiter, RequestCost
from airflow_provider_binance_liq.exchange.redaction import Redactor, hide_in_logs
from airflow_provider_binance_liq.exchange.request import (
    Request,
    Spent,
    Tries,
    of_page,
    of_permissions,
    of_public,
)
from airflow_provider_binance_liq.exchange.settings import ATTEMPTS, ClientSettings, is_loopback
from airflow_provider_binance_liq.exchange.throttle import NO_WAITS, Throttle, WaitContext
from airflow_provider_binance_liq.exchange.transport import NoAnswer, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.paging import PageQuery
    from airflow_provider_binance_liq.core.weights import PoolLimit

__all__ = ["ATTEMPTS", "BinanceClient", "ClientSettings", "Spent", "is_loopback"]

log = logging.getLogger(__name__)
T = TypeVar("T")

#: times in a row that the clock may be read again for one request
_RESYNCS: Final = 2

hide_in_logs()


class BinanceClient:
    """Sends requests to the hosts of one account.

    :param store: where the rate limit state is; by default as `settings.coordinate` says.
    :param wait_context: what is known about waits before this client starts.
    :param ends_at: the instant of the system's monotonic clock at which every attempt is over.
    :raises LiquidationsError: every method, by the branch that says what a retry should do.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        store: RateLimitStore | None = None,
        wait_context: WaitContext = NO_WAITS,
        ends_at: float = math.inf,
    ) -> None:
        self.settings = settings
        self.spent = Spent()
        self._transport = Transport(settings.timeout_s, ends_at)
        self._redact = Redactor(settings.api_key)
        #: headers of the last answer
        self.last_headers: Mapping[str, str] = {}
        store = store or find_rate_limit_state(settings.origins, coordinate=settings.coordinate)
        self._rate_limiter = RateLimiter(store, settings.weight_share, settings.weight_limits)
        self._clocks = Clocks(clock, self._rate_limiter)
        self._throttle = Throttle(
            self._rate_limiter,
            self._clocks,
            self._redact,
            wait_context,
            settings.max_sleep_s,
            monotonic,
            sleep,
            uniform,
        )
        #: when the last attempt was sent and its answer received, by the local clock
        self._sent_ms = self._received_ms = 0
        #: what the last signed request cost
        self._cost: RequestCost | None = None
        #: public paths that were requested already to learn the used weight or the limit
        self._prepared: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # What can be requested. There is nothing else: `SIGNED_PATHS`, the clocks, limits and symbols.

    def fetch(self, endpoint: Endpoint, ask: PageQuery, *, page_size: int | None = None) -> Page:
        """Request one page, of the most rows if no `page_size` is given.

        :raises SpanRefused: the exchange wants a shorter span; paging handles it.
        """
        return self._get(of_page(endpoint, ask, page_size), lambda body: read_page(body, endpoint))

    def symbols(self, endpoint: Endpoint) -> frozenset[str] | None:
        """List the symbols that `endpoint` may have rows of; None where there is no such list.

        :raises RetryableError: it is not available now; a retry may get it.
        """
        listed = endpoint.symbols
        if listed is None or listed.listed_at is None or listed.listed_by is None:
            return None
        try:
            return self._get(of_public(listed.listed_by, listed.listed_at), read_symbols)
        except RequestRejected as error:
            log.warning("The symbols of %s cannot be listed: %s", endpoint.name, error)
            return None

    def key_permissions(self) -> dict[str, bool]:
        """Request what the key may do: permission, by the exchange's name → whether it is given."""
        return self._get(of_permissions(), read_permissions)

    def server_time_ms(self, family: str) -> int:
        """Read the clock of `family`, and keep its offset from the local one."""
        found = FAMILIES[family]
        server_ms = self._get(of_public(found.clock_family, found.clock_path), read_time)
        # The server read its clock somewhere between sending and receiving the attempt that was answered.
        self._clocks.set_offset(family, server_ms - (self._sent_ms + self._received_ms) // 2)
        return server_ms

    def clock_offset_ms(self, family: str) -> int:
        """Milliseconds by which the exchange's clock is ahead of the local one, as last read."""
        return self._clocks.offset_ms(family)

    def exchange_now_ms(self, family: str) -> int:
        """Return the time on the exchange's clock, which is read first where it is not known yet."""
        if not self._clocks.is_known(family):
            self.server_time_ms(family)
        return self.now_ms(family)

    def now_ms(self, family: str) -> int:
        """Return the time on the exchange's clock."""
        return self._clocks.now_ms(family)

    def weight_limit(self, endpoint: Endpoint) -> PoolLimit:
        """Return the limit that counts the requests to `endpoint`, with what is known of its usage."""
        cost = RequestCost(endpoint.family.name, endpoint.weight_pool, endpoint.weight)
        return self._rate_limiter.pool(cost, self.now_ms(endpoint.family.name))

    def redact(self, error: LiquidationsError) -> None:
        """Remove secrets that an answer may have echoed from an error, wherever it was made."""
        error.args = tuple(self._redact(part) if isinstance(part, str) else part for part in error.args)

    def weight_usage(self) -> tuple[int, int] | None:
        """Return how much weight of the last signed request's pool is used, and how much may be."""
        if self._cost is None:
            return None
        now_ms = self.now_ms(self._cost.family)
        pool = self._rate_limiter.pool(self._cost, now_ms)
        return pool.used(now_ms), pool.allowed

    # How it is requested.

    def _get(self, request: Request, read: Callable[[bytes], T], attempts: int | None = None) -> T:
        """Send until there is an answer to use, or an error to raise."""
        tries = Tries(attempts or self.settings.attempts)
        if request.signed:
            self._prepare(request)
        while True:
            verdict: Retry | Wait | Fail | None
            answer = self._send(request, self._throttle.acquire(request))
            if isinstance(answer, Response):
                verdict = self._classify(request, answer)
                if verdict is None:
                    if request.signed:
                        self._throttle.consecutive_waits = 0
                    try:
                        return read(answer.body)
                    except UnreadableBody as error:
                        verdict = Retry(str(error))
                    except UnexpectedRow as error:
                        verdict = Fail(UnexpectedRow, str(error), "nothing was written")
            else:
                verdict = Retry(answer.cause)
            self._act_on(verdict, request, tries)

    def _prepare(self, request: Request) -> None:
        """Read what a signed request needs: the time, and the used weight and the limit of its pool.

        Each is requested at most once; where it is not available, our own count and the documented limit are
        used.
        """
        family = FAMILIES[request.family]
        now_ms = self.exchange_now_ms(request.family)
        # The state may be in a file that other processes share: what was requested already needs no look.
        if (
            family.scout_path
            and self.settings.coordinate
            and family.scout_path not in self._prepared
            and self._rate_limiter.needs_usage(request.cost, now_ms)
        ):
            self._fetch_once(request, family.scout_path, lambda _: None)
        if (
            family.limits_path
            and family.limits_path not in self._prepared
            and self._rate_limiter.needs_limit(request.cost, self.now_ms(request.family))
        ):
            limit = self._fetch_once(request, family.limits_path, read_limit)
            if limit is not None:
                self._rate_limiter.set_limit(request.cost, limit, self.now_ms(request.family))

    def _fetch_once(self, request: Request, path: str, read: Callable[[bytes], T]) -> T | None:
        """Request public data that `request` needs; None where it is not available."""
        self._prepared.add(path)
        try:
            return self._get(of_public(request.family, path), read, attempts=1)
        except (RequestRejected, ExchangeUnavailable) as error:
            log.info("Using the documented limit: %s", error)
            return None

    def _send(self, request: Request, ticket: str) -> Response | NoAnswer:
        """Send one attempt, with a timestamp and signature of its own."""
        headers = {"Accept": "application/json", "User-Agent": "airflow-provider-binance-liq"}
        target = self.settings.origins[request.family] + request.path
        if request.signed:
            headers["X-MBX-APIKEY"] = self.settings.api_key
            target = f"{target}?{self._signed_query(request)}"
            self.spent.requests += 1
            self.spent.weight += request.cost.weight
            self._cost = request.cost
        self._sent_ms = self._clocks.local_ms()
        used: int | None = None
        try:
            answer = self._transport.get(target, headers)
            self._received_ms = self._clocks.local_ms()
            if isinstance(answer, Response):
                self.last_headers, used = answer.headers, request.used_weight(answer)
        finally:
            self._rate_limiter.answer(request.cost, ticket, self.now_ms(request.family), used)
        return answer

    def _signed_query(self, request: Request) -> str:
        stamps: tuple[tuple[str, str | int], ...] = (
            ("recvWindow", self.settings.recv_window_ms),
            ("timestamp", self.now_ms(request.family)),
        )
        query = sign_query(encode_query((*request.parameters, *stamps)), self.settings.signer)
        self._redact.hide_signature(query.rpartition("=")[2])
        return query

    def _classify(self, request: Request, answer: Response) -> Retry | Wait | Fail | None:
        return classify(
            request.family,
            answer,
            now_ms=self.now_ms(request.family),
            earlier_waits=self._throttle.consecutive_waits,
            redact=self._redact,
        )

    def _act_on(self, verdict: Retry | Wait | Fail, request: Request, tries: Tries) -> None:
        """Prepare the next attempt, or raise."""
        if isinstance(verdict, Fail):
            raise verdict.error(self._redact(f"{request.name}: {verdict.detail}; {verdict.advice}"))
        if isinstance(verdict, Wait):
            self._throttle.block(verdict, request, tries)
        elif verdict.resync and request.signed:
            tries.resyncs += 1
            if tries.resyncs > _RESYNCS:
                detail = f"{verdict.detail}, although the exchange's clock was read {_RESYNCS} times"
                message = f"{request.name}: {detail}"
                raise ClockSkew(self._redact(message))
            self.server_time_ms(request.family)
        else:
            self._throttle.back_off(verdict, request, tries)
