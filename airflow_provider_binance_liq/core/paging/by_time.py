"""Paging by time: blocks of rows, and the two remainders beside each of them.

A request returns at most 100 rows, and nothing says which: the oldest or the newest. Nor is it documented
whether `startTime` and `endTime` apply to `time` or to `updateTime`, nor by which of the two the rows are
cut. What holds is this:

* A page shorter than the limit proves its interval; one that falls short by a few rows only is taken for a
  full one, in case that the exchange counted to the limit before it filtered.
* A full page is a block: no row between its first and its last instant was left out. What lies before it
  and what lies after it are asked next, edges included. Where the answer to such a remainder is full again
  and holds rows from inside of the block before, that side of it was not cut, and only its far side is left.
* An edge is a superset under either filter field: forward from the smaller of the largest `time` and
  `updateTime`, backward from the larger of the smallest.
* Rows that appear late add to an answer; they never stand for a side that was not asked.

Where an answer contradicts this picture, the walk becomes **careful**: it trusts nothing but short pages,
and cuts the interval until it has them. Contradictions are: a new row inside a block that should have been
whole; a known row that is not answered again; rows cut by another instant than they are filtered by; an
order of rows that fits neither instant, unless a test of the block speaks for it; an update before the
creation. An instant that is full by itself is split: see `instants`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.paging.blocks import (
    Block,
    cuts_through,
    edge_inside,
    lacks_known,
    likely_side,
    sides,
    sorted_by,
    unseen,
)
from airflow_provider_binance_liq.core.paging.filters_first import observe
from airflow_provider_binance_liq.core.paging.instants import InstantSplit
from airflow_provider_binance_liq.core.paging.page_query import MARGIN_MS, Refuted, pieces, shorter, starts
from airflow_provider_binance_liq.core.paging.page_reader import PageReader
from airflow_provider_binance_liq.exceptions import SpanRefused

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.pages import Instant, Page
    from airflow_provider_binance_liq.core.paging.page_query import (
        Answer,
        Filter,
        Observations,
        PageQuery,
        Plan,
        Side,
        Step,
        SymbolsQuery,
    )

#: rows asked again beyond the edges of a window's first block: a row left out among them refutes blocks
_FIRST_SLACK_ROWS: Final = 25
#: the same for later blocks: a row from inside the block shows that the side towards it was not cut
_SLACK_ROWS: Final = 2
#: the argument of a walk along blocks, and of a careful one
PROOF: Final = "each page proves the one before it"
CAREFUL_PROOF: Final = "short pages alone"


@dataclass(frozen=True, slots=True)
class _Remainder:
    """What lies on one side of a block and is not proven yet."""

    query: PageQuery
    #: the block beside it
    known: Page
    #: the side of the block that it lies on
    side: Side


class TimePager(PageReader):
    """Walks one window under one filter."""

    def __init__(
        self,
        endpoint: Endpoint,
        query: PageQuery,
        observations: Observations,
        *,
        typed: AutoCloseType | None = None,
    ) -> None:
        super().__init__(endpoint, query, observations)
        #: ask every short page again under this type, which then cannot have been cut
        self.typed = typed
        self.careful = typed is not None or observations.careful
        self.walked = False
        self.split = False
        #: what is still to be proven
        self._pieces: list[PageQuery] = []
        #: filters that the proof relies on
        self.filters_used: set[Filter] = set() if endpoint.asks_isolated_apart else set(query.filters)
        #: full milliseconds that were split by type alone, and whether they are asked exactly
        self.split_by_type: list[tuple[PageQuery, bool]] = []

    def run(self) -> Plan:
        """Plan the whole walk: by blocks, and where answers contradict those, by short pages alone."""
        try:
            yield from self._read()
        except Refuted:
            self.observations.careful = self.careful = True
            yield from self._read()
        return self._proof()

    def _read(self) -> Step:
        yield from self._prove(self.query)
        if self.straddling:  # the filter decides whether they belong to this window or to the next one
            yield from self.tell_filter(self.straddling)
        yield from observe(self, self.filters_used)
        if self.split_by_type and "auto_close_type" not in self.observations.filters_first:
            yield from self._split_by_symbol_instead()

    def _split_by_symbol_instead(self) -> Step:
        """Split by symbol if answers show only for symbols that they are filtered before the limit."""
        yield from observe(self, {"symbol"})
        if "symbol" in self.observations.filters_first and self.query.symbol is None:
            by_type, self.split_by_type = self.split_by_type, []
            self.filters_used -= {"auto_close_type"} - self.query.filters
            for query, exactly in by_type:
                yield from InstantSplit(self, exactly=exactly).split_symbols(query)

    def _proof(self) -> str:
        """Note what the walk rests on; return the argument."""
        evidence = self.observations.evidence
        evidence.needed |= {"filter_before_limit", "limit_honoured", "span_refused"}
        has_update = len(self.endpoint.kind.instants) > 1
        if has_update:
            evidence.needed.add("bounds_of_one_instant")
        if not self.filters_used <= self.observations.filters_first:
            evidence.suspected.add("filter_before_limit")
        elif self.filters_used & self.observations.filters_probed:
            evidence.probed.add("filter_before_limit")
        if "symbol" in self.filters_used:
            evidence.needed.add("symbols_listed")
        if self.walked and not self.careful:
            evidence.needed.add("cut_by_filtered_instant")
            if has_update:
                evidence.needed.add("update_after_time")
        proof = CAREFUL_PROOF if self.careful and self.walked else PROOF
        split = "followed by id" if self.endpoint.pager.id_parameter else "split by autoCloseType and symbol"
        return f"{proof}; full instants {split}" if self.split else proof

    # Any interval.

    def _prove(self, query: PageQuery) -> Step:
        """Prove the interval of `query`, and every piece that it turns out to need."""
        self._pieces = [query]
        while self._pieces:
            yield from self._prove_piece(self._pieces.pop())

    def _prove_piece(self, query: PageQuery) -> Step:
        """Prove one interval, in parts where the exchange refuses its span."""
        longest_ms = self.observations.longest_ms
        if longest_ms is not None and (query.last_ms - query.first_ms) + 2 * MARGIN_MS > longest_ms:
            cuts = starts(query, longest_ms) - {query.first_ms}
            if cuts:
                self._prove_later(query, cuts)
                return
        sent = self._sent(query)
        try:
            page = yield from self.send(query)
        except SpanRefused as refusal:
            self.observations.longest_ms = shorter(sent, refusal)
            self._pieces.append(query)
            return
        if self.is_full(page) and self._sent(query) != sent:
            # Its bounds turned out to be inclusive: rows of the milliseconds beside it need not fill it.
            page = yield from self.send(query)
        if self.is_full(page) and not self.careful:
            yield from self._walk(query, page)
        elif self.is_nearly_full(page):
            yield from self._cut(query, page)
        else:
            yield from self.ask_typed(query, page)

    def ask_typed(self, query: PageQuery, page: Page, *, exactly: bool = False) -> Step:
        """Ask what `page` holds, which is short, again under the wanted type, where there is one."""
        if self.typed and page.rows and query.auto_close_type is None:
            yield from self.send(replace(query, auto_close_type=self.typed), exactly=exactly)

    def _prove_later(self, query: PageQuery, cuts: Iterable[int]) -> None:
        """Note the adjacent pieces of `query`, which begin at its start and at `cuts`, the first on top.

        On a list, because a careful walk cuts a window of many rows thousands of times.
        """
        self._pieces += reversed(pieces(query, cuts))

    # Swift: blocks and remainders.

    def _walk(self, query: PageQuery, page: Page) -> Step:
        """Prove what lies around the block of `page`, the full answer to `query`."""
        first, self.walked = not self.walked, True
        if first:
            yield from self.test_block(query, page)
        order = sides(self.observations.side or likely_side(query, page))
        slack_rows = _FIRST_SLACK_ROWS if first else _SLACK_ROWS
        beside = yield from self._beside(query, page, order, slack_rows)
        while beside:
            remainder = beside.pop()
            page = yield from self.send(remainder.query)
            yield from self._check_block(remainder, page)
            if self.is_full(page):
                beside += yield from self._beside(remainder.query, page, self._open_sides(remainder, page))
            elif self.is_nearly_full(page):
                yield from self._cut(remainder.query, page)

    def _beside(
        self, query: PageQuery, page: Page, order: Iterable[Side], slack_rows: int = _SLACK_ROWS
    ) -> Generator[PageQuery | SymbolsQuery, Answer, list[_Remainder]]:
        """Choose what to ask beside a block, the side to ask first at the end; nothing if that is no less."""
        found: list[_Remainder] = []
        for side in order:
            beyond = yield from self._beyond(side, query, page, slack_rows)
            if beyond is None:
                yield from self._cut(query, page)
                return []
            found.insert(0, _Remainder(beyond, page, side))
        return found

    def _open_sides(self, remainder: _Remainder, page: Page) -> tuple[Side, ...]:
        """Which sides of a further block may have been cut.

        Not the one towards the block before, where the answer holds a row from inside of that: the rows cut
        first would have been the nearest ones.
        """
        block, known = Block(remainder.known), remainder.known
        inside: set[Instant] = set()
        for key in known.keys & page.keys:
            inside |= block.before_edge(remainder.side, known.by_key[key])
        return (remainder.side,) if self.observations.counting <= inside else sides(remainder.side)

    def _check_block(self, remainder: _Remainder, page: Page) -> Step:
        """Refute blocks where an answer beside one contradicts it; note on which side there was more.

        Which instant counts may have to be asked first.
        """
        if lacks_known(page, remainder.known.rows, remainder.query) and not self.is_full(page):
            raise Refuted
        fresh = unseen(page, remainder.known)
        if not fresh:
            return
        block, observations = Block(remainder.known), self.observations
        if observations.filtered_by is None and any(len(block.around(row)) == 1 for row in fresh):
            yield from self.tell_filter(remainder.known.rows)
        counting = observations.counting
        if block.surrounds_any(fresh, counting):
            raise Refuted
        if observations.side != remainder.side and any(
            block.is_passed(remainder.side, row, counting) for row in fresh
        ):
            observations.side = remainder.side

    def _beyond(
        self, side: Side, query: PageQuery, page: Page, slack_rows: int
    ) -> Generator[PageQuery | SymbolsQuery, Answer, PageQuery | None]:
        """Choose what to ask for all that the block may lack on `side`; None if that would not be less."""
        cut_by = sorted_by(page)
        hiding: Instant = "updated" if side == "forward" else "created"
        if cut_by == hiding:
            # Cut by this instant but filtered by the other one, rows could hide behind any edge.
            yield from self.tell_filter(page.rows)
            if self.observations.filtered_by != cut_by:
                raise Refuted
        # The exact instant only where the rows are seen to be cut by it; otherwise the superset.
        exact = self.observations.filtered_by if self.observations.filtered_by == cut_by else None
        edge = min(max(edge_inside(side, page, exact, slack_rows), query.first_ms), query.last_ms)
        beyond = replace(query, first_ms=edge) if side == "forward" else replace(query, last_ms=edge)
        return None if beyond == query else beyond

    # Careful: short pages alone.

    def _cut(self, query: PageQuery, page: Page) -> Step:
        """Cut `query`, which `page` filled or nearly so, around and through the rows of the page."""
        self.walked = True
        if query.first_ms == query.last_ms:
            if self.is_full(page):
                self.split = True
                yield from InstantSplit(self).split(query, page)
            else:
                yield from self.ask_typed(query, page)
            return
        cuts = cuts_through(query, page.rows, self.observations.counting, full=self.is_full(page))
        self._prove_later(query, cuts)
