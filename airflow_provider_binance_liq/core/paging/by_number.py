"""Paging by number: the rows found have to agree with `total`, or to end with an empty page twice alike.

Where they do not, the window is read again, a bounded number of times. `total` alone proves nothing: it may
be capped, or be the number of the page's rows. So a full page that seems to be the last one is followed by
one page more, which has to be empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.paging.page_query import check_rows, pieces, shorter, starts, widened
from airflow_provider_binance_liq.exceptions import RequestRejected, SpanRefused, UnstablePaging

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.pages import Page
    from airflow_provider_binance_liq.core.paging.page_query import (
        Answer,
        Observations,
        PageQuery,
        Plan,
        SymbolsQuery,
    )
    from airflow_provider_binance_liq.core.rows import Key, Row

#: whole readings of numbered pages before giving up
READINGS: Final = 5
#: the arguments of readings that agree with `total`, and of those where it counts fewer rows than there are
AGREED: Final = "all numbered pages were read, and hold as many rows as the stated total"
ENDED_ALIKE: Final = (
    "all numbered pages were read twice alike, up to an empty one; the stated total is too low"
)


@dataclass(slots=True)
class _Pass:
    """What one reading of all pages has seen."""

    rows: int = 0
    #: sum of what its rows' keys hash to: another one where other rows came, or one of them twice
    keys: int = 0
    totals: set[int | None] = field(default_factory=set)
    #: the last page was empty, so there is nothing behind it whatever `total` says
    ended: bool = False


class NumberedReading:
    """Reads all numbered pages of one window until they agree."""

    def __init__(self, endpoint: Endpoint, query: PageQuery, observations: Observations) -> None:
        self.endpoint = endpoint
        self.query = query
        self.observations = observations
        #: different wanted rows, of all readings
        self.found = 0
        #: rows of the milliseconds beside the window, which count in `total`
        self.beside: set[Key] = set()
        self.longest_page = 0

    def run(self) -> Plan:
        """Plan the whole reading."""
        agreed = yield from self.prove()
        evidence = self.observations.evidence
        evidence.needed.add("span_refused")
        if self.query.filters:
            evidence.needed.add("filter_before_limit")
        return AGREED if agreed else ENDED_ALIKE

    def prove(self) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Read the window, or each piece of it where the exchange refuses its span; whether totals agreed."""
        sent = widened(self.query)
        longest_ms = self.observations.longest_ms
        try:
            if longest_ms is None or sent.last_ms - sent.first_ms <= longest_ms:
                return (yield from self._read_until_steady())
        except SpanRefused as refusal:
            longest_ms = self.observations.longest_ms = shorter(sent, refusal)
        cuts = starts(self.query, longest_ms) - {self.query.first_ms}
        if not cuts:
            return (yield from self._read_until_steady())
        agreed = True
        for piece in pieces(self.query, cuts):
            agreed &= yield from NumberedReading(self.endpoint, piece, self.observations).prove()
        return agreed

    def _read_until_steady(self) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        """Read all pages until the rows agree with `total`, or end twice alike; whether they agreed."""
        before: _Pass | None = None
        for _ in range(READINGS):
            reading = yield from self._read_once()
            found = self.found + len(self.beside)
            # Without ids, rows that repeat may be others that are alike.
            distinct = self.endpoint.kind.has_id or reading.rows == found
            if reading.totals == {found} and distinct:
                return True
            # Where `total` counts too few, two readings that end alike at an empty page have to do.
            counts_few = all(total is not None and total <= found for total in reading.totals)
            if counts_few and reading.ended and reading.rows == found and before == reading:
                return False
            before = reading
        stated = ", ".join(str(total) for total in sorted(reading.totals, key=str))
        message = (
            f"the numbered pages of {self.query} kept shifting: after {READINGS} readings there are "
            f"{found} different rows, while the last one stated a total of {stated}. Nothing was "
            "written; a retry reads again"
        )
        raise UnstablePaging(message)

    def _read_once(self) -> Generator[PageQuery | SymbolsQuery, Answer, _Pass]:
        """Read every page once."""
        reading, number, previous = _Pass(), 0, None
        while True:
            number += 1
            sent = replace(widened(self.query), number=number)
            try:
                answer = yield sent
            except RequestRejected as refusal:
                if isinstance(refusal, SpanRefused) or reading.totals != {reading.rows}:
                    raise
                return reading  # a page behind the last one, by `total`
            rows = answer.page.rows
            check_rows(answer.page, sent)
            self._count(answer)
            reading.totals.add(answer.page.total)
            reading.rows += len(rows)
            reading.keys += sum(hash(row.key) for row in rows)
            # A page that repeats the one before it would never end.
            if not rows or self._repeats(rows, previous, reading):
                reading.ended = not rows
                return reading
            self.observations.evidence.needed.add("total_is_whole")
            if self._is_last(reading, answer.page):
                return reading
            previous = rows

    def _repeats(self, rows: Sequence[Row], previous: Sequence[Row] | None, reading: _Pass) -> bool:
        """Whether pages go on for ever: the same one again, or more rows than there are."""
        many = reading.rows > self.found + len(self.beside) + 2 * self.endpoint.pager.page_size
        repeats = previous is not None and {row.key for row in rows} == {row.key for row in previous}
        if many or repeats:
            self.observations.evidence.suspected.add("total_is_whole")
        return many or repeats

    def _count(self, answer: Answer) -> None:
        self.found += answer.unseen
        outside = (
            row for row in answer.page.rows if not self.query.first_ms <= row.updated_ms <= self.query.last_ms
        )
        self.beside.update(row.key for row in outside)

    def _is_last(self, reading: _Pass, page: Page) -> bool:
        """Whether `total` and a page that is not full agree that there is nothing behind it."""
        count = len(page.rows)
        full = count in (self.endpoint.pager.page_size, self.endpoint.pager.default_page_size)
        full = full or 0 < self.longest_page <= count
        self.longest_page = max(self.longest_page, count)
        return not full and reading.totals == {reading.rows}
