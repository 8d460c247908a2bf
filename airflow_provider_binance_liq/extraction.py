"""One extraction: a window, its plans, the client that answers them, and the spool that keeps the rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.paging import Answer, Ask, Experience, Plan, plan, plan_several
from airflow_provider_binance_liq.exceptions import InvalidRequest, LiquidationsError, RequestRejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType, Endpoint
    from airflow_provider_binance_liq.core.paging import Restricted
    from airflow_provider_binance_liq.core.rows import Page
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.spool import Spool

log = logging.getLogger(__name__)

_PROGRESS_EVERY: Final = 50


class Exchange(Protocol):
    """What an extraction needs of a client."""

    def fetch(self, endpoint: Endpoint, ask: Ask) -> Page:
        """Ask for one page."""

    def symbols(self, endpoint: Endpoint) -> frozenset[str] | None:
        """List the symbols there are; None where that cannot be known."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What an extraction is restricted to; both empty means everything."""

    symbols: tuple[str, ...] = ()
    auto_close_type: AutoCloseType | None = None

    @classmethod
    def of(cls, endpoint: Endpoint, symbols: Sequence[str] | None, auto_close_type: str | None) -> Filters:
        """Check what a user asks for against what `endpoint` can filter.

        :raises InvalidRequest: a value that is none, or a filter that the endpoint does not have.
        """
        if isinstance(symbols, str):
            message = f"symbols has to be a list of symbols, not the text {symbols!r}"
            raise InvalidRequest(message)
        wanted = list(symbols or ())
        # Filtered here, a symbol in lower case would match nothing, and nothing would look like an empty day.
        wrong = [
            symbol for symbol in wanted if not isinstance(symbol, str) or symbol.strip().upper() != symbol
        ]
        wrong += [symbol for symbol in wanted if not symbol]
        if wrong:
            message = f"symbols holds {wrong[0]!r}, which is no symbol"
            raise InvalidRequest(message)
        for known in AUTO_CLOSE_TYPES:
            if auto_close_type == known and endpoint.takes_auto_close_type:
                return cls(tuple(sorted(set(wanted))), known)
        if auto_close_type:
            valid = (
                " or ".join(AUTO_CLOSE_TYPES)
                if endpoint.takes_auto_close_type
                else "none: it has no such filter"
            )
            message = f"auto_close_type {auto_close_type!r} is not for {endpoint.name}; it takes {valid}"
            raise InvalidRequest(message)
        return cls(tuple(sorted(set(wanted))))

    def to_manifest(self) -> ManifestFilters:
        """Return the filters as they stand in a manifest."""
        return ManifestFilters(self.symbols, self.auto_close_type)

    def per_request(self, endpoint: Endpoint) -> tuple[str | None, ...]:
        """Which symbol to name in each request: one a symbol, or none and filter here, whichever is cheaper.

        Filtering here keeps completeness provable: the window is proven for all symbols.
        """
        if not self.symbols or endpoint.symbol_parameter is None:
            return (None,)
        # Whether `margin` without isolatedSymbol returns isolated accounts is not documented.
        if endpoint.paging == "number":
            return self.symbols
        apart = len(self.symbols) * endpoint.weight_with_symbol
        return self.symbols if apart <= endpoint.weight else (None,)


@dataclass(frozen=True, slots=True)
class Reading:
    """What it took to prove a window."""

    pages: int
    #: the argument that proves it
    method: str


def extract(
    endpoint: Endpoint, window: Window, filters: Filters, *, exchange: Exchange, spool: Spool
) -> Reading:
    """Read `window` completely into `spool`, which then holds at least its rows that pass `filters`.

    :raises LiquidationsError: the window could not be proven; the error names endpoint and window.
    """
    reader = _Reader(endpoint, filters, exchange, spool)
    try:
        for span in window.split(endpoint.max_span_ms):
            for steps in _plans(endpoint, span, filters, reader.experience):
                reader.follow(steps)
    except LiquidationsError as error:
        error.where = error.where or f"{endpoint.name} {window}"
        raise
    return Reading(reader.pages, "; ".join(sorted(reader.arguments)))


def _plans(endpoint: Endpoint, span: Window, filters: Filters, experience: Experience) -> Iterator[Plan]:
    """Plan how `span` is read: by what weighs the least for the symbols that are wanted."""
    restricted: Restricted = {"auto_close_type": filters.auto_close_type, "experience": experience}
    asked = filters.per_request(endpoint)
    if filters.symbols and asked == (None,) and endpoint.symbol_parameter:
        yield plan_several(endpoint, span, filters.symbols, **restricted)
        return
    for symbol in asked:
        yield plan(endpoint, span, symbol=symbol, **restricted)


class _Reader:
    """Drives plans one after another, and counts."""

    def __init__(self, endpoint: Endpoint, filters: Filters, exchange: Exchange, spool: Spool) -> None:
        self.endpoint = endpoint
        self.filters = filters
        self.exchange = exchange
        self.spool = spool
        self.experience = Experience()
        self.pages = 0
        self.arguments: set[str] = set()

    def follow(self, steps: Plan) -> None:
        """Answer every ask of a plan until it returns its argument."""
        try:
            wish = next(steps)
            while True:
                try:
                    answer = self._answer(wish) if isinstance(wish, Ask) else self._symbols()
                except RequestRejected as refusal:
                    wish = steps.throw(refusal)
                else:
                    wish = steps.send(answer)
        except StopIteration as stop:
            self.arguments.add(stop.value)

    def _answer(self, ask: Ask) -> Answer:
        page = self.exchange.fetch(self.endpoint, ask)
        self.pages += 1
        unseen = self.spool.keep(page.rows)
        if self.pages % _PROGRESS_EVERY == 0:
            log.info(
                "%s: %d pages, %d rows so far, at %s", self.endpoint.name, self.pages, len(self.spool), ask
            )
        return Answer(page, unseen)

    def _symbols(self) -> Answer:
        """Name the symbols that matter: those asked for, or all that the exchange lists."""
        wanted = self.filters.symbols
        return Answer(symbols=frozenset(wanted) if wanted else self.exchange.symbols(self.endpoint))
