"""What a numbered page's `total` counts, and how many rows a page holds.

Rows are counted by reading every page of one interval. `total` is compared with that, and asked for again
with pages of one row, where a count of the page's own rows would be 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.probe.asking import MOST_PAGES, Unanswered

if TYPE_CHECKING:
    from airflow_provider_binance_liq.probe.answers import Answer
    from airflow_provider_binance_liq.probe.asking import ProbeReader
    from airflow_provider_binance_liq.probe.survey import Survey

#: requests at the most
REQUESTS: Final = MOST_PAGES + 1


def count_rows(reader: ProbeReader, survey: Survey) -> tuple[Answer, int | None]:
    """Read the span with the most rows; beside all of them, return the `total` of a page of one row.

    :raises Unanswered: no span has two rows, a page was refused, or the pages do not hold all rows.
    """
    first_ms, last_ms, seen = _busiest(reader, survey)
    if seen <= 1:  # one row is one page, whatever is counted
        raise Unanswered("no interval has two rows")
    answer = reader.read(first_ms, last_ms)
    if answer.refusal is not None or answer.incomplete:
        reason = answer.incomplete or "the exchange refuses it"
        raise Unanswered(f"the interval with the most rows cannot be counted: {reason}")
    return answer, reader.ask(first_ms, last_ms, limit=1).total


def _busiest(reader: ProbeReader, survey: Survey) -> tuple[int, int, int]:
    """Find the span, as long as is answered, with the most rows that can still be counted."""
    spans = [
        (row.instants[0] - 1, min(row.instants[0] - 1 + survey.span_ms, survey.now_ms))
        for row in reader.seen.rows.values()
    ]
    counted = [
        (first, last, reader.seen.count_instants(first, last)) for first, last in spans if first < last
    ]
    readable = [one for one in counted if one[2] < (MOST_PAGES - 1) * reader.endpoint.pager.page_size]
    return max(readable, key=lambda one: one[2], default=(0, 1, 0))
