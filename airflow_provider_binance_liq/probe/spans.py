"""What too long a span gets: by rows that are known to lie near an end of it.

A span is asked for twice: once with a known row at its beginning, once with one at its end. If both come, no
end was cut off by more than the rows' distance from it. Intervals with 100 known rows or more tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from airflow_provider_binance_liq.core.endpoints import DAY_MS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.probe.asking import Asker
    from airflow_provider_binance_liq.probe.bounds import Bounds
    from airflow_provider_binance_liq.probe.heard import Instant, Seen
    from airflow_provider_binance_liq.probe.survey import Survey

#: rows of one page
_FULL: Final = 100
Answer = Literal["refused", "empty", "clamped", "whole"]
SPANS_MS: Final = (7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS)
#: requests at the most
REQUESTS: Final = 2 * len(SPANS_MS) + 3


@dataclass(slots=True)
class Spans:
    """What the spans came to, the longest one that tells last."""

    answer: Answer | None = None
    #: the longest span that was answered whole
    whole_ms: int | None = None
    #: the shortest that was refused, answered empty or clamped
    too_long_ms: int | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Case:
    """One interval, a row in it that has to come, and the span that its coming proves."""

    first_ms: int
    last_ms: int
    row: Seen
    proves_ms: int


@dataclass(frozen=True, slots=True)
class Edges:
    """How near to a bound a row may be: at it, where that is known to be inclusive, else beside it."""

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

    def instants(self, row: Seen) -> tuple[int, int]:
        """Return the first and the last instant that may be compared."""
        if self.filtered_by is None:
            return row.instants
        return row.instant(self.filtered_by), row.instant(self.filtered_by)


def find_spans(asker: Asker, survey: Survey, edges: Edges) -> Spans:
    """Ask for longer and longer spans, until one is not answered whole.

    :raises Unanswered: an answer could not be had.
    """
    found = Spans()
    if survey.refused_span_ms is not None:
        return Spans("refused", None, survey.refused_span_ms)
    if _hides_rows(asker, survey):
        return Spans("clamped", None, survey.now_ms - survey.newest_first_ms, len(survey.newest.rows))
    for span_ms in SPANS_MS:
        answer = _ask_span(asker, _cases(asker, span_ms, survey.now_ms, edges), found)
        if answer is None:
            break
        found.answer = answer
        if answer != "whole":
            found.too_long_ms = span_ms
            break
    return found


def _hides_rows(asker: Asker, survey: Survey) -> bool:
    """Whether the most recent interval has rows, beside those it answered, that shorter ones answer."""
    shown, first_ms, last_ms = survey.newest.rows, survey.newest_first_ms, survey.now_ms
    if not shown or survey.newest.full or survey.newest.refusal is not None:
        return False
    oldest_ms = min(row.instants[0] for row in shown)
    newest_ms = max(row.instants[1] for row in shown)
    beside = [(first_ms, oldest_ms - 1), (newest_ms + 1, last_ms)]
    answers = [asker.read(first, last) for first, last in beside if first < last]
    hidden = [row for answer in answers for row in answer.rows if not survey.newest.has(row)]
    if not hidden:
        return False
    # A row that has only now appeared is answered by then.
    again = asker.read(first_ms, last_ms)
    return any(again.shows(row) is False for row in hidden)


def _ask_span(asker: Asker, cases: list[_Case], found: Spans) -> Answer | None:
    """Ask for a span with a row at each end; None where nothing can be told."""
    some = False
    for case in cases:
        heard = asker.read(case.first_ms, case.last_ms)
        some = some or bool(heard.rows)
        found.rows = max(found.rows, len(heard.rows))
        if heard.refusal is not None:
            return "refused" if heard.refusal in ("span", "request") else None
        shown = heard.shows(case.row)
        if shown is None:
            return None
        if not shown:
            return "clamped" if some else "empty"
    if len(cases) < 2:  # noqa: PLR2004  # one for each end
        return None
    found.whole_ms = max(found.whole_ms or 0, min(case.proves_ms for case in cases))
    return "whole"


def _cases(asker: Asker, span_ms: int, now_ms: int, edges: Edges) -> list[_Case]:
    rows = sorted(asker.known.rows.values(), key=lambda row: row.instants)
    early = (_early(row, span_ms, now_ms, edges) for row in rows)
    late = (_late(row, span_ms, edges) for row in reversed(rows))
    chosen = (next((one for one in some if one and _tells(asker, one)), None) for some in (early, late))
    return [one for one in chosen if one is not None]


def _early(row: Seen, span_ms: int, now_ms: int, edges: Edges) -> _Case | None:
    """Place the span so that a row is as near to its beginning as may be, and its end not yet to come."""
    first_at, last_at = edges.instants(row)
    last_ms = min(first_at - edges.start_pad_ms + span_ms, now_ms)
    first_ms = last_ms - span_ms
    inside = first_ms + edges.start_pad_ms <= first_at and last_at < last_ms
    return _Case(first_ms, last_ms, row, last_ms - last_at) if inside else None


def _late(row: Seen, span_ms: int, edges: Edges) -> _Case | None:
    """Place the span so that a row is near its end."""
    first_at, last_at = edges.instants(row)
    last_ms = last_at + edges.end_pad_ms
    first_ms = last_ms - span_ms
    return _Case(first_ms, last_ms, row, first_at - first_ms) if first_ms < first_at else None


def _tells(asker: Asker, case: _Case) -> bool:
    known = asker.known
    if case.first_ms < 0 or known.count(case.first_ms, case.last_ms) >= 2 * _FULL:
        return False
    return len(known.touching(case.first_ms, case.last_ms)) < _FULL
