"""Asking for the probe: one request at a time, within a weight that was stated before the first of them.

A refusal is an answer here, not an error: it is what many of the questions are about. What is no answer to
anything (no connection, a ban, the weight used up) ends the question or the whole probe by name.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from airflow_provider_binance_liq.core.endpoints import FAMILIES
from airflow_provider_binance_liq.core.rows import read_page
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
from airflow_provider_binance_liq.exchange.rate_limiter import Draw
from airflow_provider_binance_liq.probe.heard import Heard, Known, see
from airflow_provider_binance_liq.probe.said import NO_WEIGHT
from airflow_provider_binance_liq.probe.why import code_of, no_answer, told_to_wait, unserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType, Endpoint
    from airflow_provider_binance_liq.core.probe_report import Access
    from airflow_provider_binance_liq.core.rows import Page
    from airflow_provider_binance_liq.exchange.client import BinanceClient
    from airflow_provider_binance_liq.probe.heard import Refusal, Seen

T = TypeVar("T")
#: "Request ID is not a Portfolio Margin Account."
_NO_PORTFOLIO_MARGIN: Final = -21001
#: how often one request may be sent: once, and once more after each time that the clock is read anew
SENDS: Final = 3
#: numbered pages of one interval that are read at the most
MOST_PAGES: Final = 12
#: weight that clocks, limits and lists of symbols of one family cost at the most
PUBLIC_WEIGHT: Final = 10
_RESTRICTIONS: Final = "/sapi/v1/account/apiRestrictions"
#: waits for our own share of the weight, each of at most a minute or so; then somebody else has it all
_MOST_WAITS: Final = 10
_LONGEST_WAIT_S: Final = 90.0


class Unanswered(Exception):
    """A question has no answer; the text says why."""


class Stopped(Exception):
    """Nothing more is asked of anybody; the text says why."""


class Asker:
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
        self.known = Known()
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
    ) -> Heard:
        """Ask for one page, of 100 rows if no limit is given.

        Where pages are numbered, only the next one tells whether a page holds all there is: see `read`.

        :raises Unanswered: no usable answer, or no weight left for the question.
        :raises Stopped: the exchange wants to be left alone.
        """
        endpoint = self.endpoint
        parameters: list[tuple[str, str | int]] = [("startTime", first_ms), ("endTime", last_ms)]
        if symbol is not None and endpoint.symbols:
            parameters.append((endpoint.symbols.parameter, symbol))
        if close_type is not None:
            parameters.append(("autoCloseType", close_type))
        size = limit or endpoint.pager.page_size
        parameters += (
            [("limit", size)] if endpoint.is_by_time else [("current", number), ("size", size)]
        )
        weight = endpoint.request_weight(symbol=symbol is not None)
        draw = Draw(endpoint.family.name, endpoint.weight_pool, weight)
        heard = _hear(
            lambda: send(self, draw, endpoint.path, parameters, lambda body: read_page(body, endpoint))
        )
        self.known.add(heard)
        return replace(heard, full=len(heard.rows) >= size)

    def read(self, first_ms: int, last_ms: int, *, symbol: str | None = None) -> Heard:
        """Ask for what an interval holds: one page, or numbered pages until one is empty.

        :raises Unanswered: no usable answer, or no weight left for the question.
        :raises Stopped: the exchange wants to be left alone.
        """
        heard = self.ask(first_ms, last_ms, symbol=symbol)
        if self.endpoint.is_by_time or not heard.rows:
            return heard
        heard = replace(heard, full=True)
        keys = {row.key for row in heard.rows}
        for number in range(2, MOST_PAGES + 1):
            more = self.ask(first_ms, last_ms, symbol=symbol, number=number)
            if not more.rows:
                return replace(heard, full=more.refusal is not None)
            if any(row.key in keys for row in more.rows):
                break  # rows move between the pages, so one may have been missed
            keys |= {row.key for row in more.rows}
            heard = replace(heard, rows=(*heard.rows, *more.rows))
        return heard

    def still_has(self, row: Seen) -> bool:
        """Whether a row is answered even now, asked for alone: one that is not may have been forgotten.

        :raises Unanswered: no usable answer, or no weight left for the question.
        :raises Stopped: the exchange wants to be left alone.
        """
        first_ms, last_ms = row.instants
        return self.read(first_ms - 1, last_ms + 1).has(row)

    def spend(self, weight: int) -> None:
        """See that a request of `weight` stays within what was stated, however often it has to be sent.

        :raises Unanswered: it would not.
        """
        if self.client.spent.weight + SENDS * weight > self._most_weight:
            raise Unanswered(NO_WEIGHT)

    def wait(self, throttled: Throttled) -> None:
        """Wait for our own share of the weight.

        :raises Stopped: the exchange has asked to wait, or it takes too long.
        """
        seconds = throttled.retry_at_ms / 1000 - self._clock()
        if isinstance(throttled, IpBanned) or throttled.holds or seconds > _LONGEST_WAIT_S:
            raise Stopped(told_to_wait(throttled)) from None
        self._sleep(max(seconds, 0) + 0.1)


def send(
    asker: Asker,
    draw: Draw,
    path: str,
    parameters: list[tuple[str, str | int]],
    read: Callable[[bytes], T],
) -> T:
    """Send one signed request, after as long a wait as our share of the weight takes."""
    asker.spend(draw.weight)
    try:
        return patiently(asker, lambda: asker.client.fetch_raw(draw, path, parameters, read))
    finally:
        asker.headers |= {name for name in asker.client.last_headers if _tells_of_limits(name)}


def patiently(asker: Asker, fetch: Callable[[], T]) -> T:
    """Fetch something, after as long a wait as our share of the weight takes.

    :raises Unanswered: there is no usable answer.
    :raises Stopped: the exchange wants to be left alone.
    """
    for _ in range(_MOST_WAITS):
        try:
            return fetch()
        except Throttled as throttled:
            asker.wait(throttled)
        except (ExchangeUnavailable, ClockSkew, UnexpectedRow) as error:
            raise Unanswered(f"no usable answer: {no_answer(error)}") from None
        except (FirewallBlocked, LocationRestricted) as error:
            raise Stopped(unserved(error)) from None
    raise Unanswered("others on this IP address use its weight up")


def read_clock(asker: Asker) -> int:
    """Read the exchange's clock, in epoch ms.

    :raises Unanswered: it cannot be read.
    """
    try:
        return patiently(asker, lambda: asker.client.server_time_ms(asker.endpoint.family.name))
    except RequestRejected:
        raise Unanswered("the exchange's clock cannot be read") from None


def list_symbols(asker: Asker) -> frozenset[str] | None:
    """List what `exchangeInfo` lists; None where that cannot be had."""
    try:
        return patiently(asker, lambda: asker.client.symbols(asker.endpoint))
    except Unanswered:
        return None


def read_permissions(asker: Asker) -> dict[str, bool]:
    """Ask what the key may do; nothing where that is not told."""
    draw = Draw("sapi", "sapi:restrictions", 1)
    try:
        said = send(asker, draw, _RESTRICTIONS, [], msgspec.json.decode)
    except (Unanswered, KeyRejected, RequestRejected):
        return {}
    if not isinstance(said, dict):
        return {}
    return {name: value for name, value in said.items() if isinstance(value, bool) and name.isalnum()}


def access_of(heard: Heard) -> Access:
    """Tell whether an endpoint answers this key at all."""
    refused: dict[Refusal | None, Access] = {
        "key": "key_refused",
        "account": "account_refused",
        "request": "request_refused",
    }
    return refused.get(heard.refusal, "answered")


def _hear(fetch: Callable[[], Page]) -> Heard:
    try:
        page = fetch()
    except SpanRefused as error:
        return Heard(refusal="span", longest_ms=error.longest_ms)
    except BeyondRetention:
        return Heard(refusal="retention")
    except KeyRejected as error:
        return Heard(refusal="key", code=code_of(error))
    except RequestRejected as error:
        refusal: Refusal = "account" if error.code == _NO_PORTFOLIO_MARGIN else "request"
        return Heard(refusal=refusal, code=error.code)
    return Heard(tuple(map(see, page.rows)), page.total)


def _tells_of_limits(name: str) -> bool:
    lower = name.lower()
    return lower == "retry-after" or "weight" in lower or "order-count" in lower


def families_of(endpoints: list[Endpoint]) -> list[str]:
    """List the families that endpoints belong to, in the order of the table."""
    wanted = {endpoint.family.name for endpoint in endpoints}
    return [name for name in FAMILIES if name in wanted]
