"""Paging by number: `total` has to hold still while paging, and to equal the rows found.

Otherwise the window is read again, a bounded number of times.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.paging.asks import check_rows, pieces, shorter, starts
from airflow_provider_binance_liq.exceptions import SpanRefused, UnstablePaging

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_provider_binance_liq.core.paging.asks import Answer, Ask, AskSymbols, Plan, Step

#: whole readings of numbered pages before giving up
READINGS: Final = 5


class NumberedReading:
    """Reads all numbered pages of one window until `total` and the rows found agree."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.found = 0

    def run(self) -> Plan:
        """Plan the whole reading."""
        yield from self.prove()
        return "all numbered pages were read, and hold as many rows as the stated total"

    def prove(self) -> Step:
        """Read the window, or each piece of it where the exchange refuses its span."""
        try:
            yield from self._read_until_steady()
        except SpanRefused as refusal:
            for piece in pieces(self.ask, starts(self.ask, shorter(self.ask, refusal))):
                yield from NumberedReading(piece).prove()

    def _read_until_steady(self) -> Step:
        for _ in range(READINGS):
            totals = yield from self._read_once()
            if totals == {self.found}:
                return
        stated = ", ".join(str(total) for total in sorted(totals, key=str))
        message = (
            f"the numbered pages of {self.ask} kept shifting: after {READINGS} readings there are "
            f"{self.found} different rows, while the last one stated a total of {stated}. Nothing was "
            "written; a retry reads again"
        )
        raise UnstablePaging(message)

    def _read_once(self) -> Generator[Ask | AskSymbols, Answer, set[int | None]]:
        """Read every page once; returns the totals that were stated on the way."""
        totals: set[int | None] = set()
        read, number, previous = 0, 0, None
        while True:
            number += 1
            answer = yield replace(self.ask, number=number)
            rows = answer.page.rows
            check_rows(rows, self.ask)
            totals.add(answer.page.total)
            self.found += answer.unseen
            read += len(rows)
            # A page that repeats the one before it would never end.
            if not rows or rows == previous or read >= max(total or 0 for total in totals):
                return totals
            previous = rows
