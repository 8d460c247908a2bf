"""Following ids through one full millisecond, where the endpoint answers only ids above a given one.

Nothing says which of the ids above it are answered, nor that rows are cut by their ids at all. So each page
has to stand up to what is known:

* It holds every row of the millisecond that was seen before, as far as it reaches.
* The next one begins inside of it: the ids that both hold are answered again, and none that is new to them.
* The first page is full, and a higher id is known that it does not hold: only then were the ids above its own
  left out, and none below. If no such id was known before, the page is asked for again once one is.

An answer that contradicts one of these proves nothing; rows that appear meanwhile cannot stand in for one. No
answer can show that no ids below a page were left out as well, so the premise `ids_ascend` stays suspected.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.paging.page_query import Answer, PageQuery, SymbolsQuery
    from airflow_provider_binance_liq.core.rows import Row

    Send = Callable[[PageQuery], Generator[PageQuery | SymbolsQuery, Answer, Page]]

#: ids of a page that are asked for again with the next one
_OVERLAP: Final = 25


class IdPager:
    """Reads one millisecond by ascending ids.

    :param send: asks for a page.
    :param is_full: whether rows have to be taken as left out of a page.
    :param query: asks for that millisecond.
    :param known: rows that were seen before; those of other milliseconds do not count.
    """

    def __init__(
        self, send: Send, is_full: Callable[[Page], bool], query: PageQuery, known: Iterable[Row]
    ) -> None:
        self._send = send
        self._is_full = is_full
        self._query = query
        self._known = {*_ids(row for row in known if row.created_ms == row.updated_ms == query.first_ms)}

    def run(self) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Ask until a page is short; whether that proves the millisecond, if ids ascend."""
        if not self._known or min(self._known) <= 0:
            return False  # ids above 0 are asked for, and there are others
        try:
            return (yield from self._follow())
        except RequestRejected:
            return False

    def _follow(self) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        highest_before = max(self._known)
        first = answer = yield from self._page(0)
        while answer is not None and answer[1]:
            ids = answer[0]
            after_id = ids[-_OVERLAP - 1] if len(ids) > _OVERLAP else ids[0]
            answer = yield from self._page(after_id, before=ids)
        if first is None or answer is None:
            return False
        ids, full = first
        return not full or highest_before > ids[-1] or (yield from self._was_cut_above(ids))

    def _page(
        self, after_id: int, before: list[int] | None = None
    ) -> Generator[PageQuery | SymbolsQuery, Answer, tuple[list[int], bool] | None]:
        """Ask for ids above `after_id`: those answered, in order, and whether the page is full.

        None if the answer contradicts what is known.

        :param before: ids of the page before, inside of which this one may add nothing.
        """
        page = yield from self._send(replace(self._query, after_id=after_id))
        ids, full = sorted(_ids(page.rows)), self._is_full(page)
        if not ids or ids[0] <= after_id:
            return None
        lacking = {one for one in self._known if after_id < one and not (full and one > ids[-1])} - {*ids}
        added = {one for one in ids if before and one <= before[-1]} - {*(before or ())}
        is_stuck = full and before is not None and ids[-1] == before[-1]
        # A page that lacks an earlier row may have been cut by time instead.
        self._known.update(_ids(row for row in page.rows if row.created_ms >= self._query.first_ms))
        return None if lacking or added or is_stuck else (ids, full)

    def _was_cut_above(self, first: list[int]) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Ask for the first page again, now that higher ids are known: it has to leave them out."""
        if max(self._known) <= first[-1]:
            return False
        again = yield from self._send(replace(self._query, after_id=0))
        return self._is_full(again) and sorted(_ids(again.rows)) == first


def _ids(rows: Iterable[Row]) -> list[int]:
    return [int(row.key[-1]) for row in rows]
