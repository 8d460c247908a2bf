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
from airflow_provider_binance_liq.core.paging.asks import AskSymbols
from airflow_provider_binance_liq.core.paging.blocks import lacks_known
from airflow_provider_binance_liq.core.paging.ids import IdWalk
from airflow_provider_binance_liq.exceptions import RequestRejected, SaturatedInstant

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.paging.asks import Answer, Ask, Experience, Filter, Step
    from airflow_provider_binance_liq.core.rows import Key, Page

#: "Invalid symbol."
INVALID_SYMBOL: Final = -1121


class Walk(Protocol):
    """What a split needs of the walk that it is part of."""

    endpoint: Endpoint
    experience: Experience
    symbols_seen: set[str]
    #: filters that the proof relies on
    filters_used: set[Filter]
    #: full milliseconds that were split by type alone, and whether they are asked exactly
    split_by_type: list[tuple[Ask, bool]]

    def send(self, ask: Ask, *, exactly: bool = False) -> Generator[Ask | AskSymbols, Answer, Page]:
        """Ask for an interval."""

    def is_full(self, page: Page) -> bool:
        """Whether rows have to be taken as left out."""

    def ask_typed(self, ask: Ask, page: Page, *, exactly: bool = False) -> Step:
        """Ask what `page` holds, which is short, again under the wanted type, where there is one."""


class InstantSplit:
    """Splits one full millisecond until every part of it is short."""

    def __init__(self, walk: Walk, *, exactly: bool = False) -> None:
        self.walk = walk
        #: whether both bounds are sent equal, because that is known to answer this millisecond alone
        self.exactly = exactly

    def split(self, ask: Ask, page: Page) -> Step:
        """Prove the millisecond of `ask`, which `page` has filled.

        :raises SaturatedInstant: one symbol and type are still full, or symbols cannot be listed.
        """
        alone = yield from self._ask_alone(ask, page)
        if alone is not None:
            if not self.walk.is_full(alone):
                yield from self.walk.ask_typed(ask, alone, exactly=True)
                return
            page = alone
        yield from self._split_filters(ask, page)

    def _ask_alone(self, ask: Ask, page: Page) -> Generator[Ask | AskSymbols, Answer, Page | None]:
        """Ask for the millisecond by itself; None where that is refused, or is not answered in full."""
        experience = self.walk.experience
        if experience.equal_bounds is False:
            return None
        known = [row for row in page.rows if row.created_ms == row.updated_ms == ask.first_ms]
        try:
            alone = yield from self.walk.send(ask, exactly=True)
        except RequestRejected:
            experience.equal_bounds = False
            return None
        if lacks_known(alone, known, ask) and not self.walk.is_full(alone):
            experience.equal_bounds = False
            return None
        if not alone.rows and not experience.equal_bounds:
            return None  # an empty answer may be a refusal in disguise
        experience.equal_bounds = True
        experience.evidence.needed.add("equal_bounds")
        experience.evidence.observed.add("equal_bounds")
        self.exactly = True
        return alone

    def _send(self, ask: Ask) -> Generator[Ask | AskSymbols, Answer, Page]:
        return self.walk.send(ask, exactly=self.exactly)

    def _split_filters(self, ask: Ask, page: Page) -> Step:
        endpoint = self.walk.endpoint
        if endpoint.pager.id_parameter and (yield from self._follow_ids(ask, page)):
            return
        if (
            endpoint.takes_auto_close_type
            and ask.auto_close_type is None
            and (yield from self._split_types(ask, page))
        ):
            return
        if ask.symbol is None and endpoint.symbols and not endpoint.asks_isolated_apart:
            yield from self.split_symbols(ask)
            return
        if len(page.rows) < self.walk.endpoint.pager.page_size:
            # As many as come without a limit, and no page has shown yet that `limit` is honoured.
            self.walk.experience.evidence.suspected.add("limit_honoured")
            return
        message = (
            f"{ask} holds {len(page.rows)} rows, as many as one request returns, and cannot be split: there "
            "may be more, and no request can show them. Nothing was written; a retry would find the same"
        )
        raise SaturatedInstant(message)

    def _follow_ids(self, ask: Ask, page: Page) -> Generator[Ask | AskSymbols, Answer, bool]:
        """Follow the ids of a full millisecond; False where that proves nothing."""
        proven = yield from IdWalk(self._send, self.walk.is_full, ask, page.rows).run()
        if proven:
            # An exchange that cuts ids in another order may look the same: nothing inside can show it.
            evidence = self.walk.experience.evidence
            evidence.needed.add("ids_ascend")
            evidence.suspected.add("ids_ascend")
        return proven

    def _split_types(self, ask: Ask, page: Page) -> Generator[Ask | AskSymbols, Answer, bool]:
        """Ask each type apart; False where a row is of neither, so that the types do not cover it."""
        typed: set[Key] = set()
        full: list[tuple[Ask, Page]] = []
        for auto_close_type in AUTO_CLOSE_TYPES:
            part = replace(ask, auto_close_type=auto_close_type)
            answer = yield from self._send(part)
            typed.update(row.key for row in answer.rows)
            if self.walk.is_full(answer):
                full.append((part, answer))
        uncovered = any(row.key not in typed for row in page.rows)
        if uncovered and not full:
            return False
        if full and ask.symbol is None:
            return False  # by symbol, all types at once: nothing rests on the types then
        for part, answer in full:
            yield from self._split_filters(part, answer)
        if uncovered:
            return False
        self.walk.filters_used.add("auto_close_type")
        self.walk.split_by_type.append((ask, self.exactly))
        self.walk.experience.evidence.needed.add("two_types")
        return True

    def split_symbols(self, ask: Ask) -> Step:
        """Ask each symbol apart, of all types at once.

        :raises SaturatedInstant: one symbol and type are still full, or symbols cannot be listed.
        """
        listed = (yield AskSymbols()).symbols
        if listed is None:
            message = (
                f"{ask} holds as many rows as one request returns, or more, and the exchange has no list of "
                "symbols by which they could be split. Nothing was written; list the symbols in `symbols`"
            )
            raise SaturatedInstant(message)
        self.walk.filters_used.add("symbol")
        self.walk.experience.evidence.needed.add("symbols_listed")
        for symbol in sorted(listed | self.walk.symbols_seen):
            single = replace(ask, symbol=symbol)
            try:
                page = yield from self._send(single)
            except RequestRejected as refusal:
                if refusal.code != INVALID_SYMBOL or symbol in self.walk.symbols_seen:
                    raise
                continue  # listed, but unknown to this endpoint: it has no rows of it
            if self.walk.is_full(page):
                yield from self._split_filters(single, page)
            else:
                yield from self.walk.ask_typed(single, page, exactly=self.exactly)
