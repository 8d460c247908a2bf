"""Asking: every request asks for a little more than is wanted, and every answer teaches something."""

from __future__ import annotations

from dataclasses import replace
from operator import lt
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.paging.blocks import (
    halves_to_confirm,
    likely_side,
    sides,
    sorted_by,
    unseen,
)
from airflow_provider_binance_liq.core.paging.page_query import MARGIN_MS, Refuted, check_rows, widened

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.paging.page_query import (
        Answer,
        Observations,
        PageQuery,
        Step,
        SymbolsQuery,
    )
    from airflow_provider_binance_liq.core.rows import Key, Row

#: rows by which a page may fall short of the limit and still be taken for a full one
_NEARLY: Final = 10
#: rows that are kept to judge other answers by
_SAMPLE_ROWS: Final = 400


class PageReader:
    """Asks for intervals of one window; keeps what their answers show."""

    #: only short pages are trusted
    careful = False

    def __init__(self, endpoint: Endpoint, query: PageQuery, observations: Observations) -> None:
        self.endpoint = endpoint
        self.query = query
        self.observations = observations
        self.symbols_seen: set[str] = set()
        #: some of the rows that were found, each once, by which other answers can be judged
        self.sample: list[Row] = []
        self._sampled: set[Key] = set()
        #: rows outside of the window under one instant only
        self.straddling: list[Row] = []

    def send(
        self, query: PageQuery, *, exactly: bool = False
    ) -> Generator[PageQuery | SymbolsQuery, Answer, Page]:
        """Ask for an interval, a little more of it than is wanted."""
        sent = query if exactly else self._sent(query)
        page = (yield sent).page
        check_rows(page, sent)
        self._learn(page, sent)
        return page

    def _sent(self, query: PageQuery) -> PageQuery:
        """Widen a query by the milliseconds beside it, on the sides where a bound may be exclusive."""
        known, evidence = self.observations, self.observations.evidence
        observed = {"start_inclusive": known.start_inclusive, "end_inclusive": known.end_inclusive}
        seen = {code for code, holds in observed.items() if holds}
        evidence.needed |= seen
        evidence.observed |= seen
        return widened(
            query,
            early_ms=0 if known.start_inclusive else MARGIN_MS,
            late_ms=0 if known.end_inclusive else MARGIN_MS,
        )

    def _learn(self, page: Page, sent: PageQuery) -> None:
        rows = page.rows
        if not page.lies_in(sent.first_ms + 1, sent.last_ms - 1):
            self.observations.sees(rows, sent)
        if len(rows) > self.endpoint.pager.default_page_size:
            self.observations.limit_honoured = True
        if len(rows) >= self.endpoint.pager.page_size:
            self.observations.evidence.observed.add("limit_honoured")
        first_ms, last_ms = self.query.first_ms, self.query.last_ms
        self.symbols_seen |= page.symbols
        if len(self.sample) < _SAMPLE_ROWS:
            self._sample(rows)
        if self.observations.filtered_by is None and not page.lies_in(first_ms, last_ms):
            self.straddling += [
                row
                for row in rows
                if (first_ms <= row.created_ms <= last_ms) != (first_ms <= row.updated_ms <= last_ms)
            ]
        if not self.careful and any(map(lt, page.instants["updated"], page.instants["created"])):
            raise Refuted

    def _sample(self, rows: Sequence[Row]) -> None:
        # Not the first of them alone: these may be the rows by which pages overlap.
        for row in rows:
            if row.key not in self._sampled:
                self._sampled.add(row.key)
                self.sample.append(row)
                if len(self.sample) == _SAMPLE_ROWS:
                    return

    def is_nearly_full(self, page: Page) -> bool:
        """Whether rows may have been left out, also where the exchange counts to the limit, then filters."""
        return len(page.rows) >= self.endpoint.pager.page_size - _NEARLY or self.is_full(page)

    def is_full(self, page: Page) -> bool:
        """Whether rows have to be taken as left out; `limit` may be overlooked until it is seen honoured."""
        count = len(page.rows)
        overlooked = count == self.endpoint.pager.default_page_size and not self.observations.limit_honoured
        return count >= self.endpoint.pager.page_size or overlooked

    def tell_filter(self, rows: Sequence[Row]) -> Step:
        """Ask at the creation of one known row, then at its update: where it is answered, that filters.

        If the row is not returned, that shows nothing: it may have been updated meanwhile.
        """
        row = max(rows, key=lambda row: abs(row.updated_ms - row.created_ms))
        instants = (row.created_ms, row.updated_ms)
        if row.created_ms == row.updated_ms:
            return
        for at_ms, other_ms in (instants, instants[::-1]):
            if self.observations.filtered_by is None:
                # So short a span that any exchange takes it; never the other instant, which may be the next.
                near = [
                    one for one in range(max(at_ms - MARGIN_MS, 0), at_ms + MARGIN_MS + 1) if one != other_ms
                ]
                yield from self.send(replace(self.query, first_ms=near[0], last_ms=near[-1]), exactly=True)

    def hold_nothing_new(
        self, parts: Sequence[PageQuery], page: Page
    ) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Ask for parts of what `page` holds; whether they hold nothing else, and are short."""
        for part in parts:
            answer = yield from self.send(part)
            if unseen(answer, page) or self.is_full(answer):
                return False
        return True

    def test_block(self, query: PageQuery, page: Page) -> Step:
        """Prove the first block by short pages if its order fits neither instant.

        Rows cut by something else, such as their order id, would be scattered and not a block.
        """
        if sorted_by(page):
            return
        parts = halves_to_confirm(query, page)
        for side in sides(self.observations.side or likely_side(query, page)):
            if (yield from self.hold_nothing_new(parts[side], page)):
                return
        raise Refuted
