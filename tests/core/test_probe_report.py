"""A probe's report: read back as written, and refused with a specific error where it is none for this use."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from airflow_provider_binance_liq.core.probe_report import (
    EndpointReport,
    Finding,
    Learnt,
    ProbeReport,
    read_report,
    write_report,
)
from airflow_provider_binance_liq.exceptions import InvalidProbeReport, PermanentError

REPORT = ProbeReport(
    account="desk",
    probed_at="2026-10-13T00:00:00Z",
    hosts={"fapi": "fapi.binance.com"},
    endpoints={
        "usdm_futures": EndpointReport(
            access="answered",
            premises={
                "end_inclusive": Finding("observed", "a row exactly at endTime was answered", 1),
                "equal_bounds": Finding("refuted", "startTime == endTime was refused", 1),
                "two_types": Finding("cannot_be_told", "the account has no rows"),
            },
            learnt=Learnt(filtered_by="created", cut_side="newest", longest_span_ms=604_800_000),
            rows=12,
            headers=("X-MBX-USED-WEIGHT-1M",),
        )
    },
    key={"enableReading": True},
)


def changed(**members):
    return json.dumps(json.loads(write_report(REPORT)) | members)


def test_a_report_is_read_as_it_was_written():
    assert read_report(write_report(REPORT)) == REPORT
    assert read_report(write_report(REPORT).encode(), account="desk") == REPORT


def test_only_what_was_decided_holds_or_does_not():
    assert REPORT.holds("usdm_futures") == {"end_inclusive": True, "equal_bounds": False}
    assert REPORT.holds("margin") == {}


def test_what_a_later_version_adds_is_passed_over():
    plain = json.loads(write_report(REPORT))
    plain["weather"] = "fine"
    plain["endpoints"]["usdm_futures"]["learnt"]["colour"] = "red"
    plain["endpoints"]["usdm_futures"]["premises"]["end_inclusive"]["mood"] = 3
    assert read_report(json.dumps(plain)) == REPORT


@pytest.mark.parametrize(
    "text",
    [
        "", "no JSON", "[]", "null", "{}", '{"schema_version": 1}', '{"schema_version": "1"}', b"\xff\xfe",
        "[" * 100_000, changed(endpoints=[]), changed(account=None),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(text):
    with pytest.raises(InvalidProbeReport, match="not a report of `binance-liq probe`"):
        read_report(text)


def test_an_unknown_verdict_is_no_report():
    plain = json.loads(write_report(REPORT))
    plain["endpoints"]["usdm_futures"]["premises"]["end_inclusive"]["verdict"] = "perhaps"
    with pytest.raises(InvalidProbeReport, match="not a report"):
        read_report(json.dumps(plain))


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_schema_version_is_refused(version):
    again = "run `binance-liq probe` again$"
    with pytest.raises(InvalidProbeReport, match=f"schema_version {version}; this version reads 1: {again}"):
        read_report(json.dumps({"schema_version": version, "anything": "else"}))


def test_a_report_of_another_account_is_refused():
    with pytest.raises(InvalidProbeReport, match="is for account 'desk', not for 'fund'"):
        read_report(write_report(REPORT), account="fund")


@pytest.mark.parametrize(
    "hosts",
    [
        {"fapi": "fapi.binance.com"},
        {"fapi": "https://FAPI.binance.com", "sapi": "api.binance.com"},
        {"fapi": "https://user:password@fapi.binance.com"},
        {"dapi": "dapi.binance.com"},
        {},
    ],
)
def test_a_report_of_the_hosts_that_are_asked_is_read(hosts):
    assert read_report(write_report(REPORT), hosts=hosts) == REPORT


@pytest.mark.parametrize("host", ["testnet.binancefuture.com", "http://127.0.0.1:8080"])
def test_a_report_of_another_host_is_refused(host):
    with pytest.raises(InvalidProbeReport, match=r"is for fapi at fapi.binance.com, but .* probe") as refused:
        read_report(write_report(REPORT), hosts={"dapi": "dapi.binance.com", "fapi": host})
    assert host.removeprefix("http://") in str(refused.value)
    assert "again" in str(refused.value)


def test_a_report_that_does_not_name_the_host_it_asked_is_refused():
    with pytest.raises(InvalidProbeReport, match="for fapi at an unnamed host"):
        read_report(changed(hosts={}), hosts={"fapi": "fapi.binance.com"})


def test_a_family_that_the_probe_had_no_host_for_is_not_compared():
    report = msgspec.structs.replace(
        REPORT, endpoints={**REPORT.endpoints, "margin": EndpointReport(access="no_host", premises={})}
    )
    assert read_report(write_report(report), hosts={"sapi": "api.binance.com"}) == report


PROBED_AT = datetime(2026, 10, 13, tzinfo=UTC)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=30), -timedelta(days=1)])
def test_a_recent_report_is_read(age):
    assert read_report(write_report(REPORT), now=PROBED_AT + age) == REPORT


def test_a_report_of_long_ago_is_refused():
    now = PROBED_AT + timedelta(days=30, milliseconds=1)
    with pytest.raises(InvalidProbeReport, match=r"of 2026-10-13T00:00:00Z, 30 days ago; .* again"):
        read_report(write_report(REPORT), now=now)
    assert read_report(write_report(REPORT), now=now, oldest=timedelta(days=31)) == REPORT


def test_a_report_of_a_time_to_come_is_refused():
    now = PROBED_AT - timedelta(days=1, milliseconds=1)
    with pytest.raises(InvalidProbeReport, match="in the future: check the clocks"):
        read_report(write_report(REPORT), now=now)


@pytest.mark.parametrize("probed_at", ["", "yesterday"])
def test_a_report_without_a_date_is_refused_where_its_age_matters(probed_at):
    with pytest.raises(InvalidProbeReport, match="not a report of `binance-liq probe`: probed_at"):
        read_report(changed(probed_at=probed_at), now=PROBED_AT)


def test_a_date_without_a_time_zone_is_one_in_utc():
    assert read_report(changed(probed_at="2026-10-13T00:00:00"), now=PROBED_AT)


def test_no_retry_resolves_a_report():
    assert issubclass(InvalidProbeReport, PermanentError)


def test_every_member_is_written():
    plain = json.loads(write_report(REPORT))
    assert plain["schema_version"] == 1
    assert set(plain) == set(ProbeReport.__struct_fields__)
    one = plain["endpoints"]["usdm_futures"]
    assert set(one) == set(EndpointReport.__struct_fields__)
    assert one["learnt"] == {"filtered_by": "created", "cut_side": "newest", "longest_span_ms": 604_800_000}
    assert msgspec.convert(one["learnt"], Learnt).cut_by is None


def test_a_report_is_stored_for_people_to_read_too():
    text = write_report(msgspec.structs.replace(REPORT, account="счёт"))
    assert text.startswith('{\n  "account": "счёт",\n  "probed_at": "2026-10-13T00:00:00Z",\n')
    assert text.endswith("\n}\n")
