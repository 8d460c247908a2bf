"""A full instant: one millisecond that holds as many rows as a request returns, or more.

It is asked by itself, then followed by id, or split by `autoCloseType`, then by symbol, as the endpoint
allows; what is full after that fails with `SaturatedInstant`. Each way rests on a premise, and is used only
where nothing speaks against it: an answer to `startTime == endTime` has to hold what is known of that
millisecond, ids have to follow one another as `ids` says, both types have to cover every row that was
seen, and every symbol has to be listed or seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.paging.blocks import lacks_known
from airflow_provider_binance_liq.core.paging.ids import IdPager
from airflow_provider_binance_liq.core.paging.page_query import SymbolsQuery
from airflow_provider_binance_liq.exceptions import RequestRejected, SaturatedInstant

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.paging.page_query import (
        Answer,
        Filter,
        Observations,
        PageQuery,
        Step,
    )
    from airflow_provider_binance_liq.core.rows import Key

#: "Invalid symbol."
INVALID_SYMBOL: Final = -1121


class Pager(Protocol):
    """What a split needs of the walk that it is part of."""

    endpoint: Endpoint
    observations: Observations
    symbols_seen: set[str]
    #: filters that the proof relies on
    filters_used: set[Filter]
    #: full milliseconds that were split by type alone, and whether they are asked exactly
    split_by_type: list[tuple[PageQuery, bool]]

    def send(
        self, query: PageQuery, *, exactly: bool = False
    ) -> Generator[PageQuery | SymbolsQuery, Answer, Page]:
        """Ask for an interval."""

    def is_full(self, page: Page) -> bool:
        """Whether rows have to be taken as left out."""

    def ask_typed(self, query: PageQuery, page: Page, *, exactly: bool = False) -> Step:
        """Ask what `page` holds, which is short, again under the wanted type, where there is one."""


class InstantSplit:
    """Splits one full millisecond until every part of it is short."""

    def __init__(self, pager: Pager, *, exactly: bool = False) -> None:
        self.pager = pager
        #: whether both bounds are sent equal, because that is known to answer this millisecond alone
        self.exactly = exactly

    def split(self, query: PageQuery, page: Page) -> Step:
        """Prove the millisecond of `query`, which `page` has filled.

        :raises SaturatedInstant: one symbol and type are still full, or symbols cannot be listed.
        """
        alone = yield from self._ask_alone(query, page)
        if alone is not None:
            if not self.pager.is_full(alone):
                yield from self.pager.ask_typed(query, alone, exactly=True)
                return
            page = alone
        yield from self._split_filters(query, page)

    def _ask_alone(
        self, query: PageQuery, page: Page
    ) -> Generator[PageQuery | SymbolsQuery, Answer, Page | None]:
        """Ask for the millisecond by itself; None where that is refused, or is not answered in full."""
        observations = self.pager.observations
        if observations.equal_bounds is False:
            return None
        known = [row for row in page.rows if row.created_ms == row.updated_ms == query.first_ms]
        try:
            alone = yield from self.pager.send(query, exactly=True)
        except RequestRejected:
            observations.equal_bounds = False
            return None
        if lacks_known(alone, known, query) and not self.pager.is_full(alone):
            observations.equal_bounds = False
            return None
        if not alone.rows and not observations.equal_bounds:
            return None  # an empty answer may be a refusal in disguise
        observations.equal_bounds = True
        observations.evidence.needed.add("equal_bounds")
        observations.evidence.observed.add("equal_bounds")
        self.exactly = True
        return alone

    def _send(self, query: PageQuery) -> Generator[PageQuery | SymbolsQuery, Answer, Page]:
        return self.pager.send(query, exactly=self.exactly)

    def _split_filters(self, query: PageQuery, page: Page) -> Step:
        endpoint = self.pager.endpoint
        if endpoint.pager.id_parameter and (yield from self._follow_ids(query, page)):
            return
        if (
            endpoint.takes_auto_close_type
            and query.auto_close_type is None
            and (yield from self._split_types(query, page))
        ):
            return
        if query.symbol is None and endpoint.symbols and not endpoint.asks_isolated_apart:
            yield from self.split_symbols(query)
            return
        if len(page.rows) < self.pager.endpoint.pager.page_size:
            # As many as come without a limit, and no page has shown yet that `limit` is honoured.
            self.pager.observations.evidence.suspected.add("limit_honoured")
            return
        message = (
            f"{query} holds {len(page.rows)} rows, as many as one request returns, and cannot be split: "
            "there may be more, which no request can show. Nothing was written; a retry would find the same"
        )
        raise SaturatedInstant(message)

    def _follow_ids(self, query: PageQuery, page: Page) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Follow the ids of a full millisecond; False where that proves nothing."""
        proven = yield from IdPager(self._send, self.pager.is_full, query, page.rows).run()
        if proven:
            # An exchange that cuts ids in another order may look the same: nothing inside can show it.
            evidence = self.pager.observations.evidence
            evidence.needed.add("ids_ascend")
            evidence.suspected.add("ids_ascend")
        return proven

    def _split_types(self, query: PageQuery, page: Page) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Ask each type apart; False where a row is of neither, so that the types do not cover it."""
        typed: set[Key] = set()
        full: list[tuple[PageQuery, Page]] = []
        for auto_close_type in AUTO_CLOSE_TYPES:
            part = replace(query, auto_close_type=auto_close_type)
            answer = yield from self._send(part)
            typed.update(row.key for row in answer.rows)
            if self.pager.is_full(answer):
                full.append((part, answer))
        uncovered = any(row.key not in typed for row in page.rows)
        if uncovered and not full:
            return False
        if full and query.symbol is None:
            return False  # by symbol, all types at once: nothing rests on the types then
        for part, answer in full:
            yield from self._split_filters(part, answer)
        if uncovered:
            return False
        self.pager.filters_used.add("auto_close_type")
        self.pager.split_by_type.append((query, self.exactly))
        self.pager.observations.evidence.needed.add("two_types")
        return True

    def split_symbols(self, query: PageQuery) -> Step:
        """Ask each symbol apart, of all types at once.

        :raises SaturatedInstant: one symbol and type are still full, or symbols cannot be listed.
        """
        listed = (yield SymbolsQuery()).symbols
        if listed is None:
            message = (
                f"{query} holds as many rows as one request returns, or more, and the exchange has no list "
                "of symbols by which they could be split. Nothing was written; list the symbols in `symbols`"
            )
            raise SaturatedInstant(message)
        self.pager.filters_used.add("symbol")
        self.pager.observations.evidence.needed.add("symbols_listed")
        for symbol in sorted(listed | self.pager.symbols_seen):
            single = replace(query, symbol=symbol)
            try:
                page = yield from self._send(single)
            except RequestRejected as refusal:
                if refusal.code != INVALID_SYMBOL or symbol in self.pager.symbols_seen:
                    raise
                continue  # listed, but unknown to this endpoint: it has no rows of it
            if self.pager.is_full(page):
                yield from self._split_filters(single, page)
            else:
                yield from self.pager.ask_typed(single, page, exactly=self.exactly)
