"""The report as a person reads it: what was asked, what the answer is, and what it rests on."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.probe.explanations import explain_key_refusal
from airflow_provider_binance_liq.probe.findings import UNDECIDED, length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_binance_liq.core.probe_report import EndpointReport, ProbeReport

QUESTIONS: Final[Mapping[str, str]] = {
    "start_inclusive": "Is startTime inclusive?",
    "end_inclusive": "Is endTime inclusive?",
    "equal_bounds": "Does startTime == endTime return that millisecond?",
    "filter_before_limit": "Are filters applied before the limit?",
    "cut_by_filtered_instant": "Are rows cut by the instant that is filtered by?",
    "span_refused": "Is too long a span refused, not cut short?",
    "total_is_whole": "Does total count every row?",
    "two_types": "Is every row a liquidation or an ADL?",
    "symbols_listed": "Is every row's symbol in exchangeInfo?",
    "isolated_rows": "Are isolated rows returned without a symbol?",
    "update_after_time": "Is updateTime never before time?",
    "within_retention": "Is every row kept for 90 days?",
    "recorded_by_endpoint": "Does the endpoint return every liquidation?",
    "rows_settled": "Does each row appear within a minute?",
}
_ANSWERS: Final = {"observed": "yes", "refuted": "no", "cannot_be_told": UNDECIDED}
_ACCESS: Final = {
    "answered": "answers this key",
    "key_refused": "refuses this key",
    "account_refused": "refuses this account: it has no portfolio margin (-21001)",
    "request_refused": "refuses the request",
    "unavailable": "did not answer",
    "no_host": "has no host in this environment",
}
#: what was learnt beside the premises: member of `Learnt`, what it answers, how it is shown
_VALUES: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("longest_span_ms", "Longest span that was answered whole", length),
    ("too_long_span_ms", "Shortest span that was not", length),
    ("retention_days_seen", "Age of the oldest row that was answered", "{} d".format),
    ("read_only_key", "Is a key that may only read enough?", str),
    ("unlisted_symbol", "A filter by a symbol that is not listed is", str),
)
_WIDTHS: Final = (52, 16, 78)


def lines(report: ProbeReport) -> Iterator[str]:
    """Yield the report, line by line."""
    yield f"account {report.account}, {report.probed_at}"
    allowed = sorted(name for name, value in report.key.items() if value)
    yield f"the key: {', '.join(allowed) or 'the exchange did not answer what this key may do'}"
    for name, endpoint in report.endpoints.items():
        yield ""
        spent = f"{count(endpoint.requests, 'request')} of weight {endpoint.weight:,}"
        access = f"{_ACCESS[endpoint.access]}{_key_refusal(endpoint)}"
        yield f"{name} {access}: {count(endpoint.rows, 'row')}, {spent}"
        if reason := _why_nothing(endpoint):
            yield f"  no question was answered: {reason}"
            continue
        yield from _row("question", "answer", "what it rests on")
        for code, finding in endpoint.premises.items():
            yield from _row(QUESTIONS[code], _ANSWERS[finding.verdict], finding.detail)
        for question, answer in learnt_lines(endpoint):
            yield from _row(question, answer, "")


def _why_nothing(endpoint: EndpointReport) -> str:
    """Return the reason why no question was answered, if it is one for all and no request was answered."""
    reasons = {one.detail for one in endpoint.premises.values()}
    return reasons.pop() if endpoint.access != "answered" and len(reasons) == 1 else ""


def _key_refusal(endpoint: EndpointReport) -> str:
    if endpoint.access != "key_refused":
        return ""
    code = "" if endpoint.refusal_code is None else f"{endpoint.refusal_code}: "
    return f" ({code}{explain_key_refusal(endpoint.refusal_code)})"


def _row(question: str, answer: str, basis: str) -> Iterator[str]:
    cells = [
        textwrap.wrap(text, width) or [""]
        for text, width in zip((question, answer, basis), _WIDTHS, strict=True)
    ]
    for at in range(max(map(len, cells))):
        parts = [
            (cell[at] if at < len(cell) else "").ljust(width)
            for cell, width in zip(cells, _WIDTHS, strict=True)
        ]
        yield ("  " + " | ".join(parts)).rstrip(" |")


def learnt_lines(endpoint: EndpointReport) -> Iterator[tuple[str, str]]:
    """Yield what was learnt beside the premises: question and answer."""
    learnt = endpoint.learnt
    if "cut_by_filtered_instant" in endpoint.premises:
        yield "Which instant do startTime and endTime filter by?", learnt.filtered_by or UNDECIDED
        yield "Which rows are kept where a limit cuts?", learnt.cut_side or UNDECIDED
    for name, question, shown in _VALUES:
        if (value := getattr(learnt, name)) is not None:
            yield question, shown(value)
    yield "Which headers report limits?", ", ".join(endpoint.headers) or "none"
