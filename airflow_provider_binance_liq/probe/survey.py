"""Which rows there are to ask about: back from now, in spans below the 7 days of similar endpoints.

What is found does exist, and no more is certain: a full page may hide rows, and an exchange that cuts too
long a span short silently may hide them all. So every question is asked with rows that were returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import DAY_MS, MINUTE_MS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.probe.answers import Answer
    from airflow_provider_binance_liq.probe.asking import ProbeReader

WEEK_MS: Final = 7 * DAY_MS
#: around an instant that the user names
_AROUND_MS: Final = 30 * MINUTE_MS


@dataclass(slots=True)
class Survey:
    """What the search for rows came to."""

    now_ms: int
    #: the answer to the most recent span, and the interval that it was asked for
    newest: Answer
    newest_first_ms: int
    #: where the search ended
    searched_from_ms: int
    #: longest span between bounds that was not refused
    span_ms: int
    #: shortest span that was refused
    refused_span_ms: int | None = None
    #: start of an interval that was refused as too old
    too_old_ms: int | None = None


def requests_of(days: int) -> int:
    """Return how many requests a survey sends at the most: one a week, one older than that, one around."""
    return -(-days // 7) + 2


def find_rows(reader: ProbeReader, now_ms: int, days: int, near_ms: int | None) -> Survey:
    """Search for rows, the most recent ones first.

    :raises Unanswered: there is no first answer.
    """
    if near_ms is not None:
        reader.read(near_ms - _AROUND_MS, min(near_ms + _AROUND_MS, now_ms))
    end_ms, span_ms = now_ms, WEEK_MS - 1
    oldest_ms = now_ms - days * DAY_MS - WEEK_MS
    survey: Survey | None = None
    refused_ms: int | None = None
    for _ in range(requests_of(days) - 1):
        start_ms = max(end_ms - span_ms, oldest_ms)
        answer = reader.read(start_ms, end_ms)
        # The margin endpoint refuses too long a span and too old a start with the same code (-4047). A span
        # no longer than one that was answered is refused for its age.
        too_old = answer.refusal == "retention" or (answer.refusal == "span" and survey is not None)
        if answer.refusal == "span" and survey is None and end_ms - start_ms > 1:
            refused_ms = end_ms - start_ms
            span_ms = min(answer.longest_ms or refused_ms // 4, refused_ms // 2)
            continue
        if survey is None:
            survey = Survey(now_ms, answer, start_ms, start_ms, span_ms, refused_ms)
        if answer.refusal is not None:
            survey.too_old_ms = start_ms if too_old else None
            break
        survey.searched_from_ms, survey.span_ms, survey.refused_span_ms = start_ms, span_ms, refused_ms
        # One millisecond is shared by neighbours on each side, in case neither bound is inclusive.
        end_ms = start_ms + 1
        if start_ms <= oldest_ms:
            break
    return survey or Survey(now_ms, answer, end_ms, end_ms, span_ms, refused_ms)
