"""The client: drives the core over HTTP, one request at a time, and keeps three promises.

* The bytes that were signed are the bytes that are sent, and every attempt is signed anew.
* Nothing is sent while a ban or a Retry-After lasts, nor when our share of the weight is used up (`gate`).
* No key, signature or signed URL leaves it, except to the configured host: not in an error, not in a log
  (`redaction`).

Time, sleep and randomness are arguments.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_binance_liq.core.answers import Again, Fail, Hold, Response, judge
from airflow_provider_binance_liq.core.endpoints import FAMILIES, Endpoint
from airflow_provider_binance_liq.core.public import read_limit, read_symbols, read_time
from airflow_provider_binance_liq.core.rows import UnreadableBody, read_page
from airflow_provider_binance_liq.core.signing import encode_query, sign_query
from airflow_provider_binance_liq.exceptions import (
    ClockSkew,
    ExchangeUnavailable,
    LiquidationsError,
    RequestRejected,
    SpanRefused,
    UnexpectedRow,
)
from airflow_provider_binance_liq.exchange.clocks import Clocks
from airflow_provider_binance_liq.exchange.gate import NO_WAITS, Gate, WaitState
from airflow_provider_binance_liq.exchange.rate_limit_state import Ledger, find_ledger
from airflow_provider_binance_liq.exchange.rate_limiter import Pacer
from airflow_provider_binance_liq.exchange.redaction import Redactor, hide_in_logs
from airflow_provider_binance_liq.exchange.request import Request, Spent, Tries, of_page, of_public
from airflow_provider_binance_liq.exchange.settings import ATTEMPTS, Settings, is_loopback
from airflow_provider_binance_liq.exchange.transport import NoAnswer, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_binance_liq.core.paging import Ask
    from airflow_provider_binance_liq.core.rows import Page
    from airflow_provider_binance_liq.exchange.rate_limiter import Draw

__all__ = ["ATTEMPTS", "BinanceClient", "Settings", "Spent", "is_loopback"]

log = logging.getLogger(__name__)
T = TypeVar("T")

#: times in a row that the clock may be read again for one request
_RESYNCS: Final = 2

hide_in_logs()


class BinanceClient:
    """Sends what the core decides to one account's hosts.

    :param before: what is known of waits before this client.
    :raises LiquidationsError: every method, by the branch that says what a retry should do.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        ledger: Ledger | None = None,
        before: WaitState = NO_WAITS,
    ) -> None:
        self.settings = settings
        self.spent = Spent()
        self._transport = Transport(settings.timeout_s)
        self._redact = Redactor(settings.api_key)
        #: headers of the last answer
        self.last_headers: Mapping[str, str] = {}
        shared = ledger or find_ledger(settings.origins, coordinate=settings.coordinate)
        self._pacer = Pacer(shared, settings.weight_share, settings.weight_limits)
        self._clocks = Clocks(clock, self._pacer)
        self._gate = Gate(
            self._pacer,
            self._clocks,
            self._redact,
            patience_s=settings.patience_s,
            monotonic=monotonic,
            sleep=sleep,
            uniform=uniform,
            before=before,
        )
        #: when the last attempt was sent, and its answer received, by the local clock
        self._sent_ms = self._received_ms = 0
        #: what was asked ahead of a request already, to learn of its pool
        self._looked_up: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # What can be asked for. There is nothing else: the paths of the table, the clocks, the symbols.

    def fetch(self, endpoint: Endpoint, ask: Ask) -> Page:
        """Ask for one page.

        :raises SpanRefused: the exchange wants a shorter span; paging knows what to do.
        """
        return self._get(of_page(endpoint, ask), lambda body: read_page(body, endpoint))

    def symbols(self, endpoint: Endpoint) -> frozenset[str] | None:
        """List the symbols that `endpoint` may have rows of; None where there is no such list.

        :raises RetryableError: it cannot be had now; a retry may have it.
        """
        listed = endpoint.symbols
        if listed is None or listed.listed_at is None or listed.listed_by is None:
            return None
        try:
            return self._get(of_public(listed.listed_by, listed.listed_at), read_symbols)
        except RequestRejected as error:
            log.warning("The symbols of %s cannot be listed: %s", endpoint.name, error)
            return None

    def server_time_ms(self, family: str) -> int:
        """Read the clock that `family` goes by, and keep its offset from the local one."""
        found = FAMILIES[family]
        server_ms = self._get(of_public(found.clock_family, found.clock_path), read_time)
        # The server read its clock somewhere between sending and receiving the attempt that was answered.
        self._clocks.learn(family, server_ms - (self._sent_ms + self._received_ms) // 2)
        return server_ms

    def clock_offset_ms(self, family: str) -> int:
        """Milliseconds by which the exchange's clock is ahead of the local one, as last read."""
        return self._clocks.offset_ms(family)

    def exchange_now_ms(self, family: str) -> int:
        """Tell the time on the exchange's clock, which is read first where it is not known yet."""
        if not self._clocks.knows(family):
            self.server_time_ms(family)
        return self.now_ms(family)

    def now_ms(self, family: str) -> int:
        """Tell the time on the exchange's clock."""
        return self._clocks.now_ms(family)

    def redact(self, error: LiquidationsError) -> None:
        """Take secrets that an answer may have echoed out of an error, wherever it was made."""
        error.args = tuple(self._redact(part) if isinstance(part, str) else part for part in error.args)

    # How it is asked.

    def _get(self, request: Request, read: Callable[[bytes], T], attempts: int | None = None) -> T:
        """Send until there is an answer to use, or an error to raise."""
        tries = Tries(attempts or self.settings.attempts)
        if request.signed:
            self._look_ahead(request)
        while True:
            verdict: Again | Hold | Fail | None
            answer = self._send(request, self._gate.admit(request))
            if isinstance(answer, Response):
                verdict = self._judge(request, answer)
                if verdict is None:
                    if request.signed:
                        self._gate.holds = 0
                    try:
                        return read(answer.body)
                    except UnreadableBody as error:
                        verdict = Again(str(error))
                    except UnexpectedRow as error:
                        verdict = Fail(UnexpectedRow, str(error), "nothing was written")
            else:
                verdict = Again(f"no answer: {answer.cause}")
            self._act_on(verdict, request, tries)

    def _look_ahead(self, request: Request) -> None:
        """Learn what a signed request needs: the time, and what its pool allows and has used up.

        Each is asked for at most once; where it cannot be told, the documented limit and our own count do.
        """
        family = FAMILIES[request.family]
        now_ms = self.exchange_now_ms(request.family)
        if family.scout_path and self.settings.coordinate and self._pacer.is_blind(request.draw, now_ms):
            self._look_up(request, family.scout_path, lambda _: None)
        if family.limits_path and self._pacer.lacks_limit(request.draw, self.now_ms(request.family)):
            limit = self._look_up(request, family.limits_path, read_limit)
            if limit is not None:
                self._pacer.learn_limit(request.draw, limit, self.now_ms(request.family))

    def _look_up(self, request: Request, path: str, read: Callable[[bytes], T]) -> T | None:
        """Ask for something public that helps `request`, once; None where it is not to be had."""
        if path in self._looked_up:
            return None
        self._looked_up.add(path)
        try:
            return self._get(of_public(request.family, path), read, attempts=1)
        except (RequestRejected, ExchangeUnavailable) as error:
            log.info("Going by what is documented: %s", error)
            return None

    def _send(self, request: Request, ticket: str) -> Response | NoAnswer:
        """Send one attempt, with a timestamp and signature of its own."""
        headers = {"Accept": "application/json", "User-Agent": "airflow-provider-binance-liq"}
        target = self.settings.origins[request.family] + request.path
        if request.signed:
            headers["X-MBX-APIKEY"] = self.settings.api_key
            target = f"{target}?{self._signed_query(request)}"
            self.spent.requests += 1
            self.spent.weight += request.draw.weight
        self._sent_ms = self._clocks.local_ms()
        used: int | None = None
        try:
            answer = self._transport.get(target, headers)
            self._received_ms = self._clocks.local_ms()
            if isinstance(answer, Response):
                self.last_headers, used = answer.headers, request.used_weight(answer)
        finally:
            self._pacer.answer(request.draw, ticket, self.now_ms(request.family), used)
        return answer

    def _signed_query(self, request: Request) -> str:
        stamps: tuple[tuple[str, str | int], ...] = (
            ("recvWindow", self.settings.recv_window_ms),
            ("timestamp", self.now_ms(request.family)),
        )
        query = sign_query(encode_query((*request.parameters, *stamps)), self.settings.signer)
        self._redact.hide_signature(query.rpartition("=")[2])
        return query

    def _judge(self, request: Request, answer: Response) -> Again | Hold | Fail | None:
        return judge(
            request.family,
            answer,
            now_ms=self.now_ms(request.family),
            earlier_holds=self._gate.holds,
            redact=self._redact,
        )

    def _act_on(self, verdict: Again | Hold | Fail, request: Request, tries: Tries) -> None:
        """Prepare the next attempt, or raise."""
        if isinstance(verdict, Fail):
            raise self._failure(verdict, request)
        if isinstance(verdict, Hold):
            self._gate.hold(verdict, request, tries)
        elif verdict.resync and request.signed:
            tries.resyncs += 1
            if tries.resyncs > _RESYNCS:
                message = (
                    f"{request.said}: {verdict.said}, although the exchange's clock was read {_RESYNCS} times"
                )
                raise ClockSkew(self._redact(message))
            self.server_time_ms(request.family)
        else:
            self._gate.back_off(verdict, request, tries)

    def _failure(self, verdict: Fail, request: Request) -> LiquidationsError:
        message = self._redact(f"{request.said}: {verdict.said}; {verdict.advice}")
        if issubclass(verdict.kind, SpanRefused):
            return verdict.kind(message, verdict.code, verdict.longest_ms)
        if issubclass(verdict.kind, RequestRejected):
            return verdict.kind(message, verdict.code)
        return verdict.kind(message)

    def fetch_raw(
        self, draw: Draw, path: str, parameters: Iterable[tuple[str, str | int]], read: Callable[[bytes], T]
    ) -> T:
        """Ask with explicit parameters, signed and paced like everything else; the probe's way in."""
        given = tuple(parameters)
        said = f"GET {path} ({', '.join(f'{name}={value}' for name, value in given)})"
        return self._get(Request(draw, path, said, given, signed=True), read)
