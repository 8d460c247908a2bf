"""Whatever goes wrong: the window is the truth, or the right error is raised and nothing is visible."""

from __future__ import annotations

import itertools
import os
import socket

import page
import pytest
from matrix import (
    BY_NUMBER,
    BY_TIME,
    OF_CLOCKS,
    PLACES,
    QUIET,
    VARIANTS,
    Case,
    observe,
    requests,
    run_against,
)
from support.covering import covering

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS
from airflow_provider_binance_liq.exchange.client import ATTEMPTS
from airflow_provider_binance_liq.simulator import FAULTS

#: an endpoint of each kind of paging, in the tests that need not go through all six
TWO = ("usdm_futures", "margin")
OTHERS = [name for name in WITH_ORDERS if name not in TWO]

# --- fault → outcome, and the requests that it costs ----------------------------------------------------

TRANSIENT = (
    "connection_refused", "reset_before_body", "reset_in_body", "slow_first_byte", "slow_drip",
    "truncated_json", "empty_body", "not_json", "null_body", "error_object_200", "http_408", "http_500",
    "http_502_html", "http_503_unknown", "http_503_unavailable", "http_503_internal",
    "http_503_throttled", "http_504",
)  # fmt: skip
HARMLESS = ("gzip", "wrong_content_type")
FINAL = {
    "http_400": "RequestRejected +0",
    "http_400 code=-4166": "BeyondRetention +0",
    "http_400_1022": "KeyRejected +0",
    "http_401_2015": "KeyRejected +0",
    "http_403_html": "FirewallBlocked +0",
    "http_404": "RequestRejected +0",
    "http_418": "IpBanned +0",
    "http_418 retry_after=120 until_in_body=False": "IpBanned +0",
    "http_418 until_in_body=False": "IpBanned +0",
    "http_429 retry_after=600": "Throttled +0",
    "http_451": "LocationRestricted +0",
    "redirect_same_host": "RequestRejected +0",
    "redirect_same_host status=308": "RequestRejected +0",
    "redirect_other_host": "RequestRejected +0",
    "redirect_other_host status=307": "RequestRejected +0",
    "row_outside_window": "UnexpectedRow +0",
    "row_unidentified": "UnexpectedRow +0",
}
#: a window is asked for in halves; a page within it that was granted before is no reason to
SPAN_OF_UM = ("complete +2", "SpanRefused +0", "SpanRefused +0")
SPAN_OF_CM = ("complete +1", "SpanRefused +0", "SpanRefused +0")
SPAN_BY_NUMBER = ("complete +1", "UnstablePaging +10", "UnstablePaging +10")
REJECTED = "RequestRejected +0"
SPANS = {
    "http_400 code=-1127": {"um": SPAN_OF_UM, "cm": SPAN_OF_CM, "number": SPAN_BY_NUMBER},
    "http_400 code=-4165": {
        "coinm_futures": REJECTED,
        "margin": REJECTED,
        "um": SPAN_OF_UM,
        "cm": SPAN_OF_CM,
        "number": SPAN_BY_NUMBER,
    },
    "http_400 code=-4088": {"coinm_futures": SPAN_OF_CM, "time": REJECTED, "number": REJECTED},
    "http_400 code=-4047": {"margin": SPAN_BY_NUMBER, "time": REJECTED, "number": REJECTED},
}
#: label → what comes of it if it strikes once, and if it strikes for ever; by kind of paging, by endpoint, by
#: history (um: no row in the millisecond after the window; cm: there is one) and by place (first, middle,
#: last) where these differ. The number counts the requests that it costs.
EXPECTED = {
    **dict.fromkeys(TRANSIENT, ("complete +1", "ExchangeUnavailable +4")),
    **dict.fromkeys(HARMLESS, ("complete +0", "complete +0")),
    **{name: (outcome, outcome) for name, outcome in FINAL.items()},
    **{
        name: (once, {key: REJECTED if said == REJECTED else "SpanRefused +26" for key, said in once.items()})
        for name, once in SPANS.items()
    },
    "http_400 code=-1004": (
        {"margin": "complete +1", "time": REJECTED, "number": REJECTED},
        {"margin": "ExchangeUnavailable +4", "time": REJECTED, "number": REJECTED},
    ),
    "http_400 code=-5041": tuple(
        {
            "usdm_futures": REJECTED,
            "coinm_futures": REJECTED,
            "margin": REJECTED,
            "time": outcome,
            "number": outcome,
        }
        for outcome in ("complete +1", "ExchangeUnavailable +4")
    ),
    # The clock is read again before the second attempt.
    "http_400_1021": ("complete +2", "ClockSkew +4"),
    "clock_jump": ("complete +2", "ClockSkew +4"),
    "clock_jump seconds=-3600": ("complete +2", "ClockSkew +4"),
    "http_418 seconds=60": ("complete +1", "IpBanned +1"),
    "http_418 seconds=60 retry_after=60": ("complete +1", "IpBanned +1"),
    "http_418 seconds=3 retry_after=50 until_in_body=False": ("complete +1", "IpBanned +4"),
    "http_429": ("complete +1", "Throttled +1"),
    "http_429 retry_after=30": ("complete +1", "Throttled +4"),
    # More rows than `total` says: one page more has to be empty.
    "duplicate_rows": (
        {"time": "complete +0", "number": "complete +1"},
        {"time": "complete +0", "number": "complete +1"},
    ),
    "limit_ignored": (
        {
            "um": ("complete -1", "complete +0", "complete +0"),
            "cm": "complete +0",
            "number": ("complete -2", "complete +1", "complete +1"),
        },
        {"time": "complete -1", "number": "complete -2"},
    ),
    "total_changes": (
        {"time": "complete +0", "number": "complete +4"},
        {"time": "complete +0", "number": "UnstablePaging +19"},
    ),
    "rows_shift": (
        {"time": "complete +0", "number": "complete +4"},
        {"time": "complete +0", "number": "UnstablePaging +19"},
    ),
    "rows_repeat": (
        {"time": "complete +0", "number": ("complete +0", "complete +3", "complete +3")},
        {"time": "complete +0", "number": "UnstablePaging +14"},
    ),
    # A page by time has no total: a row that the exchange itself leaves out of every page cannot be missed.
    # Where one lies in the millisecond after the window, the last page lacks that one, and nothing is lost.
    "row_withheld": (
        {
            "um": ("complete +1", "complete +4", "complete +10"),
            "cm": ("complete +2", "complete +3", "complete +9"),
            "number": "complete +4",
        },
        {"um": "1 rows lost +3", "cm": "complete +1", "number": "UnstablePaging +19"},
    ),
}
#: the clock is read without a timestamp of ours, and is right by itself after it jumped
EXPECTED_OF_CLOCKS = {"http_400_1021": "complete +1", "clock_jump": "complete +0"}


