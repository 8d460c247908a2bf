"""One endpoint, from its first question to its report; what cannot be asked is said to be untold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.probe_report import EndpointReport
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.probe import bounds, cuts, filters, spans, survey, totals
from airflow_provider_binance_liq.probe import questions as of
from airflow_provider_binance_liq.probe.asking import (
    MOST_PAGES,
    SENDS,
    Stopped,
    Unanswered,
    access_of,
    read_clock,
)
from airflow_provider_binance_liq.probe.said import NO_ROWS, finding
from airflow_provider_binance_liq.probe.why import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.probe_report import Access
    from airflow_provider_binance_liq.probe.asking import Asker

_COMMON: Final = ("start_inclusive", "end_inclusive", "equal_bounds", "filter_before_limit", "span_refused")
_BY_TIME: Final = ("cut_by_filtered_instant", "two_types", "symbols_listed", "update_after_time")
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "margin": ("total_is_whole", "isolated_rows"),
    "portfolio_margin": ("total_is_whole", "recorded_by_endpoint"),
}
_LAST: Final = ("within_retention", "rows_settled")
#: asked wherever there are rows: filters are told by what it shows
_CUTS: Final = ("cut_by_filtered_instant",)
#: questions in their order: the premises that each is about → how it is asked
_QUESTIONS: Final[Mapping[tuple[str, ...], Callable[[of.Probe], None]]] = {
    ("start_inclusive", "end_inclusive", "equal_bounds"): of.ask_bounds,
    _CUTS: of.ask_cuts,
    ("filter_before_limit",): of.ask_filters,
    ("two_types",): of.ask_types,
    ("symbols_listed",): of.ask_symbols,
    ("update_after_time",): of.tell_updates,
    ("total_is_whole",): of.ask_total,
    ("isolated_rows",): of.ask_isolated,
    ("recorded_by_endpoint",): of.tell_record,
}
#: what may be said although no row was answered
_WITHOUT_ROWS: Final[Mapping[tuple[str, ...], Callable[[of.Probe], None]]] = {
    ("span_refused",): of.ask_spans,
    ("within_retention",): of.tell_retention,
    ("rows_settled",): of.ask_again,
}
_REFUSED: Final[Mapping[Access, str]] = {
    "key_refused": "the key is refused",
    "account_refused": "the account is refused: it has no portfolio margin",
    "request_refused": "the request is refused",
}


def codes_of(endpoint: Endpoint) -> tuple[str, ...]:
    """List the premises that concern an endpoint."""
    return (*_COMMON, *_OWN.get(endpoint.name, _BY_TIME), *_LAST)


def weight_of(endpoint: Endpoint, days: int) -> int:
    """Tell the weight of one endpoint's questions at the most."""
    reads = survey.requests_of(days) + bounds.REQUESTS + spans.REQUESTS + 1
    if endpoint.is_by_time:
        requests = reads + cuts.REQUESTS + 2 * filters.REQUESTS + len(AUTO_CLOSE_TYPES) + 2
    else:
        reads += of.ISOLATED_READS
        requests = reads * MOST_PAGES + cuts.REQUESTS + filters.REQUESTS + totals.REQUESTS
    # The last request, too, has to fit in as often as it may have to be sent.
    return (requests + SENDS - 1) * endpoint.weight


def unasked(endpoint: Endpoint, access: Access, reason: str, code: int | None = None) -> EndpointReport:
    """Report an endpoint that could not be asked."""
    premises = dict.fromkeys(codes_of(endpoint), finding(None, reason))
    return EndpointReport(access=access, premises=premises, refusal_code=code)


def why_unavailable(report: EndpointReport) -> str:
    """Return the reason why an endpoint was not asked to the end."""
    return next((one.detail for one in report.premises.values()), "")


def probe_endpoint(asker: Asker, days: int, near_ms: int | None) -> tuple[EndpointReport, str | None]:
    """Ask one endpoint everything; beside the report, why nothing more may be asked of anybody, if so."""
    spent = asker.client.spent
    before = (spent.requests, spent.weight)
    report, stopped = _probe(asker, days, near_ms)
    return (
        EndpointReport(
            access=report.access,
            premises=report.premises,
            refusal_code=report.refusal_code,
            learnt=report.learnt,
            rows=len(asker.known.rows),
            requests=spent.requests - before[0],
            weight=spent.weight - before[1],
            headers=tuple(sorted(asker.headers)),
        ),
        stopped,
    )


def _probe(asker: Asker, days: int, near_ms: int | None) -> tuple[EndpointReport, str | None]:
    endpoint = asker.endpoint
    try:
        looked = survey.look_back(asker, read_clock(asker), days, near_ms)
    except Unanswered as reason:
        return unasked(endpoint, "unavailable", str(reason)), None
    except (Stopped, KeyboardInterrupt) as reason:
        why = str(reason) or INTERRUPTED
        return unasked(endpoint, "unavailable", why), why
    access = access_of(looked.newest)
    if access != "answered":
        return unasked(endpoint, access, _REFUSED[access], looked.newest.code), None
    probe = of.Probe(asker, looked)
    stopped = _ask_everything(probe)
    why = stopped or "it was not asked"
    premises = {code: probe.found.get(code, finding(None, why)) for code in codes_of(endpoint)}
    return EndpointReport(access=access, premises=premises, learnt=probe.learnt), stopped


def _ask_everything(probe: of.Probe) -> str | None:
    concerned = {*codes_of(probe.endpoint), *(_CUTS if probe.rows else ())}
    questions = {**(_QUESTIONS if probe.rows else {}), **_WITHOUT_ROWS}
    for codes, ask in questions.items():
        try:
            if concerned.intersection(codes):
                ask(probe)
        except Unanswered as reason:
            for code in codes:
                probe.found.setdefault(code, finding(None, str(reason)))
        except (Stopped, KeyboardInterrupt) as reason:
            # What was learnt until then is kept.
            return str(reason) or INTERRUPTED
    if not probe.rows:
        _say_why(probe)
    return None


def _say_why(probe: of.Probe) -> None:
    """Name the reason why nothing can be told of an account without rows."""
    since = iso(probe.survey.looked_back_ms)
    no_rows = finding(None, f"{NO_ROWS} (none was answered since {since})")
    for code in codes_of(probe.endpoint):
        if probe.found.get(code, no_rows).verdict == "cannot_be_told":
            probe.found[code] = no_rows
