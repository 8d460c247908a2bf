"""What a numbered page's `total` counts, and whether a page holds as many rows as it was asked for.

Rows are counted by reading every page of one interval; `total` is held against that, and asked for with
pages of one row, where a count of the page's own rows would say 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.probe.asking import MOST_PAGES

if TYPE_CHECKING:
    from airflow_provider_binance_liq.probe.asking import Asker
    from airflow_provider_binance_liq.probe.survey import Survey

#: requests at the most
REQUESTS: Final = MOST_PAGES + 1


@dataclass(slots=True)
class Totals:
    """What one interval has shown."""

    #: rows of the interval, by reading its pages
    counted: int = 0
    #: every page was read, up to an empty one
    whole: bool = False
    #: what the first page's `total` said, and that of a page of one row
    said: int | None = None
    said_of_one: int | None = None
    #: the most rows of one page
    longest_page: int = 0


def find_total(asker: Asker, survey: Survey) -> Totals | None:
    """Count the rows of the span with the most of them; None where no span has two.

    :raises Unanswered: an answer could not be had.
    """
    first_ms, last_ms, known = _busiest(asker, survey)
    if known < 2:  # noqa: PLR2004  # one row is one page, whatever is counted
        return None
    found, keys = Totals(), set()
    for number in range(1, MOST_PAGES + 1):
        heard = asker.ask(first_ms, last_ms, number=number)
        if heard.refusal is not None:
            return None
        if number == 1:
            found.said = heard.total
        found.whole = not heard.rows
        if any(row.key in keys for row in heard.rows):
            break  # rows move between the pages, so one may have been missed
        found.longest_page = max(found.longest_page, len(heard.rows))
        keys |= {row.key for row in heard.rows}
        if found.whole:
            break
    found.counted = len(keys)
    found.said_of_one = asker.ask(first_ms, last_ms, limit=1).total
    return found


def _busiest(asker: Asker, survey: Survey) -> tuple[int, int, int]:
    """Find the span, as long as is answered, with the most known rows that can still be counted."""
    spans = [
        (row.instants[0] - 1, min(row.instants[0] - 1 + survey.span_ms, survey.now_ms))
        for row in asker.known.rows.values()
    ]
    counted = [(first, last, asker.known.count(first, last)) for first, last in spans if first < last]
    readable = [one for one in counted if one[2] < (MOST_PAGES - 1) * asker.endpoint.pager.page_size]
    return max(readable, key=lambda one: one[2], default=(0, 1, 0))