def expected(endpoint, name, place="first", *, lasting=False):
    told = EXPECTED[name][lasting]
    if isinstance(told, dict):
        told = next(told[key] for key in _keys(endpoint) if key in told)
    return told if isinstance(told, str) else told[PLACES.index(place)]


def _keys(endpoint):
    """What the table may call an endpoint, the most exact first."""
    history = "um" if endpoint in QUIET else "cm"
    return (endpoint, *((history,) if endpoint in BY_TIME else ()), ENDPOINTS[endpoint].pager.by)


def test_the_table_knows_every_fault_of_the_simulator():
    assert set(EXPECTED) == set(VARIANTS)
    assert {fault.name for fault in VARIANTS.values()} == set(FAULTS)


#: rows of each page. By time: the newest, in the second history once more without the millisecond after the
#: window, since a row at it shows that `endTime` is inclusive; one where the filter is told, at the creation
#: of a known row; then what lies before those, twice, and what lies after them. By number: as counted.
PAGES = {
    "um": [100, 1, 100, 60, 30],
    "cm": [100, 100, 1, 100, 60, 30],
    "number": [100, 100, 32],
}


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_without_a_fault_the_object_is_the_truth_and_each_request_serves_the_proof(endpoint):
    seen = observe(Case(endpoint))
    assert (seen.exact, seen.error, seen.broken) == (True, "", [])
    assert seen.sizes == next(PAGES[key] for key in _keys(endpoint) if key in PAGES)
    assert seen.requests == 1 + len(seen.sizes)


def check_once(endpoint, place, name):
    seen = observe(Case(endpoint, (name,), place))
    assert (str(seen), seen.broken, place) == (expected(endpoint, name, place), [], place)
    assert seen.struck == [VARIANTS[name].name]


def differs(name, *, lasting=False):
    """Whether the table tells different outcomes by endpoint or by place."""
    return not isinstance(EXPECTED[name][lasting], str)


@covering("name, place, endpoint", list(VARIANTS), PLACES, TWO, also=lambda name, *_: differs(name))
def test_a_fault_ends_as_the_table_says_and_every_promise_is_kept(endpoint, place, name):
    check_once(endpoint, place, name)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", OTHERS)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_fault_ends_the_same_way_on_the_other_endpoints(endpoint, name):
    for place in PLACES:
        check_once(endpoint, place, name)


def check_lasting(endpoint, name):
    seen = observe(Case(endpoint, (name,), lasting=True))
    assert (str(seen), seen.broken) == (expected(endpoint, name, lasting=True), [])


@pytest.mark.slow
@covering("name, endpoint", list(VARIANTS), TWO, also=lambda name, _: differs(name, lasting=True))
def test_a_fault_that_lasts_is_harmless_or_a_named_error_after_a_bounded_number_of_requests(endpoint, name):
    check_lasting(endpoint, name)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", OTHERS)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_fault_that_lasts_ends_the_same_way_on_the_other_endpoints(endpoint, name):
    check_lasting(endpoint, name)


def check_clock(endpoint, name):
    seen = observe(Case(endpoint, (name,), clock=True))
    told = EXPECTED_OF_CLOCKS.get(name) or expected(endpoint, name)
    assert (str(seen), seen.broken) == (told, [])


