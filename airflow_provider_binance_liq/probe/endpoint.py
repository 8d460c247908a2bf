"""One endpoint, from its first question to its report; a premise without a verdict says why it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.probe_report import EndpointReport
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.probe import (
    bounds,
    cuts,
    filters,
    request_questions,
    row_questions,
    spans,
    survey,
    totals,
)
from airflow_provider_binance_liq.probe.asking import MOST_PAGES, SENDS, Stopped, Unanswered
from airflow_provider_binance_liq.probe.explanations import INTERRUPTED
from airflow_provider_binance_liq.probe.findings import NO_ROWS, finding
from airflow_provider_binance_liq.probe.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.probe_report import Access
    from airflow_provider_binance_liq.probe.answers import Refusal
    from airflow_provider_binance_liq.probe.asking import ProbeReader

#: what an extraction observes by itself, on its own pages
NOT_PROBED: Final = frozenset({"limit_honoured", "bounds_of_one_instant", "ids_ascend", "key_identifies"})
#: asked wherever there are rows: the answer is needed for the question about filters
_CUTS: Final = ("cut_by_filtered_instant",)
#: questions in their order: the premises that each is about → how it is asked
_QUESTIONS: Final[Mapping[tuple[str, ...], Callable[[Session], None]]] = {
    ("start_inclusive", "end_inclusive", "equal_bounds"): request_questions.ask_bounds,
    _CUTS: request_questions.ask_cuts,
    ("filter_before_limit",): request_questions.ask_filters,
    ("two_types",): row_questions.ask_types,
    ("symbols_listed",): row_questions.ask_symbols,
    ("update_after_time",): row_questions.check_updates,
    ("total_is_whole",): request_questions.ask_total,
    ("isolated_rows",): row_questions.ask_isolated,
    ("recorded_by_endpoint",): row_questions.check_record,
}
#: questions that may be decided although no row was answered
_WITHOUT_ROWS: Final[Mapping[tuple[str, ...], Callable[[Session], None]]] = {
    ("span_refused",): request_questions.ask_spans,
    ("within_retention",): row_questions.check_retention,
    ("rows_settled",): row_questions.ask_again,
}
_REFUSED: Final[Mapping[Refusal, tuple[Access, str]]] = {
    "key": ("key_refused", "the key is refused"),
    "account": ("account_refused", "the account is refused: it has no portfolio margin"),
    "request": ("request_refused", "the request is refused"),
}


def codes_of(endpoint: Endpoint) -> tuple[str, ...]:
    """List the premises that are asked about, of those that concern an endpoint."""
    return tuple(
        code for code, one in PREMISES.items() if endpoint.name in one.endpoints and code not in NOT_PROBED
    )


def weight_of(endpoint: Endpoint, days: int) -> int:
    """Return the weight of one endpoint's questions at the most."""
    reads = survey.requests_of(days) + bounds.REQUESTS + spans.REQUESTS + 1
    if endpoint.is_by_time:
        requests = reads + cuts.REQUESTS + 2 * filters.REQUESTS + len(AUTO_CLOSE_TYPES) + 2
    else:
        reads += row_questions.ISOLATED_READS
        requests = reads * MOST_PAGES + cuts.REQUESTS + filters.REQUESTS + totals.REQUESTS
    # The last request, too, has to fit in as often as it may have to be sent.
    return (requests + SENDS - 1) * endpoint.weight


def not_asked(endpoint: Endpoint, access: Access, reason: str, code: int | None = None) -> EndpointReport:
    """Report an endpoint that could not be asked."""
    premises = dict.fromkeys(codes_of(endpoint), finding(None, reason))
    return EndpointReport(access=access, premises=premises, refusal_code=code)


def reason_unavailable(report: EndpointReport) -> str:
    """Return the reason why an endpoint could not be asked, or not everything."""
    return next((one.detail for one in report.premises.values()), "")


def probe_endpoint(reader: ProbeReader, days: int, near_ms: int | None) -> tuple[EndpointReport, str | None]:
    """Ask one endpoint everything; beside the report, return why no further request may be sent, if so."""
    spent = reader.client.spent
    requests, weight = spent.requests, spent.weight
    report, stopped = _probe(reader, days, near_ms)
    spent_here = msgspec.structs.replace(
        report,
        rows=len(reader.seen.rows),
        requests=spent.requests - requests,
        weight=spent.weight - weight,
        headers=tuple(sorted(reader.headers)),
    )
    return spent_here, stopped


def _probe(reader: ProbeReader, days: int, near_ms: int | None) -> tuple[EndpointReport, str | None]:
    endpoint = reader.endpoint
    try:
        found = survey.find_rows(reader, reader.clock_ms(), days, near_ms)
    except Unanswered as reason:
        return not_asked(endpoint, "unavailable", str(reason)), None
    except (Stopped, KeyboardInterrupt) as error:
        stopped = str(error) or INTERRUPTED
        return not_asked(endpoint, "unavailable", stopped), stopped
    newest = found.newest
    if newest.refusal is not None and newest.refusal in _REFUSED:
        access, refused = _REFUSED[newest.refusal]
        return not_asked(endpoint, access, refused, newest.code), None
    session = Session(reader, found)
    ended = _ask_everything(session)
    missing = finding(None, ended or "it was not asked")
    premises = {code: session.findings.get(code, missing) for code in codes_of(endpoint)}
    return EndpointReport(access="answered", premises=premises, learnt=session.learnt), ended


def _ask_everything(session: Session) -> str | None:
    wanted = {*codes_of(session.endpoint), *(_CUTS if session.rows else ())}
    questions = {**(_QUESTIONS if session.rows else {}), **_WITHOUT_ROWS}
    for codes, ask in questions.items():
        try:
            if wanted.intersection(codes):
                ask(session)
        except Unanswered as reason:
            for code in codes:
                session.findings.setdefault(code, finding(None, str(reason)))
        except (Stopped, KeyboardInterrupt) as error:
            # What was learnt until then is kept.
            return str(error) or INTERRUPTED
    if not session.rows:
        _explain_no_rows(session)
    return None


def _explain_no_rows(session: Session) -> None:
    """Give the reason why everything is undecided for an account without rows."""
    since = iso(session.survey.searched_from_ms)
    no_rows = finding(None, f"{NO_ROWS} (none was answered since {since})")
    for code in codes_of(session.endpoint):
        if session.findings.get(code, no_rows).verdict == "cannot_be_told":
            session.findings[code] = no_rows
