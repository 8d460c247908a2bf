"""What a probe has learnt of the exchange with one account's rows, for extractions to use: a JSON text.

The law kept here: a report states no more than its answers showed. A premise that they did not decide is
`cannot_be_told`; a member that is missing, or that this version does not know, changes nothing. A report of
another account, of other hosts or of more than 30 days ago may not hold for what is read now, so it is
refused.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.windows import read_iso
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidProbeReport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SCHEMA_VERSION: Final = 1
#: the exchange may change, so an older report is not believed
OLDEST: Final = timedelta(days=30)
#: how far this machine's clock may be behind that of the machine that probed
_CLOCKS_APART: Final = timedelta(days=1)
Verdict = Literal["observed", "refuted", "cannot_be_told"]
Stage = Literal["before_limit", "after_limit"]
Bound = Literal["inclusive", "exclusive"]
EqualBounds = Literal["works", "refused", "empty"]
CutBy = Literal["created", "updated", "order_id"]
CutSide = Literal["oldest", "newest"]
SpanAnswer = Literal["refused", "empty", "clamped", "whole"]
#: whether an endpoint answers this key: `key_refused` is -2015 and its like, `account_refused` -21001
Access = Literal["answered", "key_refused", "account_refused", "request_refused", "unavailable", "no_host"]


class Finding(msgspec.Struct, frozen=True):
    """What was found of one premise."""

    verdict: Verdict
    #: what the verdict rests on, or the reason why there is none
    detail: str
    #: rows that it rests on
    rows: int = 0


class Learnt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Values that a reading can begin with; None where the answers did not show them."""

    #: the instant that startTime and endTime are compared with
    filtered_by: Literal["created", "updated"] | None = None
    #: what decides which rows a limit leaves out
    cut_by: CutBy | None = None
    #: the end of an interval whose rows are kept where a limit cuts
    cut_side: CutSide | None = None
    start_bound: Bound | None = None
    end_bound: Bound | None = None
    equal_bounds: EqualBounds | None = None
    #: whether startTime and endTime choose before the limit cuts
    time_filter: Stage | None = None
    symbol_filter: Stage | None = None
    type_filter: Stage | None = None
    #: what the longest span that was tried came to
    span_answer: SpanAnswer | None = None
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
    #: whether a key that may only read is enough; None where the key may do more, or it is undecided
    read_only_key: Literal["suffices", "refused"] | None = None


class EndpointReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one endpoint."""

    access: Access
    #: premise's code → what was found of it
    premises: dict[str, Finding]
    #: the exchange's code where it refused the key, the account or the request, and gave one
    refusal_code: int | None = None
    learnt: Learnt = Learnt()
    #: rows that were answered, each counted once
    rows: int = 0
    requests: int = 0
    weight: int = 0
    #: names of the headers that report limits
    headers: tuple[str, ...] = ()


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the probe found."""

    account: str
    #: ISO 8601, UTC
    probed_at: str
    #: family → host that answered
    hosts: dict[str, str]
    endpoints: dict[str, EndpointReport]
    #: what the key may do, by the exchange's own names; empty where it did not answer that
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
    """Return a report as the text that is stored."""
    return json.dumps(msgspec.to_builtins(report), ensure_ascii=False, indent=2) + "\n"


def read_report(
    text: str | bytes,
    *,
    account: str | None = None,
    hosts: Mapping[str, str] | None = None,
    now: datetime | None = None,
    oldest: timedelta = OLDEST,
) -> ProbeReport:
    """Read a report; members that this version does not know are left out.

    :param account: label of the account that it is to be used for; None: not checked.
    :param hosts: family → host, or URL of the host, that is going to be asked; None: not checked.
        A family that is not asked, or was not probed, is not compared.
    :param now: an instant with a time zone, to compute the report's age; None: its age is not checked.
    :raises InvalidProbeReport: the text is not a report, or it is of another schema version, account or host,
        older than `oldest`, or of more than a day in the future.
    """
    report = _decode(text)
    if account is not None and report.account != account:
        message = f"the probe's report is for account {report.account!r}, not for {account!r}: {_PROBE_AGAIN}"
        raise InvalidProbeReport(message)
    if hosts is not None:
        _check_hosts(report, hosts)
    if now is not None:
        _check_age(report, now, oldest)
    return report


_PROBE_AGAIN: Final = "run `binance-liq probe --report` again, with the connection that is used"


def _decode(text: str | bytes) -> ProbeReport:
    try:
        version = msgspec.json.decode(text, type=_Version).schema_version
        if version != SCHEMA_VERSION:
            message = (
                f"the probe's report has schema_version {version}; this version reads {SCHEMA_VERSION}: "
                "run `binance-liq probe` again"
            )
            raise InvalidProbeReport(message)
        return msgspec.json.decode(text, type=ProbeReport)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"this is not a report of `binance-liq probe`: {error}"
        raise InvalidProbeReport(message) from None


def _check_hosts(report: ProbeReport, hosts: Mapping[str, str]) -> None:
    for family, asked in hosts.items():
        probed = report.hosts.get(family)
        if probed is None and family not in _probed_families(report):
            continue
        if probed is None or _host(probed) != _host(asked):
            message = (
                f"the probe's report is for {family} at {probed or 'an unnamed host'}, but {_host(asked)} is "
                f"going to be asked: {_PROBE_AGAIN}"
            )
            raise InvalidProbeReport(message)


def _probed_families(report: ProbeReport) -> set[str]:
    probed = [name for name, one in report.endpoints.items() if one.access != "no_host"]
    return {ENDPOINTS[name].family.name for name in probed if name in ENDPOINTS}


def _host(named: str) -> str:
    return urlsplit(named if "://" in named else f"//{named}").netloc.rpartition("@")[2].lower()


def _check_age(report: ProbeReport, now: datetime, oldest: timedelta) -> None:
    try:
        age = now - read_iso(report.probed_at)
    except InvalidInterval:
        message = f"this is not a report of `binance-liq probe`: probed_at is {report.probed_at!r}"
        raise InvalidProbeReport(message) from None
    if age > oldest:
        message = (
            f"the probe's report is of {report.probed_at}, {age.days} days ago; one of more than "
            f"{oldest.days} days is not used, since the exchange may have changed: {_PROBE_AGAIN}"
        )
        raise InvalidProbeReport(message)
    if age < -_CLOCKS_APART:
        message = (
            f"the probe's report is of {report.probed_at}, which is in the future: check the clocks of this "
            f"machine and of the one that probed; else {_PROBE_AGAIN}"
        )
        raise InvalidProbeReport(message)


class _Version(msgspec.Struct):
    schema_version: int
