"""Who may ask, what it may cost, and when to leave the exchange alone."""

from __future__ import annotations

import json
import re

import pytest
from histories import BY_TIME, rich
from support.covering import covering

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS
from airflow_provider_binance_liq.core.premises import PREMISES
from airflow_provider_binance_liq.core.probe_report import read_report, write_report
from airflow_provider_binance_liq.probe.endpoint import NOT_PROBED
from airflow_provider_binance_liq.probe.table import QUESTIONS, lines
from airflow_provider_binance_liq.simulator import FAULTS, Fault

PAPI = [name for name, one in ENDPOINTS.items() if one.family.name == "papi"]
EVERY = {name: rich(name) for name in WITH_ORDERS}


# --- permissions


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_whether_a_key_that_may_only_read_suffices_is_reported_by_such_a_key(probe, endpoint):
    enough = probe(endpoint, rich(endpoint), key="read_only")
    assert enough.learnt.read_only_key == "suffices"
    refused = probe(endpoint, rich(endpoint), key="read_only", read_only="refused")
    expected = {"margin": "suffices"}.get(endpoint, None if endpoint in PAPI else "refused")
    assert refused.learnt.read_only_key == expected
    assert refused.report.key["enableReading"] is True


@pytest.mark.parametrize("endpoint", [name for name in WITH_ORDERS if name != "margin"])
def test_a_key_that_may_do_more_says_nothing_of_one_that_may_only_read(probe, endpoint):
    assert probe(endpoint, rich(endpoint)).learnt.read_only_key is None


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_a_key_without_permission_is_reported_in_one_request(probe, endpoint):
    probed = probe(endpoint, rich(endpoint), key="none")
    assert probed.endpoint.access == "key_refused"
    assert probed.learnt.read_only_key is None
    assert {one.verdict for one in probed.endpoint.premises.values()} == {"cannot_be_told"}
    assert {one.detail for one in probed.endpoint.premises.values()} == {"the key is refused"}
    assert probed.endpoint.requests == 1


@pytest.mark.parametrize("endpoint", PAPI)
@pytest.mark.parametrize(
    ("said", "access"),
    [
        ("active", "answered"),
        ("refused_2015", "key_refused"),
        ("refused_21001", "account_refused"),
        ("empty", "answered"),
    ],
)
def test_what_papi_says_to_a_classic_account_is_reported(probe, endpoint, said, access):
    probed = probe(endpoint, rich(endpoint), portfolio_margin=said)
    assert probed.endpoint.access == access
    assert bool(probed.endpoint.rows) == (said == "active")


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_the_headers_that_report_limits_are_named(probe, endpoint):
    expected = "X-SAPI-USED-IP-WEIGHT-1M" if endpoint == "margin" else "X-MBX-USED-WEIGHT-1M"
    assert probe(endpoint, rich(endpoint)).endpoint.headers == (expected,)


def test_one_endpoint_that_refuses_leaves_the_others_to_be_asked(probe):
    probed = probe("", EVERY, endpoints=WITH_ORDERS, portfolio_margin="refused_2015")
    access = {name: one.access for name, one in probed.report.endpoints.items()}
    assert access == {name: "key_refused" if name in PAPI else "answered" for name in WITH_ORDERS}
    assert set(probed.report.hosts) == {"fapi", "dapi", "papi", "sapi"}


# --- weight


def test_all_six_endpoints_stay_within_the_stated_weight_and_their_share_of_the_minute(probe):
    probed = probe("", EVERY, endpoints=WITH_ORDERS)
    assert 0 < probed.spent <= probed.plan.weight
    assert probed.exchange.stats.throttled == 0
    assert probed.exchange.stats.highest_share <= 0.5
    assert probed.spent == sum(one.weight for one in probed.exchange.requests)


@covering("most, endpoint", [1, 20, 60, 175, 200, 500, 900, 1500], ["usdm_futures", "portfolio_cm", "margin"])
def test_no_more_than_a_given_weight_is_spent_and_what_it_does_not_reach_stays_unknown(probe, endpoint, most):
    probed = probe(endpoint, rich(endpoint), most_weight=most)
    assert probed.plan.weight <= most
    assert probed.spent <= most
    if endpoint != "margin" and most <= 500:
        assert probed.verdict("filter_before_limit") == "cannot_be_told"


@covering("name, endpoint", list(FAULTS), ["usdm_futures", "margin"])
def test_whatever_goes_wrong_once_no_more_is_spent(probe, endpoint, name):
    fault = Fault(name, endpoint, nth=3, seconds=0.0) if "slow" in name else Fault(name, endpoint, nth=3)
    probed = probe(endpoint, rich(endpoint), faults=[fault])
    assert probed.spent <= probed.plan.weight
    assert probed.endpoint.premises


