"""The questions about rows: their types, symbols and updates, and which of them are answered at all.

A premise about every row is refuted by one row and proven by none: there the verdict is `refuted` or
`cannot_be_told`, and the detail says in how many rows it held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS, AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.units import DAY_MS, MINUTE_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.probe.cuts import intervals

if TYPE_CHECKING:
    from airflow_provider_binance_liq.probe.answers import SeenRow
    from airflow_provider_binance_liq.probe.session import Session

#: the operator's default for how long after an interval's end its rows are waited for
SETTLE_MS: Final = MINUTE_MS
#: isolated symbols that are asked for
_MOST_ISOLATED: Final = 5
#: rows among what came for one isolated symbol that are asked for without it
_MOST_HIDDEN: Final = 5
#: readings that the question of isolated rows takes at the most
ISOLATED_READS: Final = _MOST_ISOLATED * (1 + _MOST_HIDDEN)


def ask_types(session: Session) -> None:
    """Ask whether each row is of one of the two types."""
    rows, held = session.rows, "a liquidation or an ADL by its clientOrderId"
    others = [row for row in rows if row.close_type is None]
    session.refute("two_types", others, len(rows), held, "neither `autoclose-` nor `adl_autoclose`")
    interval = next(iter(intervals(session.reader.seen, session.survey.span_ms)), None)
    if others or interval is None:
        return
    answers = [
        session.reader.ask(interval.first_ms, interval.last_ms, close_type=close_type)
        for close_type in AUTO_CLOSE_TYPES
    ]
    missed = [row for row in interval.rows if all(answer.shows(row) is False for answer in answers)]
    if missed and session.reader.still_has(missed[-1]):
        broke = "answered without autoCloseType, and with neither of its values"
        session.refute("two_types", missed, len(interval.rows), held, broke)


def ask_symbols(session: Session) -> None:
    """Ask whether `exchangeInfo` lists the symbols of all rows, and what a filter by another one gets."""
    listed = session.reader.listed_symbols()
    if listed is None:
        session.decide("symbols_listed", None, "the exchange's list of symbols is not available")
        return
    rows = [row for row in session.rows if row.symbol not in listed]
    symbols = count(len({row.symbol for row in rows}), "symbol")
    broke = f"of {symbols} that exchangeInfo does not list"
    session.refute("symbols_listed", rows, len(session.rows), "a listed symbol", broke)
    if rows:
        first_ms, last_ms = rows[0].instants
        answer = session.reader.ask(first_ms - 1, last_ms + 1, symbol=rows[0].symbol)
        refused = "refused" if answer.refusal == "request" else None
        session.learn(unlisted_symbol="answered" if answer.has(rows[0]) else refused)


def ask_isolated(session: Session) -> None:
    """Ask whether rows of isolated margin come without `isolatedSymbol`."""
    plain = {row.key for row in session.rows}
    isolated = [row for row in session.rows if row.isolated]
    for symbol in sorted({row.symbol for row in session.rows})[:_MOST_ISOLATED]:
        newest = max((row for row in session.rows if row.symbol == symbol), key=lambda row: row.instants)
        last_ms = min(newest.instants[1] + 1 + session.survey.span_ms // 2, session.survey.now_ms)
        answer = session.reader.read(last_ms - session.survey.span_ms, last_ms, symbol=symbol)
        new = [row for row in answer.rows if row.key not in plain][:_MOST_HIDDEN]
        hidden = sum(_is_hidden(session, row) for row in new)
        if hidden:
            detail = f"{count(hidden, 'row')} came with isolatedSymbol alone"
            session.decide("isolated_rows", holds=False, detail=detail, rows=hidden)
            return
    if isolated:
        detail = f"{count(len(isolated), 'row')} with isIsolated came without isolatedSymbol"
        session.decide("isolated_rows", holds=True, detail=detail, rows=len(isolated))
    else:
        detail = "no row of isolated margin was answered, with or without isolatedSymbol"
        session.decide("isolated_rows", None, detail)


def _is_hidden(session: Session, row: SeenRow) -> bool:
    """Whether a row that came with a filter does not come without it, even now."""
    first_ms, last_ms = row.instants
    return session.reader.read(first_ms - 1, last_ms + 1).shows(row) is False


def check_updates(session: Session) -> None:
    """Check whether a row was updated before it was created."""
    early = [row for row in session.rows if row.updated_ms < row.created_ms]
    held, broke = "updateTime is not before time", "updateTime is before time"
    session.refute("update_after_time", early, len(session.rows), held, broke)


def check_record(session: Session) -> None:
    """Say that rows do not show whether there is one for every liquidation."""
    rows = len(session.rows)
    detail = f"{count(rows, 'row')} answered; no answer shows whether each liquidation has one"
    session.decide("recorded_by_endpoint", None, detail, rows)


def check_retention(session: Session) -> None:
    """Check how far back rows were answered."""
    survey = session.survey
    if survey.too_old_ms is not None:
        age_ms = survey.now_ms - survey.too_old_ms
        expected = session.endpoint.retention_days or ASSUMED_RETENTION_DAYS
        session.learn(retention_refused_days=age_ms // DAY_MS)
        detail = (
            f"an interval that began {age_ms // DAY_MS} d ago was refused as too old; rows are expected to "
            f"be kept for {expected} d"
        )
        session.decide("within_retention", False if age_ms <= expected * DAY_MS else None, detail)
    if session.rows:
        oldest_ms = min(row.instants[0] for row in session.rows)
        days = (survey.now_ms - oldest_ms) // DAY_MS
        session.learn(retention_days_seen=days)
        if "within_retention" not in session.findings:
            detail = (
                f"the oldest row answered is of {iso(oldest_ms)}, {days} d ago; that others were kept is "
                "not proven"
            )
            session.decide("within_retention", None, detail, 1)


def ask_again(session: Session) -> None:
    """Ask for the most recent interval once more: a row that was not there at first has appeared late."""
    survey = session.survey
    if survey.newest.refusal is not None or survey.newest.incomplete:
        session.decide("rows_settled", None, "the most recent interval is not answered by one page")
        return
    again = session.reader.read(survey.newest_first_ms, survey.now_ms)
    due_ms = survey.now_ms - SETTLE_MS
    late = [row for row in again.rows if not survey.newest.has(row) and row.instants[1] <= due_ms]
    held = f"there the first time, or younger than {SETTLE_MS // 1000} s then"
    broke = f"appeared later than {SETTLE_MS // 1000} s after the update"
    session.refute("rows_settled", late, len(again.rows), held, broke)
