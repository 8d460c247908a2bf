"""The questions about how requests are answered: bounds, limits, filters, spans and totals.

A premise about this can be observed: a few rows, asked for in the right way, show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.probe.bounds import choose, find_bounds
from airflow_provider_binance_liq.probe.cuts import find_cuts
from airflow_provider_binance_liq.probe.filters import find_stage, find_time_stage
from airflow_provider_binance_liq.probe.findings import UNDECIDED, length
from airflow_provider_binance_liq.probe.spans import Edges, find_spans
from airflow_provider_binance_liq.probe.totals import count_rows

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.probe_report import Bound, Stage
    from airflow_provider_binance_liq.probe.cuts import Cuts
    from airflow_provider_binance_liq.probe.session import Session


def ask_bounds(session: Session) -> None:
    """Ask which instant filters, and whether each bound is inclusive."""
    row = choose(session.reader.seen)
    if row is None:
        return
    found = session.bounds = find_bounds(session.reader, row)
    session.learn(filtered_by=found.filtered_by, start_bound=found.start, end_bound=found.end)
    session.learn(equal_bounds=found.equal)
    if not found.seen_again:
        reason = f"one row was asked for by its own instants: {found.unclear or 'it was not answered'}"
        for code in ("start_inclusive", "end_inclusive", "equal_bounds"):
            session.decide(code, None, reason)
        return
    _decide_bound(session, "start_inclusive", "startTime", found.start)
    _decide_bound(session, "end_inclusive", "endTime", found.end)
    detail = {
        "works": "startTime == endTime answered the row of that millisecond",
        "empty": "startTime == endTime was answered without the row of that millisecond",
        "refused": "startTime == endTime was refused",
        None: "too many rows share that millisecond",
    }[found.equal]
    session.decide("equal_bounds", None if found.equal is None else found.equal == "works", detail, 1)


def _decide_bound(session: Session, code: str, parameter: str, bound: Bound | None) -> None:
    if bound is None:
        detail = f"with a row exactly at {parameter}, the page was full or the request refused"
        session.decide(code, None, detail, 1)
        return
    inclusive = bound == "inclusive"
    detail = f"a row exactly at {parameter} was {'' if inclusive else 'not '}answered"
    session.decide(code, inclusive, detail, 1)


def ask_cuts(session: Session) -> None:
    """Ask which rows a limit leaves out."""
    cuts = session.cuts = find_cuts(session.reader, session.survey.span_ms)
    if not session.endpoint.is_by_time:
        return
    if not cuts.observations:
        detail = f"answers with limit=1 do not show it: {_explain_no_cut(cuts)}"
        session.decide("cut_by_filtered_instant", None, detail)
        return
    cut_by = next(iter(cuts.keys)) if len(cuts.keys) == 1 and cuts.settled else None
    session.learn(cut_by=cut_by, cut_side=cuts.side)
    holds, detail = _judge_cuts(cuts, session.learnt.filtered_by)
    basis = f"limit=1, {len(cuts.observations)} times over {count(cuts.rows, 'row')}"
    session.decide("cut_by_filtered_instant", holds, f"{basis}: {detail}", cuts.rows)


def _explain_no_cut(cuts: Cuts) -> str:
    if cuts.limit_ignored:
        return "they held more rows than that"
    return "rows seen before did not come" if cuts.rows_missing else "no two rows lie in one interval"


def _judge_cuts(cuts: Cuts, filtered_by: str | None) -> tuple[bool | None, str]:
    names = " or ".join(sorted(cuts.keys))
    if not cuts.keys:
        return False, "the rows kept are an end neither by an instant nor by order id"
    if filtered_by is None:
        return None, "which instant startTime and endTime filter by is undecided"
    if filtered_by not in cuts.keys:
        return False, f"cut by {names}, filtered by {filtered_by}"
    if not cuts.settled:
        return None, f"cut by {names}; these rows do not decide which"
    return True, f"the {cuts.side} by {names} was kept, each time"


def ask_filters(session: Session) -> None:
    """Ask whether filters choose before a limit cuts: the time, the symbol and the type."""
    reader, endpoint, cuts = session.reader, session.endpoint, session.cuts
    stages: dict[str, Stage | None] = {
        "startTime and endTime": find_time_stage(reader, cuts, session.learnt.filtered_by)
    }
    session.learn(time_filter=stages["startTime and endTime"])

    def stage_of(*, symbol: bool) -> Stage | None:
        # Where an interval's own rows do not come, the row that is kept shows nothing.
        if cuts.rows_missing or cuts.limit_ignored:
            return None
        return find_stage(reader, cuts, session.survey.span_ms, symbol=symbol)

    if endpoint.symbols:
        stages[endpoint.symbols.parameter] = stage_of(symbol=True)
        session.learn(symbol_filter=stages[endpoint.symbols.parameter])
    if endpoint.takes_auto_close_type:
        stages["autoCloseType"] = stage_of(symbol=False)
        session.learn(type_filter=stages["autoCloseType"])
    holds = False if "after_limit" in stages.values() else None if None in stages.values() else True
    shown = {"before_limit": "before the limit", "after_limit": "after the limit", None: UNDECIDED}
    detail = "; ".join(f"{name}: {shown[stage]}" for name, stage in stages.items())
    session.decide("filter_before_limit", holds, detail, 0 if holds is None else cuts.rows)


def ask_spans(session: Session) -> None:
    """Ask how too long a span is answered."""
    found = find_spans(session.reader, session.survey, Edges.of(session.bounds))
    session.learn(
        span_answer=found.answer, longest_span_ms=found.whole_ms, too_long_span_ms=found.too_long_ms
    )
    whole = f"{length(found.whole_ms)} answered whole; " if found.whole_ms else ""
    if found.answer in (None, "whole"):
        detail = f"{whole}no longer span was tried" if whole else "no row lies so that it shows"
        session.decide("span_refused", None, detail, found.rows)
        return
    how = {"refused": "refused", "empty": "answered without a row seen before", "clamped": "cut short"}
    detail = f"{whole}{length(found.too_long_ms or 0)} {how[found.answer]}"
    session.decide("span_refused", found.answer == "refused", detail, found.rows)


def ask_total(session: Session) -> None:
    """Ask what `total` counts.

    :raises Unanswered: the rows of no interval could be counted.
    """
    answer, total_of_one = count_rows(session.reader, session.survey)
    rows = len(answer.rows)
    session.learn(page_rows_seen=answer.page_rows)
    counted = count(rows, "row")
    if (answer.total, total_of_one) != (rows, rows):
        detail = f"{counted} on all pages; total was {answer.total}, and {total_of_one} with size=1"
        session.decide("total_is_whole", holds=False, detail=detail, rows=rows)
        return
    session.learn(total_seen=rows)
    # However many rows were counted, a cap may lie above them.
    detail = f"total counted the {counted} of all pages, whatever the size; for more rows it is undecided"
    session.decide("total_is_whole", None, detail, rows)
