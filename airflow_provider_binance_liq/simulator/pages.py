"""Which rows one answer holds: filtered, cut at the limit, ordered; and how all of that can go wrong.

A question's interval is of inclusive milliseconds; `queries.py` makes it so. Pages by time are cut at the
side that `Settings.keep` does not name; numbered pages are slices of one order,
with the number of all rows beside them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator.documented import make_row
from airflow_provider_binance_liq.simulator.records import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_binance_liq.simulator.history import History
    from airflow_provider_binance_liq.simulator.queries import Question
    from airflow_provider_binance_liq.simulator.records import Record
    from airflow_provider_binance_liq.simulator.settings import InstantField, Order, Settings, SortField

#: how far back the limit looks where startTime comes after it
_REACH_MS: Final = 90 * DAY_MS


@dataclass(frozen=True, slots=True)
class Page:
    """One answer's rows, and those it was taken from."""

    question: Question
    rows: tuple[Record, ...]
    #: every row that the question matches, in the order that numbered pages are cut from
    matching: tuple[Record, ...]
    #: number of rows that a numbered page claims
    total: int

    def body(self) -> bytes:
        """Spell the answer."""
        rows = b",".join(record.body for record in self.rows)
        if self.question.endpoint.is_by_time:
            return b"[" + rows + b"]"
        return b'{"rows":[' + rows + b'],"total":' + str(self.total).encode() + b"}"


Alteration = Callable[[Page], Page]


def select(question: Question, history: History, account: str, settings: Settings, now_ms: int) -> Page:
    """Return the page that answers `question`."""
    candidates = _candidates(question, history, account, settings, now_ms) if question.answered else []
    if settings.filter_stage == "before_limit":
        candidates = [record for record in candidates if _is_asked_for(record, question)]
    if question.endpoint.is_by_time:
        page = _truncated(question, candidates, settings)
    else:
        page = _numbered(question, candidates, settings)
    page = replace(page, rows=tuple(row for row in page.rows if _is_within(row, question, settings)))
    if not question.endpoint.is_by_time:
        page = replace(page, total=_total(page, settings))
    if question.page > 1 and settings.drift != "none":
        return DRIFTS[settings.drift](page)
    return page


def _candidates(
    question: Question, history: History, account: str, settings: Settings, now_ms: int
) -> list[Record]:
    """Return the rows that the limit cuts from, before any filter but those by time."""
    by_time = question.endpoint.is_by_time
    start_ms = question.start_ms
    if by_time and settings.start_stage == "after_limit":
        start_ms = max(0, start_ms - _REACH_MS)
    by = _filter_field(question, settings)
    found = [
        record
        for record in history.rows(question.endpoint, account, start_ms, question.end_ms + 1, by)
        if is_visible(record, settings, now_ms) and not _is_hidden(record, question, settings)
    ]
    if not settings.late_rows or question.asked_before >= settings.late_requests:
        return found
    late = sorted(found, key=lambda record: _lot(record, settings))[: settings.late_rows]
    return [record for record in found if record not in late]


def _is_hidden(record: Record, question: Question, settings: Settings) -> bool:
    """Whether the endpoint leaves a row out, whatever the filters say."""
    if record.close_type == "OTHER" and settings.other_type == "hidden":
        return True
    return record.isolated and question.symbol is None and settings.isolated_rows == "hidden"


def _is_within(record: Record, question: Question, settings: Settings) -> bool:
    """Whether a row that the limit left passes the filters that come after it."""
    instant = record.instant(_filter_field(question, settings))
    return instant >= question.start_ms and _is_asked_for(record, question)


def _total(page: Page, settings: Settings) -> int:
    total = len(page.rows) if settings.total == "page" else page.total
    return total if settings.total_cap is None else min(total, settings.total_cap)


def _filter_field(question: Question, settings: Settings) -> InstantField:
    return settings.filter_by if question.endpoint.is_by_time else "updateTime"


def _is_asked_for(record: Record, question: Question) -> bool:
    if question.close_type is not None and record.close_type != question.close_type:
        return False
    if question.after_id is not None and record.id <= question.after_id:
        return False
    if question.symbol is None:
        return True
    if question.endpoint.kind.isolated and question.endpoint.asks_isolated_apart and not record.isolated:
        return False
    return record.symbol == question.symbol


