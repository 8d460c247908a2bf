"""What a probe has learnt of the exchange with one account's rows, as extraction is told of it: a JSON text.

The law kept here: a report says no more than its answers showed. A verdict that rests on nothing is
`cannot_be_told`; what a report does not say, or what its reader does not know, changes nothing.
"""

from __future__ import annotations

import json
from typing import Final, Literal

import msgspec

from airflow_provider_binance_liq.exceptions import InvalidProbeReport

SCHEMA_VERSION: Final = 1
Verdict = Literal["observed", "refuted", "cannot_be_told"]
Stage = Literal["before_limit", "after_limit"]
Bound = Literal["inclusive", "exclusive"]
#: whether an endpoint answers this key: `key_refused` is -2015 and its like, `account_refused` -21001
Access = Literal["answered", "key_refused", "account_refused", "request_refused", "unavailable", "no_host"]


class Finding(msgspec.Struct, frozen=True):
    """What was found of one premise."""

    verdict: Verdict
    #: what the verdict rests on, or why there is none
    detail: str
    #: rows that it rests on
    rows: int = 0


class Learnt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Values that a reading can begin with; None where the answers did not show them."""

    #: the instant that startTime and endTime are compared with
    filtered_by: Literal["created", "updated"] | None = None
    #: what decides which rows a limit leaves out
    cut_by: Literal["created", "updated", "order_id"] | None = None
    #: the end of an interval whose rows are kept where a limit cuts
    cut_side: Literal["oldest", "newest"] | None = None
    start_bound: Bound | None = None
    end_bound: Bound | None = None
    equal_bounds: Literal["works", "refused", "empty"] | None = None
    #: whether startTime and endTime choose before the limit cuts
    time_filter: Stage | None = None
    symbol_filter: Stage | None = None
    type_filter: Stage | None = None
    #: what the longest span that was tried came to
    span_answer: Literal["refused", "empty", "clamped", "whole"] | None = None
    #: the longest span between startTime and endTime that was seen to be answered whole
    longest_span_ms: int | None = None
    #: the shortest span that was refused, answered empty or clamped
    too_long_span_ms: int | None = None
    #: whole days since the oldest row that was answered
    retention_days_seen: int | None = None
    #: days before now from which on the exchange refuses to answer
    retention_refused_days: int | None = None
    #: the most rows that a numbered page's `total` was seen to count rightly
    total_seen: int | None = None
    #: the most rows that one answer held
    page_rows_seen: int | None = None
    #: what a filter by a symbol that `exchangeInfo` does not list gets
    unlisted_symbol: Literal["answered", "refused"] | None = None
    #: whether a key that may only read is enough; None where the key may do more, or it cannot be told
    read_only_key: Literal["suffices", "refused"] | None = None


class EndpointReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one endpoint."""

    access: Access
    #: premise's code → what was found of it
    premises: dict[str, Finding]
    learnt: Learnt = Learnt()
    #: rows that were answered, each counted once
    rows: int = 0
    requests: int = 0
    weight: int = 0
    #: names of the headers that tell of limits
    headers: tuple[str, ...] = ()


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the probe found."""

    account: str
    #: ISO 8601, UTC
    probed_at: str
    #: family → host that answered
    hosts: dict[str, str]
    endpoints: dict[str, EndpointReport]
    #: what the key may do, as the exchange says it; empty where it was not told
    key: dict[str, bool] = {}
    provider_version: str = ""
    schema_version: int = SCHEMA_VERSION

    def holds(self, endpoint: str) -> dict[str, bool]:
        """Map each premise that the answers decided to whether it holds."""
        found = self.endpoints.get(endpoint)
        premises = found.premises if found else {}
        decided = {code: one.verdict for code, one in premises.items() if one.verdict != "cannot_be_told"}
        return {code: verdict == "observed" for code, verdict in decided.items()}


def write_report(report: ProbeReport) -> str:
    """Spell a report as the text that is stored."""
    return json.dumps(msgspec.to_builtins(report), ensure_ascii=False, indent=2) + "\n"


def read_report(text: str | bytes, *, account: str | None = None) -> ProbeReport:
    """Read a report; members that this version does not know are left out.

    :param account: label of the account that it is to be used for; None: whichever it is of.
    :raises InvalidProbeReport: the text is no report, of another schema version, or of another account.
    """
    try:
        version = msgspec.json.decode(text, type=_Version).schema_version
        if version != SCHEMA_VERSION:
            message = (
                f"the probe's report has schema_version {version}; this version reads {SCHEMA_VERSION}: "
                "run `binance-liq probe` again"
            )
            raise InvalidProbeReport(message)
        report = msgspec.json.decode(text, type=ProbeReport)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"this is no report of `binance-liq probe`: {error}"
        raise InvalidProbeReport(message) from None
    if account is not None and report.account != account:
        message = f"the probe's report is of account {report.account!r}, not of {account!r}"
        raise InvalidProbeReport(message)
    return report


class _Version(msgspec.Struct):
    schema_version: int
