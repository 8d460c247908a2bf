"""The questions to one endpoint, and the verdict that each answer allows.

What a premise says of how requests are answered can be observed. What it says of every row (that none is of a
third type, appears late, was updated before it was created) is refuted by one row and proven by none: there
the verdict is `refuted` or `cannot_be_told`, and the detail says in how many rows it held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS, AUTO_CLOSE_TYPES, DAY_MS
from airflow_provider_binance_liq.core.probe_report import Finding, Learnt
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.probe.asking import list_symbols
from airflow_provider_binance_liq.probe.bounds import choose, find_bounds
from airflow_provider_binance_liq.probe.cuts import Cuts, find_cuts, intervals
from airflow_provider_binance_liq.probe.filters import find_stage, find_time_stage
from airflow_provider_binance_liq.probe.said import finding, number_of, refutable, span
from airflow_provider_binance_liq.probe.spans import Edges, find_spans
from airflow_provider_binance_liq.probe.totals import find_total

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.probe.asking import Asker
    from airflow_provider_binance_liq.probe.bounds import Bounds
    from airflow_provider_binance_liq.probe.heard import Seen
    from airflow_provider_binance_liq.probe.survey import Survey

#: the operator's default for how long after an interval's end its rows are waited for
SETTLE_MS: Final = 60_000
#: isolated symbols that are asked for
_MOST_ISOLATED: Final = 5
#: rows among what came for one isolated symbol that are asked for without it
_MOST_HIDDEN: Final = 5
#: readings that the question of isolated rows takes at the most
ISOLATED_READS: Final = _MOST_ISOLATED * (1 + _MOST_HIDDEN)


@dataclass(slots=True)
class Probe:
    """One endpoint in the course of its questions."""

    asker: Asker
    survey: Survey
    found: dict[str, Finding] = field(default_factory=dict)
    learnt: Learnt = field(default_factory=Learnt)
    bounds: Bounds | None = None
    cuts: Cuts = field(default_factory=Cuts)

    def learn(self, **values: Any) -> None:
        """Keep values for whoever reads next."""
        self.learnt = msgspec.structs.replace(self.learnt, **values)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that is asked."""
        return self.asker.endpoint

    @property
    def rows(self) -> list[Seen]:
        """Every row that was answered so far."""
        return list(self.asker.known.rows.values())


def ask_bounds(probe: Probe) -> None:
    """Ask which instant filters, and whether each bound is inclusive."""
    row = choose(probe.asker.known)
    if row is None:
        return
    told = probe.bounds = find_bounds(probe.asker, row)
    probe.learn(filtered_by=told.filtered_by, start_bound=told.start, end_bound=told.end)
    probe.learn(equal_bounds=told.equal)
    if not told.seen_again:
        reason = f"one row was asked for by its own instants: {told.unclear or 'it was not answered'}"
        probe.found |= dict.fromkeys(
            ("start_inclusive", "end_inclusive", "equal_bounds"), finding(None, reason)
        )
        return
    for code, bound, name in (
        ("start_inclusive", told.start, "startTime"),
        ("end_inclusive", told.end, "endTime"),
    ):
        holds = None if bound is None else bound == "inclusive"
        what = {True: "answered", False: "not answered", None: "neither answered nor missed"}[holds]
        probe.found[code] = finding(holds, f"a row exactly at {name} was {what}", 1)
    says = {
        "works": "startTime == endTime answered the row of that millisecond",
        "empty": "startTime == endTime was answered without the row of that millisecond",
        "refused": "startTime == endTime was refused",
        None: "too many rows share that millisecond",
    }
    holds = None if told.equal is None else told.equal == "works"
    probe.found["equal_bounds"] = finding(holds, says[told.equal], 1)


def ask_cuts(probe: Probe) -> None:
    """Ask which rows a limit leaves out."""
    cuts = probe.cuts = find_cuts(probe.asker, probe.survey.span_ms)
    if cuts.observations and probe.endpoint.is_by_time:
        by = next(iter(cuts.keys)) if len(cuts.keys) == 1 and cuts.settled else None
        probe.learn(cut_by=by, cut_side=cuts.side)
        probe.found["cut_by_filtered_instant"] = _cut_finding(probe)
    elif probe.endpoint.is_by_time:
        why = "answers with limit=1 told nothing: " + _why_no_cut(cuts)
        probe.found["cut_by_filtered_instant"] = finding(None, why)


def _why_no_cut(cuts: Cuts) -> str:
    if cuts.limit_ignored:
        return "they held more rows than that"
    return "known rows did not come" if cuts.starved else "no two known rows lie in one interval"