@pytest.mark.parametrize("name", ["http_500", "http_400_1021", "not_json", "row_unidentified", "http_400"])
def test_whatever_goes_wrong_each_time_no_more_is_spent(probe, name):
    probed = probe("usdm_futures", rich("usdm_futures"), faults=[Fault(name, times=None)])
    assert probed.spent <= probed.plan.weight
    assert {one.verdict for one in probed.endpoint.premises.values()} == {"cannot_be_told"}


@pytest.mark.parametrize("name", ["http_418", "http_429", "http_403_html", "http_451"])
def test_an_exchange_that_wants_to_be_left_alone_is(probe, name):
    fault = Fault(name, "usdm_futures", nth=4, retry_after=30)
    probed = probe("", EVERY, endpoints=("usdm_futures", "coinm_futures", "margin"), faults=[fault])
    assert probed.stopped is not None
    access = [one.access for one in probed.report.endpoints.values()]
    assert access[1:] == ["unavailable", "unavailable"]
    assert probed.exchange.stats.during_ban == probed.exchange.stats.during_hold == 0
    last = [one for one in probed.exchange.requests if one.has_key][-1]
    assert last.fault == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("http_418", "this IP address is banned (HTTP 418) until 2026-10-13T00:02:00Z"),
        ("http_418", "stop every other program on it"),
        ("http_429", "to wait (HTTP 429) until 2026-10-13T00:02:00Z"),
        ("http_403_html", "(HTTP 403)"),
        ("http_451", "(HTTP 451)"),
    ],
)
def test_an_exchange_that_wants_to_be_left_alone_is_reported_with_what_to_do(probe, name, words):
    fault = Fault(name, "usdm_futures", nth=4, retry_after=120)
    probed = probe("usdm_futures", rich("usdm_futures"), faults=[fault])
    assert words in probed.stopped


def test_an_interrupt_keeps_what_was_learnt(probe):
    probed = probe("", EVERY, endpoints=("usdm_futures", "margin"), interrupt_at=32)
    assert probed.stopped == "interrupted"
    first, second = probed.report.endpoints.values()
    assert first.premises["end_inclusive"].verdict == "observed"
    assert first.premises["span_refused"].detail == "interrupted"
    assert first.rows > 0
    assert second.access == "unavailable"
    assert probed.spent <= probed.plan.weight


def test_the_code_with_which_a_key_is_refused_is_kept(probe):
    probed = probe("usdm_futures", rich("usdm_futures"), key="none")
    assert probed.endpoint.refusal_code == -2015
    shown = "\n".join(lines(probed.report))
    assert "usdm_futures refuses this key (-2015: " in shown
    assert "allow-list" in shown


@pytest.mark.parametrize("name", ["not_json", "http_400", "http_500"])
def test_permissions_that_the_exchange_does_not_answer_leave_the_endpoints_to_be_asked(probe, name):
    fault = Fault(name, "restrictions", times=None)
    probed = probe("usdm_futures", rich("usdm_futures"), faults=[fault])
    assert probed.report.key == {}
    assert probed.stopped is None
    assert probed.verdict("end_inclusive") == "observed"
    assert "did not answer what this key may do" in "\n".join(lines(probed.report))


# --- secrets and words


@pytest.mark.parametrize("knobs", [{}, {"key": "none"}, {"portfolio_margin": "refused_2015"}])
def test_neither_report_nor_table_hold_a_secret_a_signature_or_the_callers_address(probe, knobs):
    probed = probe("", EVERY, endpoints=WITH_ORDERS, **knobs)
    text = write_report(probed.report)
    shown = "\n".join(lines(probed.report))
    for secret in (probed.api_key, probed.secret, "signature", "X-MBX-APIKEY", "request ip"):
        assert secret not in text
        assert secret not in shown
    assert read_report(text, account="desk") == probed.report


def test_every_premise_of_an_endpoint_that_its_own_pages_do_not_show_is_asked_about_in_words(probe):
    probed = probe("", EVERY, endpoints=WITH_ORDERS)
    asked = {name: set(one.premises) for name, one in probed.report.endpoints.items()}
    assert asked == {
        name: {code for code, one in PREMISES.items() if name in one.endpoints} - NOT_PROBED
        for name in WITH_ORDERS
    }
    assert set(QUESTIONS) == set().union(*asked.values())
    assert all(question.endswith("?") for question in QUESTIONS.values())


def test_the_table_says_that_an_account_without_rows_reports_nothing(probe):
    shown = "\n".join(lines(probe("usdm_futures", []).report))
    assert re.search(r"\| undecided +\| the account has no rows", shown)


@pytest.mark.parametrize("endpoint", BY_TIME)
def test_a_report_is_plain_json_with_the_same_members_whatever_was_found(probe, endpoint):
    full, empty = (json.loads(write_report(probe(endpoint, rows).report)) for rows in (rich(endpoint), []))
    assert full["schema_version"] == empty["schema_version"] == 1
    (one,), (other,) = full["endpoints"].values(), empty["endpoints"].values()
    assert set(one["premises"]) == set(other["premises"])
    assert {frozenset(found) for found in one["premises"].values()} == {
        frozenset({"verdict", "detail", "rows"})
    }
