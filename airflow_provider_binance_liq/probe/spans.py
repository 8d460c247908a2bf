"""How too long a span is answered: by rows that lie near an end of it.

A span is asked for twice: once with a row that was seen at its beginning, once with one at its end. If both
come, no end was cut off by more than the rows' distance from it. Intervals with a page of rows or more
decide nothing.

Age must not be taken for length: a row that does not come is asked for alone, in case the exchange has
forgotten it meanwhile; and where a span is refused, a short one that begins at the same instant has to be
answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.core.units import DAY_MS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.probe_report import SpanAnswer
    from airflow_provider_binance_liq.core.rows import Key
    from airflow_provider_binance_liq.probe.answers import Answer, Instant, SeenRow
    from airflow_provider_binance_liq.probe.asking import ProbeReader
    from airflow_provider_binance_liq.probe.bounds import Bounds
    from airflow_provider_binance_liq.probe.survey import Survey

SPANS_MS: Final = (7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS)
#: rows that may turn out to be forgotten before a span's question is given up
_MOST_FORGOTTEN: Final = 2
#: rows that show a span to be answered whole: one at each end
_BOTH_ENDS: Final = 2
#: readings at the most: two a span; for each row that is forgotten, two in vain and one that shows it; four
#: for hidden rows, and one that decides between length and age
REQUESTS: Final = 2 * len(SPANS_MS) + 3 * _MOST_FORGOTTEN + 5


@dataclass(slots=True)
class Spans:
    """How the spans were answered, the longest one that decides anything last."""

    answer: SpanAnswer | None = None
    #: the longest span that was answered whole
    whole_ms: int | None = None
    #: the shortest that was refused, answered empty or clamped
    too_long_ms: int | None = None
    rows: int = 0
    #: rows that were answered once, and are no more
    forgotten: set[Key] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Case:
    """One interval, a row in it that has to come, and the span that its coming proves."""

    first_ms: int
    last_ms: int
    row: SeenRow
    proves_ms: int


@dataclass(frozen=True, slots=True)
class Edges:
    """How near to a bound a row may be: at it, where that was seen to be inclusive, else beside it."""

    filtered_by: Instant | None
    start_pad_ms: int
    end_pad_ms: int

    @classmethod
    def of(cls, bounds: Bounds | None) -> Self:
        """Take over what the bounds have shown."""
        filtered_by = bounds.filtered_by if bounds else None
        start = bounds.start if bounds else None
        end = bounds.end if bounds else None
        return cls(filtered_by, int(start != "inclusive"), int(end != "inclusive"))

    def instants(self, row: SeenRow) -> tuple[int, int]:
        """Return the first and the last instant that may be compared."""
        if self.filtered_by is None:
            return row.instants
        return row.instant(self.filtered_by), row.instant(self.filtered_by)


def find_spans(reader: ProbeReader, survey: Survey, edges: Edges) -> Spans:
    """Ask for longer and longer spans, until one is not answered whole.

    :raises Unanswered: there is no answer, or no weight left for it.
    """
    found = Spans()
    if survey.refused_span_ms is not None:
        return Spans("refused", None, survey.refused_span_ms)
    if _hides_rows(reader, survey):
        return Spans("clamped", None, survey.now_ms - survey.newest_first_ms, len(survey.newest.rows))
    for span_ms in SPANS_MS:
        answer = _ask_anew(reader, span_ms, survey, edges, found)
        if answer is None:
            break
        found.answer = answer
        if answer != "whole":
            found.too_long_ms = span_ms
            break
    return found


def _hides_rows(reader: ProbeReader, survey: Survey) -> bool:
    """Whether the most recent interval has rows, beside those it answered, that shorter ones answer."""
    shown, first_ms, last_ms = survey.newest.rows, survey.newest_first_ms, survey.now_ms
    if not shown or survey.newest.incomplete or survey.newest.refusal is not None:
        return False
    oldest_ms = min(row.instants[0] for row in shown)
    newest_ms = max(row.instants[1] for row in shown)
    beside = [(first_ms, oldest_ms - 1), (newest_ms + 1, last_ms)]
    answers = [reader.read(first, last) for first, last in beside if first < last]
    hidden = [row for answer in answers for row in answer.rows if not survey.newest.has(row)]
    if not hidden:
        return False
    # A row that has only now appeared is answered by then.
    again = reader.read(first_ms, last_ms)
    missed = [row for row in hidden if again.shows(row) is False]
    return bool(missed) and reader.still_has(missed[-1])


def _ask_anew(
    reader: ProbeReader, span_ms: int, survey: Survey, edges: Edges, found: Spans
) -> SpanAnswer | None:
    """Ask for a span, and again by other rows where one of those that it was asked by is forgotten."""
    while True:
        forgotten = len(found.forgotten)
        answer = _ask_span(reader, _cases(reader, span_ms, survey, edges, found), survey, found)
        if answer is not None or not forgotten < len(found.forgotten) <= _MOST_FORGOTTEN:
            return answer


def _ask_span(reader: ProbeReader, cases: list[_Case], survey: Survey, found: Spans) -> SpanAnswer | None:
    """Ask for a span with a row at each end; None where that decides nothing."""
    some = False
    for case in cases:
        answer = reader.read(case.first_ms, case.last_ms)
        some = some or bool(answer.rows)
        found.rows = max(found.rows, len(answer.rows))
        if answer.refusal is not None:
            return "refused" if _is_for_length(reader, case, answer, survey) else None
        shown = answer.shows(case.row)
        if shown is None:
            return None
        if not shown and not reader.still_has(case.row):
            found.forgotten.add(case.row.key)
            return None
        if not shown:
            return "clamped" if some else "empty"
    if len(cases) < _BOTH_ENDS:
        return None
    found.whole_ms = max(found.whole_ms or 0, min(case.proves_ms for case in cases))
    return "whole"


def _is_for_length(reader: ProbeReader, case: _Case, answer: Answer, survey: Survey) -> bool:
    """Whether a span was refused for its length: one that begins as early, and is short, is answered."""
    if answer.refusal not in ("span", "request"):
        return False
    return reader.read(case.first_ms, case.first_ms + survey.span_ms).refusal is None


def _cases(reader: ProbeReader, span_ms: int, survey: Survey, edges: Edges, found: Spans) -> list[_Case]:
    kept = (row for key, row in reader.seen.rows.items() if key not in found.forgotten)
    rows = sorted(kept, key=lambda row: row.instants)
    early = (_early(row, span_ms, survey.now_ms, edges) for row in rows)
    late = (_late(row, span_ms, edges) for row in reversed(rows))
    # What was refused as too old says nothing about lengths.
    since_ms = 0 if survey.too_old_ms is None else survey.too_old_ms + 1
    chosen = (
        next((one for one in some if one and one.first_ms >= since_ms and _decides(reader, one)), None)
        for some in (early, late)
    )
    return [one for one in chosen if one is not None]


def _early(row: SeenRow, span_ms: int, now_ms: int, edges: Edges) -> _Case | None:
    """Place the span so that a row is as near to its beginning as may be, and its end not yet to come."""
    first_at, last_at = edges.instants(row)
    last_ms = min(first_at - edges.start_pad_ms + span_ms, now_ms)
    first_ms = last_ms - span_ms
    inside = first_ms + edges.start_pad_ms <= first_at and last_at < last_ms
    return _Case(first_ms, last_ms, row, last_ms - last_at) if inside else None


def _late(row: SeenRow, span_ms: int, edges: Edges) -> _Case | None:
    """Place the span so that a row is near its end."""
    first_at, last_at = edges.instants(row)
    last_ms = last_at + edges.end_pad_ms
    first_ms = last_ms - span_ms
    return _Case(first_ms, last_ms, row, first_at - first_ms) if first_ms < first_at else None


def _decides(reader: ProbeReader, case: _Case) -> bool:
    """Whether the interval's rows fit on one page."""
    page = reader.endpoint.pager.page_size
    if reader.seen.count_instants(case.first_ms, case.last_ms) >= 2 * page:
        return False
    return len(reader.seen.touching(case.first_ms, case.last_ms)) < page