def _cut_finding(probe: Probe) -> Finding:
    cuts, filtered_by = probe.cuts, probe.learnt.filtered_by
    rests = f"limit=1, {len(cuts.observations)} times over {number_of(cuts.rows)}"
    if not cuts.keys:
        text = f"{rests}: the survivors are an end neither by an instant nor by order id"
        return finding(holds=False, detail=text, rows=cuts.rows)
    if filtered_by is None:
        return finding(None, f"{rests}: which instant filters could not be told", cuts.rows)
    names = " or ".join(sorted(cuts.keys))
    if filtered_by not in cuts.keys:
        text = f"{rests}: cut by {names}, filtered by {filtered_by}"
        return finding(holds=False, detail=text, rows=cuts.rows)
    if not cuts.settled:
        return finding(None, f"{rests}: cut by {names}, which these rows do not tell apart", cuts.rows)
    text = f"{rests}: the {cuts.side} by {names} was kept, each time"
    return finding(holds=True, detail=text, rows=cuts.rows)


def ask_filters(probe: Probe) -> None:
    """Ask whether filters choose before a limit cuts: the time, the symbol and the type."""
    asker, longest_ms, endpoint = probe.asker, probe.survey.span_ms, probe.endpoint
    stages = {"startTime and endTime": find_time_stage(asker, probe.cuts, probe.learnt.filtered_by)}
    # A survivor says nothing where an interval's own rows do not come.
    usable = not (probe.cuts.starved or probe.cuts.limit_ignored)
    if endpoint.symbols:
        told = find_stage(asker, probe.cuts, longest_ms, symbol=True) if usable else None
        stages[endpoint.symbols.parameter] = told
        probe.learn(symbol_filter=told)
    if endpoint.takes_auto_close_type:
        told = find_stage(asker, probe.cuts, longest_ms, symbol=False) if usable else None
        stages["autoCloseType"] = told
        probe.learn(type_filter=told)
    probe.learn(time_filter=stages["startTime and endTime"])
    says = {"before_limit": "before the limit", "after_limit": "after the limit", None: "cannot be told"}
    detail = "; ".join(f"{name}: {says[stage]}" for name, stage in stages.items())
    holds: bool | None = None
    if "after_limit" in stages.values():
        holds = False
    elif all(stage == "before_limit" for stage in stages.values()):
        holds = True
    rows = probe.cuts.rows if holds is not None else 0
    probe.found["filter_before_limit"] = finding(holds, detail, rows)


def ask_spans(probe: Probe) -> None:
    """Ask what too long a span gets."""
    told = find_spans(probe.asker, probe.survey, Edges.of(probe.bounds))
    probe.learn(span_answer=told.answer, longest_span_ms=told.whole_ms, too_long_span_ms=told.too_long_ms)
    whole = f"{span(told.whole_ms)} answered whole; " if told.whole_ms else ""
    if told.answer in (None, "whole"):
        detail = f"{whole}no longer span was tried" if told.whole_ms else "no known row lies so that it shows"
        probe.found["span_refused"] = finding(None, detail, told.rows)
        return
    too_long = span(told.too_long_ms or 0)
    says = {"refused": "refused", "empty": "answered without a row that is known", "clamped": "cut short"}
    detail = f"{whole}{too_long} {says[told.answer]}"
    probe.found["span_refused"] = finding(told.answer == "refused", detail, told.rows)


def ask_types(probe: Probe) -> None:
    """Ask whether the two types are all there is."""
    others = [row for row in probe.rows if row.close_type is None]
    code, broke = "two_types", "neither `autoclose-` nor `adl_autoclose`"
    held = "a liquidation or an ADL by its clientOrderId"
    probe.found[code] = refutable(others, len(probe.rows), held, broke)
    interval = next(iter(intervals(probe.asker.known, probe.survey.span_ms)), None)
    if others or interval is None:
        return
    answers = [
        probe.asker.ask(interval.first_ms, interval.last_ms, close_type=close_type)
        for close_type in AUTO_CLOSE_TYPES
    ]
    missed = [row for row in interval.rows if all(answer.shows(row) is False for answer in answers)]
    if missed and probe.asker.still_has(missed[-1]):
        broke = "answered without autoCloseType, and with neither of its values"
        probe.found[code] = refutable(missed, len(interval.rows), held, broke)


def ask_symbols(probe: Probe) -> None:
    """Ask whether `exchangeInfo` lists the symbols of all rows, and what one that it does not list gets."""
    listed = list_symbols(probe.asker)
    if listed is None:
        probe.found["symbols_listed"] = finding(None, "the exchange's list of symbols cannot be had")
        return
    others = sorted({row.symbol for row in probe.rows} - listed)
    rows = [row for row in probe.rows if row.symbol in others]
    broke = f"of {len(others)} symbols that exchangeInfo does not list"
    probe.found["symbols_listed"] = refutable(rows, len(probe.rows), "a listed symbol", broke)
    if rows:
        first_ms, last_ms = rows[0].instants
        heard = probe.asker.ask(first_ms - 1, last_ms + 1, symbol=rows[0].symbol)
        refused = "refused" if heard.refusal == "request" else None
        probe.learn(unlisted_symbol="answered" if heard.has(rows[0]) else refused)


