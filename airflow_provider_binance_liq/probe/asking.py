"""Asking for the probe: one request at a time, within a weight that was stated before the first of them.

A refusal is an answer here, not an error: it is what many of the questions are about. Where there is no
answer at all (no connection, a ban, the weight used up), an error ends the question or the whole probe.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_binance_liq.core.paging import PageQuery
from airflow_provider_binance_liq.exceptions import (
    BeyondRetention,
    ClockSkew,
    ExchangeUnavailable,
    FirewallBlocked,
    IpBanned,
    KeyRejected,
    LocationRestricted,
    RequestRejected,
    SpanRefused,
    Throttled,
    UnexpectedRow,
)
from airflow_provider_binance_liq.probe.answers import Answer, SeenRows, read_row
from airflow_provider_binance_liq.probe.explanations import (
    WEIGHT_USED_UP,
    explain_block,
    explain_no_answer,
    explain_wait,
)
from airflow_provider_binance_liq.probe.findings import NO_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.exchange.client import BinanceClient
    from airflow_provider_binance_liq.probe.answers import Refusal, SeenRow

T = TypeVar("T")
#: "Request ID is not a Portfolio Margin Account."
_NO_PORTFOLIO_MARGIN: Final = -21001
#: how often one request may be sent: once, and once more after each time that the clock is read again
SENDS: Final = 3
#: numbered pages of one interval that are read at the most
MOST_PAGES: Final = 12
#: weight that clocks, limits and lists of symbols of one family cost at the most
PUBLIC_WEIGHT: Final = 10
#: weight of the question what the key may do
PERMISSIONS_WEIGHT: Final = 1
#: waits for our own share of the weight, each of a minute or so; after that many, others use all of it up
_MOST_WAITS: Final = 10
_LONGEST_WAIT_S: Final = 90.0


class Unanswered(Exception):
    """A question has no answer; the text says why."""


class Stopped(Exception):
    """No further request may be sent; the text says why."""


class ProbeReader:
    """Asks one endpoint.

    :param most_weight: the weight that the client may have spent on signed requests at the end of it all.
    """

    def __init__(
        self,
        client: BinanceClient,
        endpoint: Endpoint,
        most_weight: int,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.endpoint = endpoint
        self.seen = SeenRows()
        self.headers: set[str] = set()
        self._most_weight = most_weight
        self._sleep = sleep
        self._clock = clock

    def ask(
        self,
        first_ms: int,
        last_ms: int,
        *,
        limit: int | None = None,
        symbol: str | None = None,
        close_type: AutoCloseType | None = None,
        number: int = 1,
    ) -> Answer:
        """Ask for one page, of 100 rows if no limit is given.

        Where pages are numbered, only the next one shows whether a page holds all there is: see `read`.

        :raises Unanswered: no usable answer, or no weight left for the question.
        :raises Stopped: no further request may be sent.
        """
        ask = PageQuery(first_ms, last_ms, symbol, close_type, None if self.endpoint.is_by_time else number)
        weight = self.endpoint.request_weight(symbol=symbol is not None)
        answer = _answer(
            lambda: self.signed(weight, lambda: self.client.fetch(self.endpoint, ask, page_size=limit))
        )
        self.seen.add(answer)
        full = len(answer.rows) >= (limit or self.endpoint.pager.page_size)
        return replace(answer, incomplete="its page is full" if full else "", page_rows=len(answer.rows))

    def read(self, first_ms: int, last_ms: int, *, symbol: str | None = None) -> Answer:
        """Ask for what an interval holds: one page, or numbered pages until one is empty.

        :raises Unanswered: no usable answer, or no weight left for the question.
        :raises Stopped: no further request may be sent.
        """
        answer = self.ask(first_ms, last_ms, symbol=symbol)
        if self.endpoint.is_by_time or not answer.rows:
            return answer
        keys = {row.key for row in answer.rows}
        for number in range(2, MOST_PAGES + 1):
            page = self.ask(first_ms, last_ms, symbol=symbol, number=number)
            if page.refusal is not None:
                return replace(answer, incomplete="a later page was refused")
            if not page.rows:
                return replace(answer, incomplete="")
            if any(row.key in keys for row in page.rows):
                return replace(answer, incomplete="rows moved between its pages while they were read")
            keys |= {row.key for row in page.rows}
            longest = max(answer.page_rows, page.page_rows)
            answer = replace(answer, rows=(*answer.rows, *page.rows), page_rows=longest)
        return replace(answer, incomplete=f"it has more than {MOST_PAGES - 1} pages")

    def still_has(self, row: SeenRow) -> bool:
        """Whether a row is answered even now, asked for alone: one that is not may have been forgotten.

        :raises Unanswered: no usable answer, or no weight left for the question.
        :raises Stopped: no further request may be sent.
        """
        first_ms, last_ms = row.instants
        return self.read(first_ms - 1, last_ms + 1).has(row)

    def clock_ms(self) -> int:
        """Read the exchange's clock, in epoch ms.

        :raises Unanswered: it cannot be read.
        """
        try:
            return self._patiently(lambda: self.client.server_time_ms(self.endpoint.family.name))
        except RequestRejected:
            raise Unanswered("the exchange's clock cannot be read") from None

    def listed_symbols(self) -> frozenset[str] | None:
        """Return what `exchangeInfo` lists; None where there is no such list."""
        try:
            return self._patiently(lambda: self.client.symbols(self.endpoint))
        except Unanswered:
            return None

    def key_permissions(self) -> dict[str, bool]:
        """Ask what the key may do; nothing where the exchange does not answer that."""
        try:
            return self.signed(PERMISSIONS_WEIGHT, self.client.key_permissions)
        except (Unanswered, KeyRejected, RequestRejected):
            return {}

    def signed(self, weight: int, fetch: Callable[[], T]) -> T:
        """Send one signed request, however often it has to be sent, within the stated weight."""
        if self.client.spent.weight + SENDS * weight > self._most_weight:
            raise Unanswered(NO_WEIGHT)
        try:
            return self._patiently(fetch)
        finally:
            self.headers |= set(filter(_is_about_limits, self.client.last_headers))

    def _patiently(self, fetch: Callable[[], T]) -> T:
        """Fetch something, after as long a wait as our share of the weight takes."""
        for _ in range(_MOST_WAITS):
            try:
                return fetch()
            except Throttled as throttled:
                self._wait(throttled)
            except (ExchangeUnavailable, ClockSkew, UnexpectedRow) as error:
                raise Unanswered(f"no usable answer: {explain_no_answer(error)}") from None
            except (FirewallBlocked, LocationRestricted) as error:
                raise Stopped(explain_block(error)) from None
        raise Unanswered(WEIGHT_USED_UP)

    def _wait(self, throttled: Throttled) -> None:
        seconds = throttled.retry_at_ms / 1000 - self._clock()
        if isinstance(throttled, IpBanned) or throttled.by_exchange or seconds > _LONGEST_WAIT_S:
            raise Stopped(explain_wait(throttled)) from None
        self._sleep(max(seconds, 0) + 0.1)


def _answer(fetch: Callable[[], Page]) -> Answer:
    try:
        page = fetch()
    except SpanRefused as error:
        return Answer(refusal="span", longest_ms=error.longest_ms)
    except BeyondRetention:
        return Answer(refusal="retention")
    except KeyRejected as error:
        return Answer(refusal="key", code=error.code)
    except RequestRejected as error:
        refusal: Refusal = "account" if error.code == _NO_PORTFOLIO_MARGIN else "request"
        return Answer(refusal=refusal, code=error.code)
    return Answer(tuple(map(read_row, page.rows)), page.total)


def _is_about_limits(header: str) -> bool:
    name = header.lower()
    return name == "retry-after" or "weight" in name or "order-count" in name
