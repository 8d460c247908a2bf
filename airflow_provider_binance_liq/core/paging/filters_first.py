"""Whether a filter comes before the limit, seen by rows that are known already.

If the exchange counted to the limit first and filtered then, a filtered answer would be short and lack rows
all the same: it would come from 100 rows at one end. A filtered answer with a row that has a whole page of
known rows before it, under both instants, and a row that has a whole page of them after it cannot come from
100 rows at one end, whichever end that is, and whatever has appeared meanwhile. So the filter came first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.paging.page_query import MARGIN_MS, PageQuery, Refuted
from airflow_provider_binance_liq.exceptions import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.paging.page_query import (
        Answer,
        Filter,
        Observations,
        Step,
        SymbolsQuery,
    )
    from airflow_provider_binance_liq.core.rows import Row


class Sampled(Protocol):
    """What is needed of a walk: its rows, and a way to ask."""

    endpoint: Endpoint
    observations: Observations
    sample: list[Row]

    def send(
        self, query: PageQuery, *, exactly: bool = False
    ) -> Generator[PageQuery | SymbolsQuery, Answer, Page]:
        """Ask for an interval."""


def has_sample(walk: Sampled) -> bool:
    """Whether a walk has found enough rows to see by them whether a filter comes first."""
    return len(walk.sample) > walk.endpoint.pager.page_size


def observe(walk: Sampled, kinds: Iterable[Filter]) -> Step:
    """Ask for known rows under each filter; note those that are seen to come before the limit."""
    observations = walk.observations
    if observations.careful:  # rows are not cut at an end of time, so an answer may reach anywhere
        return
    for kind in sorted(set(kinds) - observations.filters_first):
        known = _close_together(walk.sample, observations.longest_ms)
        if len(known) <= walk.endpoint.pager.page_size:
            return
        for query in _queries_under(kind, known):
            try:
                page = yield from walk.send(query)
            except (Refuted, RequestRejected):
                return
            if _spans_more_than_a_page(page.rows, known, walk.endpoint.pager.page_size):
                observations.filters_first.add(kind)
                observations.evidence.needed.add("cut_by_filtered_instant")
                break


def _close_together(sample: Sequence[Row], longest_ms: int | None) -> list[Row]:
    """Choose rows that one request may span, in the order of their creation."""
    known = sorted(sample, key=lambda row: row.created_ms)
    if longest_ms is None or not known:
        return known
    middle_ms, reach_ms = known[len(known) // 2].created_ms, longest_ms // 2 - MARGIN_MS
    first_ms, last_ms = middle_ms - reach_ms, middle_ms + reach_ms
    return [row for row in known if first_ms <= row.created_ms <= last_ms and row.updated_ms <= last_ms]


def _queries_under(kind: Filter, known: Sequence[Row]) -> Iterator[PageQuery]:
    """Ask for all that is known: of the symbol that reaches furthest, or of each type."""
    first_ms = min(min(row.created_ms, row.updated_ms) for row in known)
    last_ms = max(max(row.created_ms, row.updated_ms) for row in known)
    whole = PageQuery(first_ms, last_ms)
    if kind == "symbol":
        yield replace(whole, symbol=_furthest_reaching(known))
        return
    for auto_close_type in reversed(AUTO_CLOSE_TYPES):
        yield replace(whole, auto_close_type=auto_close_type)


def _furthest_reaching(known: Sequence[Row]) -> str:
    """Choose the symbol whose first and last known rows lie furthest apart, in rows."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, row in enumerate(known):
        first.setdefault(row.symbol, place)
        last[row.symbol] = place
    return max(first, key=lambda symbol: last[symbol] - first[symbol])


def _spans_more_than_a_page(rows: Sequence[Row], known: Sequence[Row], page_size: int) -> bool:
    """Whether an answer reaches beyond a page of known rows from either end, under both instants."""
    has_page_before = any(sum(map(row.is_after, known)) >= page_size for row in rows)
    has_page_after = any(sum(one.is_after(row) for one in known) >= page_size for row in rows)
    return has_page_before and has_page_after