def ask_total(probe: Probe) -> None:
    """Ask what `total` counts."""
    told = find_total(probe.asker, probe.survey)
    if told is None or not told.whole:
        reason = "no interval has two rows" if told is None else "the pages moved, or are too many to count"
        probe.found["total_is_whole"] = finding(None, reason)
        return
    probe.learn(page_rows_seen=told.longest_page)
    counted = number_of(told.counted)
    if (told.said, told.said_of_one) != (told.counted, told.counted):
        detail = f"{counted} on all pages; total said {told.said}, and {told.said_of_one} with size=1"
        probe.found["total_is_whole"] = finding(holds=False, detail=detail, rows=told.counted)
        return
    probe.learn(total_seen=told.counted)
    # However many rows were counted, a cap may lie above them.
    detail = f"total counted the {counted} of all pages, whatever the size; what it says of more is open"
    probe.found["total_is_whole"] = finding(None, detail, told.counted)


def ask_isolated(probe: Probe) -> None:
    """Ask whether rows of isolated margin come without `isolatedSymbol`."""
    plain = {row.key for row in probe.rows}
    seen = [row for row in probe.rows if row.isolated]
    for symbol in sorted({row.symbol for row in probe.rows})[:_MOST_ISOLATED]:
        newest = max((row for row in probe.rows if row.symbol == symbol), key=lambda row: row.instants)
        last_ms = min(newest.instants[1] + 1 + probe.survey.span_ms // 2, probe.survey.now_ms)
        heard = probe.asker.read(last_ms - probe.survey.span_ms, last_ms, symbol=symbol)
        new = [row for row in heard.rows if row.key not in plain][:_MOST_HIDDEN]
        hidden = [row for row in new if _is_hidden(probe, row)]
        if hidden:
            detail = f"{number_of(len(hidden))} came with isolatedSymbol alone"
            probe.found["isolated_rows"] = finding(holds=False, detail=detail, rows=len(hidden))
            return
    if seen:
        detail = f"{number_of(len(seen))} with isIsolated came without isolatedSymbol"
        probe.found["isolated_rows"] = finding(holds=True, detail=detail, rows=len(seen))
    else:
        probe.found["isolated_rows"] = finding(
            None, "no row of isolated margin was answered, with or without"
        )


def _is_hidden(probe: Probe, row: Seen) -> bool:
    """Whether a row that came with a filter does not come without it, even now."""
    first_ms, last_ms = row.instants
    return probe.asker.read(first_ms - 1, last_ms + 1).shows(row) is False


def tell_updates(probe: Probe) -> None:
    """Tell whether a row was updated before it was created."""
    early = [row for row in probe.rows if row.updated_ms < row.created_ms]
    held, broke = "updateTime is not before time", "updateTime is before time"
    probe.found["update_after_time"] = refutable(early, len(probe.rows), held, broke)


def tell_record(probe: Probe) -> None:
    """Tell what rows say of whether there is one for every liquidation: nothing, but that there are some."""
    detail = f"{number_of(len(probe.rows))} answered; whether each liquidation has one, no answer shows"
    probe.found["recorded_by_endpoint"] = finding(None, detail, len(probe.rows))


def tell_retention(probe: Probe) -> None:
    """Tell how far back rows were answered."""
    survey = probe.survey
    if survey.too_old_ms is not None:
        days = (survey.now_ms - survey.too_old_ms) // DAY_MS
        probe.learn(retention_refused_days=days)
        expected = probe.endpoint.retention_days or ASSUMED_RETENTION_DAYS
        holds = False if survey.now_ms - survey.too_old_ms <= expected * DAY_MS else None
        text = f"an interval that began {days} d ago was refused as too old; {expected} d are taken for kept"
        probe.found["within_retention"] = finding(holds, text)
    if probe.rows:
        oldest = min(row.instants[0] for row in probe.rows)
        days = (survey.now_ms - oldest) // DAY_MS
        probe.learn(retention_days_seen=days)
        text = (
            f"the oldest row that was answered is of {iso(oldest)}, {days} d ago; a kept row proves no other"
        )
        probe.found.setdefault("within_retention", finding(None, text, 1))


def ask_again(probe: Probe) -> None:
    """Ask for the most recent interval once more: a row that was not there at first has appeared late."""
    survey = probe.survey
    if survey.newest.refusal is not None or survey.newest.full:
        probe.found["rows_settled"] = finding(None, "the most recent interval is not answered by one page")
        return
    again = probe.asker.read(survey.newest_first_ms, survey.now_ms)
    due_ms = survey.now_ms - SETTLE_MS
    late = [row for row in again.rows if not survey.newest.has(row) and row.instants[1] <= due_ms]
    held = f"there when it was asked for first, or younger than {SETTLE_MS // 1000} s then"
    broke = f"appeared later than {SETTLE_MS // 1000} s after the update"
    probe.found["rows_settled"] = refutable(late, len(again.rows), held, broke)