def is_visible(record: Record, settings: Settings, now_ms: int) -> bool:
    """Whether the exchange answers a row now: it has happened, is not late, and is still kept."""
    appears_ms = record.update_ms
    if settings.late_share and _lot(record, settings) < settings.late_share:
        appears_ms += round(settings.late_seconds * 1000)
    if now_ms < appears_ms:
        return False
    return settings.retention_days is None or record.time_ms >= now_ms - settings.retention_days * DAY_MS


def _lot(record: Record, settings: Settings) -> float:
    return random.Random(f"{settings.seed}/late/{record.symbol}/{record.id}").random()


def _truncated(question: Question, matching: Sequence[Record], settings: Settings) -> Page:
    ranked = sorted(matching, key=lambda record: _rank(record, settings.sort_field))
    keep_first = settings.keep == "oldest"
    if question.after_id is not None:
        ranked = sorted(matching, key=lambda record: record.id)
        keep_first = settings.ids_after == "lowest"
    kept = ranked[: question.size] if keep_first else ranked[-question.size :]
    rows = _ordered(kept, settings.order or "ascending", question, settings)
    return Page(question, tuple(rows), tuple(ranked), len(ranked))


def _rank(record: Record, by: SortField) -> tuple[str | int, ...]:
    """Where a row stands in what is cut."""
    return record.id if by == "order_id" else record.instant(by), *record.key


def _numbered(question: Question, matching: Sequence[Record], settings: Settings) -> Page:
    # Where an endpoint's own page says nothing, the general one of its family says "ascending".
    order = settings.order or ("descending" if question.endpoint.pager.newest_first else "ascending")
    ranked = sorted(matching, key=lambda record: record.place, reverse=order == "descending")
    first = (question.page - 1) * question.size
    rows: Sequence[Record] = ranked[first : first + question.size]
    if order in {"shuffled", "order_id"}:
        rows = _ordered(rows, order, question, settings)
    return Page(question, tuple(rows), tuple(ranked), len(ranked))


def _ordered(
    rows: Sequence[Record], order: Order, question: Question, settings: Settings
) -> Sequence[Record]:
    if order == "shuffled":
        rng = random.Random(f"{settings.seed}/{question.start_ms}/{question.end_ms}/{question.page}")
        return rng.sample(rows, len(rows))
    if order == "order_id":
        return sorted(rows, key=lambda record: (record.id, record.symbol))
    return rows[::-1] if order == "descending" else rows


def total_changes(page: Page) -> Page:
    """Claim one row more than there are."""
    return replace(page, total=page.total + 1)


def rows_repeat(page: Page) -> Page:
    """Begin with the row that ended the page before, and so leave out the last one."""
    first = (page.question.page - 1) * page.question.size
    if not first or not page.rows:
        return page
    return replace(page, rows=page.matching[first - 1 : first - 1 + len(page.rows)])


def rows_shift(page: Page) -> Page:
    """Behave as if a new row had come in front of the first page."""
    return total_changes(rows_repeat(page))


def duplicate_row(page: Page) -> Page:
    """Send the last row twice."""
    return replace(page, rows=(*page.rows, *page.rows[-1:]))


def limit_ignored(page: Page) -> Page:
    """Send every row that matches, however many were asked for."""
    return replace(page, rows=page.matching)


def row_outside(page: Page) -> Page:
    """Send a row of the day before the interval as well."""
    endpoint = page.question.endpoint.name
    row = make_row(endpoint, time=page.question.start_ms - DAY_MS)
    return replace(page, rows=(read_record(row, page.question.endpoint), *page.rows), total=page.total + 1)


def row_unidentified(page: Page) -> Page:
    """Send a row without anything that identifies it as well."""
    row = make_row(page.question.endpoint.name, time=page.question.start_ms)
    for field in page.question.endpoint.kind.key:
        row.pop(field.name)
    return replace(page, rows=(read_record(row, page.question.endpoint), *page.rows), total=page.total + 1)


def row_withheld(page: Page) -> Page:
    """Leave the last row out; only a numbered page's `total` gives it away."""
    return replace(page, rows=page.rows[:-1])


#: `Settings.drift` → what it does to each numbered page after the first
DRIFTS: Final[Mapping[str, Alteration]] = {
    "total": total_changes,
    "shift": rows_shift,
    "repeat": rows_repeat,
}