@pytest.mark.slow
@covering("name, endpoint", OF_CLOCKS, TWO)
def test_a_fault_of_the_clock_ends_as_one_of_a_page_does(endpoint, name):
    check_clock(endpoint, name)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", OTHERS)
@pytest.mark.parametrize("name", OF_CLOCKS)
def test_a_fault_of_the_clock_ends_as_one_of_a_page_does_on_the_other_endpoints(endpoint, name):
    check_clock(endpoint, name)


@pytest.mark.slow
def test_no_fault_that_strikes_one_page_loses_a_row():
    once = [
        Case(endpoint, (name,), place) for endpoint in WITH_ORDERS for name in VARIANTS for place in PLACES
    ]
    assert [case for case in once if observe(case).lost] == []


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_a_row_that_any_one_page_leaves_out_is_found_on_another(endpoint):
    for nth in range(1, requests(endpoint) + 1):
        seen = observe(Case(endpoint, ("row_withheld",), nth=nth))
        assert (seen.exact, seen.broken, nth) == (True, [], nth)


# --- clocks that jump -----------------------------------------------------------------------------------


@pytest.mark.slow
@covering("endpoint, name", list(WITH_ORDERS), ["clock_jump", "clock_jump seconds=-3600"])
def test_the_exchanges_clock_may_jump_an_hour_at_any_page(endpoint, name):
    for nth in range(1, requests(endpoint) + 1):
        seen = observe(Case(endpoint, (name,), nth=nth))
        assert (str(seen), seen.broken, nth) == ("complete +2", [], nth)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", TWO)
@pytest.mark.parametrize("seconds", [3600, -3600])
def test_the_machines_clock_may_jump_an_hour_at_any_time(endpoint, seconds):
    for after in range(0, 66, 5):  # more often no run reads the clock
        seen = observe(Case(endpoint, jump=(seconds, after)))
        assert (seen.exact, seen.broken, after) == (True, [], after)
        assert seen.beyond <= 2


# --- two in a row ---------------------------------------------------------------------------------------

#: one of each kind of outcome
KINDS = (
    "reset_in_body", "truncated_json", "gzip", "http_400", "http_400_1021", "http_403_html",
    "http_418 seconds=60", "http_429", "http_429 retry_after=30", "http_503_unavailable",
    "redirect_other_host", "clock_jump", "row_unidentified",
)  # fmt: skip
#: the second wait is longer than is slept through: a ban doubles, a 429 without an instant too
LONGER = {
    ("http_418 seconds=60", "http_418 seconds=60"): "IpBanned",
    ("http_429", "http_429"): "Throttled",
    ("http_418 seconds=60", "http_429"): "Throttled",
    ("http_429 retry_after=30", "http_429"): "Throttled",
}


@covering("first, second", KINDS, KINDS, also=lambda *both: both in LONGER)
def test_two_faults_in_a_row_end_as_the_first_one_that_nothing_resolves(first, second):
    seen = observe(Case("usdm_futures", (first, second)))
    error = LONGER.get((first, second)) or next(
        (one.error for name in (first, second) if (one := observe(Case("usdm_futures", (name,)))).error),
        "",
    )
    assert (seen.error, seen.exact, seen.broken) == (error, not error, [])


@pytest.mark.slow
@pytest.mark.parametrize("first", VARIANTS)
def test_whatever_two_faults_come_in_a_row_the_promises_are_kept(first):
    # Each pair on one endpoint, each fault on both: what one fault does to either is told above.
    for number, second in enumerate(KINDS, list(VARIANTS).index(first)):
        endpoint = TWO[number % 2]
        seen = observe(Case(endpoint, (first, second), "middle"))
        assert seen.error or seen.exact or "row_withheld" in (first, second), second
        assert (seen.broken, second) == ([], second)


# --- nobody there ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_where_nothing_listens_the_exchange_is_unavailable_and_no_other_address_is_tried(endpoint, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        seen = run_against(f"http://127.0.0.1:{unused.getsockname()[1]}", endpoint, tmp_path)
    assert (seen.error, seen.visible, seen.broken) == ("ExchangeUnavailable", [], [])
    assert seen.connected == ATTEMPTS


# --- the page -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_pages_column_on_single_faults_says_what_was_measured():
    lines = page.PAGE.read_text(encoding="utf-8").splitlines()
    assert [name for name in VARIANTS if not any(line.startswith(page.once(name)) for line in lines)] == []


@pytest.mark.slow
def test_the_page_says_what_was_measured():
    if os.environ.get("WRITE_DOCS"):
        page.write()
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.render(text) == text


def test_the_page_has_every_endpoint_and_both_kinds_of_paging():
    text = page.PAGE.read_text(encoding="utf-8")
    assert [name for name in (*BY_TIME, *BY_NUMBER) if f"`{name}`" not in text] == []
    assert len(list(itertools.chain(page.cases()))) == (57 * 4 + 32) * len(WITH_ORDERS)
