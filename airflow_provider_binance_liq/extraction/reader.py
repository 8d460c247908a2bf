"""One extraction: a window, its plans, the client that answers them, and the spool that keeps the rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.paging import MARGIN_MS, Answer, Observations, PageQuery, Plan, plan
from airflow_provider_binance_liq.core.premises import Evidence, weigh_endpoint
from airflow_provider_binance_liq.exceptions import (
    InvalidRequest,
    LiquidationsError,
    RequestRejected,
    located,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.lake.spool import Spool

log = logging.getLogger(__name__)


def _no_page(pages: int, rows: int, ask: PageQuery) -> None:
    """Take a page that nobody wants to know of."""


class Exchange(Protocol):
    """What an extraction needs of a client."""

    def fetch(self, endpoint: Endpoint, ask: PageQuery) -> Page:
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
        if wanted and endpoint.kind.symbol is None:
            message = f"symbols {wanted!r} are not for {endpoint.name}: its rows name no symbol"
            raise InvalidRequest(message)
        _check_symbols(wanted)
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
        """Tell which symbol the cheapest requests for a window without rows name: one a symbol, or none."""
        if not self.symbols or endpoint.symbols is None:
            return (None,)
        return self.symbols if endpoint.asks_isolated_apart else (None,)


def _check_symbols(symbols: Sequence[object]) -> None:
    """Refuse what cannot be a symbol: it would match nothing, and nothing would look like an empty day."""
    for symbol in symbols:
        if isinstance(symbol, str) and symbol and symbol == symbol.strip().upper():
            continue
        message = f"symbols: {symbol!r} is not a symbol"
        if isinstance(symbol, str) and symbol.strip():
            written = symbol.strip().upper()
            message += f"; Binance writes symbols in capitals and without spaces, such as {written!r}"
        raise InvalidRequest(message)


@dataclass(frozen=True, slots=True)
class Reading:
    """What it took to prove a window, and what the proof rests on."""

    pages: int
    #: the argument that proves it
    method: str
    evidence: Evidence
    #: what else a person should know
    caveats: tuple[str, ...] = ()


def extract(
    endpoint: Endpoint,
    window: Window,
    filters: Filters,
    *,
    exchange: Exchange,
    spool: Spool,
    observations: Observations | None = None,
    on_page: Callable[[int, int, PageQuery], None] = _no_page,
) -> Reading:
    """Read `window` completely into `spool`, which then holds at least its rows that pass `filters`.

    :param observations: what is known of the exchange already, from a probe.
    :param on_page: called after each page, with the pages and rows so far, and what was asked.

    :raises LiquidationsError: the window could not be proven; the error names endpoint and window.
    """
    reader = _Reader(
        endpoint, window, filters, exchange, spool, observations or Observations(), on_page=on_page
    )
    with located(f"{endpoint.name} {window}"):
        for span in window.split(endpoint.max_span_ms - 2 * MARGIN_MS):
            for steps in _plans(endpoint, span, filters, reader.observations):
                reader.follow(steps)
    return reader.finish()


def _plans(endpoint: Endpoint, span: Window, filters: Filters, observations: Observations) -> Iterator[Plan]:
    """Plan how `span` is read: isolated accounts one after another, else all symbols together."""
    apart = endpoint.asks_isolated_apart and filters.symbols
    for symbols in [(symbol,) for symbol in filters.symbols] if apart else [filters.symbols]:
        yield plan(
            endpoint,
            span,
            symbols=symbols,
            auto_close_type=filters.auto_close_type,
            observations=observations,
        )


class _Reader:
    """Drives plans one after another, and counts."""

    def __init__(
        self,
        endpoint: Endpoint,
        window: Window,
        filters: Filters,
        exchange: Exchange,
        spool: Spool,
        observations: Observations,
        *,
        on_page: Callable[[int, int, PageQuery], None],
    ) -> None:
        self.endpoint = endpoint
        self.window = window
        self.filters = filters
        self.exchange = exchange
        self.spool = spool
        self.observations = observations
        self.on_page = on_page
        self.pages = 0
        self.isolated = False
        self.arguments: set[str] = set()

    def follow(self, steps: Plan) -> None:
        """Answer every ask of a plan until it returns its argument."""
        try:
            wish = next(steps)
            while True:
                try:
                    answer = self._answer(wish) if isinstance(wish, PageQuery) else self._symbols()
                except RequestRejected as refusal:
                    wish = steps.throw(refusal)
                else:
                    wish = steps.send(answer)
        except StopIteration as stop:
            self.arguments.add(stop.value)

    def finish(self) -> Reading:
        """Drop rows of the neighbouring windows; return what was read."""
        if self.observations.filtered_by:
            self.spool.keep_only(self.window, self.observations.filtered_by)
        evidence = self.observations.evidence
        evidence.merge(
            weigh_endpoint(
                self.endpoint,
                by_symbol=bool(self.filters.symbols),
                rows=len(self.spool),
                isolated_rows=self.isolated,
            )
        )
        return Reading(self.pages, "; ".join(sorted(self.arguments)), evidence, self._unlisted())

    def _unlisted(self) -> tuple[str, ...]:
        """Warn of symbols that have no row and are not listed: a misspelled one looks like an empty day.

        The list is public, and requested only where a symbol has no row.
        """
        named = set(self.filters.symbols)
        if not named or not (named := named - self.spool.symbols()):
            return ()
        if self.endpoint.symbols is None or self.endpoint.symbols.listed_at is None:
            return ()
        try:
            listed = self.exchange.symbols(self.endpoint)
        except LiquidationsError as error:
            log.info("Whether the symbols are spelled correctly could not be checked: %s", error)
            return ()
        unlisted = sorted(named - listed) if listed is not None else []
        return tuple(
            f"symbol {symbol!r} has no row and is not in exchangeInfo: check its spelling, or it was delisted"
            for symbol in unlisted
        )

    def _answer(self, ask: PageQuery) -> Answer:
        page = self.exchange.fetch(self.endpoint, ask)
        self.pages += 1
        if self.endpoint.kind.isolated and not self.isolated:
            self.isolated = any(row.isolated for row in page.rows)
        unseen = self.spool.keep(self._wanted(page, ask))
        self.on_page(self.pages, len(self.spool), ask)
        return Answer(page, unseen)

    def _wanted(self, page: Page, ask: PageQuery) -> Sequence[Row]:
        """Return the rows that belong to what is extracted, as far as is known yet.

        Requests are for a little more than the window. Only the request says which type a row is of.
        """
        if ask.auto_close_type != self.filters.auto_close_type and self.filters.auto_close_type:
            return []
        # Numbered pages are counted, so each row counts for its own piece of the window alone.
        wanted = ask.wanted if ask.number and ask.wanted else self.window
        if page.lies_in(wanted.first_ms, wanted.last_ms):
            return page.rows
        start_ms, end_ms = wanted.start_ms, wanted.end_ms
        return [
            row
            for row in page.rows
            if start_ms <= row.created_ms < end_ms or start_ms <= row.updated_ms < end_ms
        ]

    def _symbols(self) -> Answer:
        """Name the symbols that matter: those asked for, or all that the exchange lists."""
        wanted = self.filters.symbols
        return Answer(symbols=frozenset(wanted) if wanted else self.exchange.symbols(self.endpoint))
