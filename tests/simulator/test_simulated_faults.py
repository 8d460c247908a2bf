"""Every fault of the table strikes as its description says, and only when it is due."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time

import pytest
from caller import NOW_MS
from support.rows import is_identified, number_of, numbered_row

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import FAULTS, ExplicitHistory, Fault

START_MS = NOW_MS - 1_000_000
WINDOW = {"startTime": START_MS, "endTime": NOW_MS}
ERRORS = {
    "error_object_200": (200, -1000),
    "http_400": (400, -1102),
    "http_400_1021": (400, -1021),
    "http_400_1022": (400, -1022),
    "http_401_2015": (401, -2015),
    "http_408": (408, -1007),
    "http_418": (418, -1003),
    "http_429": (429, -1003),
    "http_451": (451, 0),
    "http_500": (500, -1000),
    "http_503_unknown": (503, -1000),
    "http_503_unavailable": (503, -1000),
    "http_503_internal": (503, -1001),
    "http_503_throttled": (503, -1008),
}
PAGES = {"http_403_html": 403, "http_404": 404, "http_502_html": 502, "http_504": 504, "not_json": 200}
BROKEN = ("connection_refused", "reset_before_body", "reset_in_body")
ROWS = {
    "duplicate_rows": [0, 1, 2, 3, 4, 4],
    "row_withheld": [0, 1, 2, 3],
    "row_outside_window": [99, 0, 1, 2, 3, 4],
    "row_unidentified": [None, 0, 1, 2, 3, 4],
    "total_changes": [0, 1, 2, 3, 4],
    "rows_shift": [0, 1, 2, 3, 4],
    "rows_repeat": [0, 1, 2, 3, 4],
    "limit_ignored": [0, 1, 2, 3, 4],
}
ALONE = {
    "slow_first_byte", "slow_drip", "truncated_json", "empty_body", "null_body", "gzip", "wrong_content_type",
    "redirect_same_host", "redirect_other_host", "clock_jump",
}  # fmt: skip


@pytest.fixture
def few(start):
    """A simulator with five rows on each endpoint."""
    return start(
        ExplicitHistory(
            {name: [numbered_row(name, n, START_MS + n) for n in range(5)] for name in ENDPOINTS}
        ),
        order="ascending",
        keep="oldest",
    )


def strike(caller, name, **fields):
    caller.simulator.add_fault(Fault(name, **fields))
    return caller.ask("usdm_futures", **WINDOW)


def test_every_fault_has_a_test_here():
    assert {*ERRORS, *PAGES, *BROKEN, *ROWS, *ALONE} == set(FAULTS)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_its_status_and_code_and_the_next_request_is_served(few, name):
    answer = strike(few, name)
    assert (answer.status, answer.code) == ERRORS[name]
    if name != "http_418":
        assert few.ask("usdm_futures", **WINDOW).status == 200


@pytest.mark.parametrize("name", PAGES)
def test_a_web_page_comes_with_its_status(few, name):
    answer = strike(few, name)
    assert answer.status == PAGES[name]
    assert answer.headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(answer.body)


@pytest.mark.parametrize("name", BROKEN)
def test_a_connection_breaks_where_the_fault_says(few, name):
    few.simulator.add_fault(Fault(name))
    with pytest.raises((ConnectionError, http.client.IncompleteRead)) as broken:
        few.ask("usdm_futures", **WINDOW)
    assert isinstance(broken.value, ConnectionResetError | http.client.RemoteDisconnected)
    logged = few.simulator.requests[-1]
    assert (logged.fault, logged.status) == (name, 0 if name == "connection_refused" else 200)
    assert few.ask("usdm_futures", **WINDOW).status == 200


def test_new_connections_are_refused_for_as_long_as_wanted(few):
    few.simulator.add_fault(Fault("connection_refused", seconds=0.3))
    began_s = time.monotonic()
    refused = 0
    while True:
        try:
            few.ask("usdm_futures", **WINDOW)
            break
        except ConnectionError:
            refused += 1
    assert refused > 1
    assert time.monotonic() - began_s >= 0.3


def test_the_first_byte_is_late(few):
    began_s = time.monotonic()
    assert len(strike(few, "slow_first_byte", seconds=0.2).rows) == 5
    assert time.monotonic() - began_s >= 0.2


def test_a_body_trickles_so_that_no_single_read_times_out(few):
    began_s = time.monotonic()
    few.simulator.add_fault(Fault("slow_drip", seconds=0.4))
    socket.setdefaulttimeout(0.3)
    try:
        assert len(few.ask("usdm_futures", **WINDOW).rows) == 5
    finally:
        socket.setdefaulttimeout(None)
    assert time.monotonic() - began_s >= 0.4


def test_truncated_json_is_half_the_body_with_a_length_that_fits(few):
    whole = few.ask("usdm_futures", **WINDOW).body
    assert strike(few, "truncated_json").body == whole[: len(whole) // 2]


@pytest.mark.parametrize(("name", "body"), [("empty_body", b""), ("null_body", b"null")])
def test_a_200_may_say_nothing(few, name, body):
    answer = strike(few, name)
    assert (answer.status, answer.body) == (200, body)


def test_gzip_is_the_genuine_answer_compressed(few):
    whole = few.ask("usdm_futures", **WINDOW).body
    answer = strike(few, "gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == whole


def test_a_genuine_answer_may_be_called_something_else(few):
    answer = strike(few, "wrong_content_type")
    assert (answer.headers["content-type"], len(answer.rows)) == ("text/plain", 5)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("name", ROWS)
def test_rows_are_spoiled_as_described_on_every_endpoint(few, name, endpoint):
    few.simulator.add_fault(Fault(name, endpoint=endpoint))
    rows = few.ask(endpoint, **WINDOW).rows
    assert len(rows) == len(ROWS[name])
    known = [number_of(row) if is_identified(row) else None for row in rows]
    if name == "row_outside_window":
        assert rows[0][ENDPOINTS[endpoint].kind.instants[0]] == START_MS - DAY_MS
        assert known[1:] == ROWS[name][1:]
    else:
        assert known == ROWS[name]


@pytest.mark.parametrize(
    ("name", "rows", "total"),
    [("total_changes", [2, 3], 6), ("rows_shift", [1, 2], 6), ("rows_repeat", [1, 2], 5)],
)
def test_numbered_pages_drift_once(few, name, rows, total):
    few.simulator.add_fault(Fault(name))
    asked = {**WINDOW, "size": 2, "current": 2}
    spoiled, genuine = few.ask("margin", **asked), few.ask("margin", **asked)
    assert ([row["orderId"] for row in spoiled.rows], spoiled.json["total"]) == (rows, total)
    assert ([row["orderId"] for row in genuine.rows], genuine.json["total"]) == ([2, 3], 5)


def test_a_limit_may_be_ignored(few):
    few.simulator.add_fault(Fault("limit_ignored"))
    assert len(few.ask("usdm_futures", **WINDOW, limit=2).rows) == 5


def test_redirects_lead_to_the_same_place_here_or_under_another_name(few):
    here = strike(few, "redirect_same_host")
    there = strike(few, "redirect_other_host", status=308)
    assert (here.status, there.status) == (302, 308)
    assert here.headers["location"].startswith("/fapi/v1/forceOrders?timestamp=")
    assert there.headers["location"].startswith("http://localhost:")
    assert (
        strike(few, "redirect_other_host", location="http://127.0.0.1:9/").headers["location"].endswith(":9/")
    )


def test_a_request_that_follows_a_redirect_with_the_key_is_found_out(few):
    location = strike(few, "redirect_other_host").headers["location"]
    connection = http.client.HTTPConnection(location.split("/")[2])
    connection.request("GET", "/fapi/v1/time", headers={"X-MBX-APIKEY": few.simulator.credentials().api_key})
    connection.getresponse().read()
    connection.close()
    followed = few.simulator.requests[-1]
    assert (followed.host.split(":")[0], followed.has_key) == ("localhost", True)


def test_a_clock_that_jumps_refuses_timestamps_until_it_is_read_again(few):
    assert strike(few, "clock_jump", seconds=7200).code == -1021
    assert few.ask("usdm_futures", **WINDOW).code == -1021
    server_ms = few.send("/fapi/v1/time").json["serverTime"]
    assert server_ms == NOW_MS + 7_200_000
    assert few.ask("usdm_futures", **{**WINDOW, "timestamp": server_ms}).status == 200


def test_a_429_may_say_how_long_to_wait_and_what_comes_too_early_is_remembered(few, clock):
    assert "retry-after" not in strike(few, "http_429", message="Slow down.").headers
    few.ask("usdm_futures", **WINDOW)
    clock.now_s += 60
    assert strike(few, "http_429", retry_after=7).headers["retry-after"] == "7"
    clock.now_s += 6.9
    few.ask("usdm_futures", **WINDOW)
    clock.now_s += 0.2
    few.ask("usdm_futures", **WINDOW)
    assert [request.during_hold for request in few.simulator.requests] == [False, True, False, True, False]


def test_a_418_is_a_ban_whether_or_not_it_says_so(few, clock):
    answer = strike(few, "http_418", seconds=10, until_in_body=False)
    assert ("retry-after" in answer.headers, "until" in answer.json["msg"]) == (False, False)
    clock.now_s += 9
    assert few.ask("usdm_futures", **WINDOW).status == 418
    clock.now_s += 300
    telling = strike(few, "http_418", seconds=10, retry_after=10)
    assert telling.headers["retry-after"] == "10"
    assert f"banned until {NOW_MS + 309_000 + 40_000}" in telling.json["msg"]
    assert few.simulator.stats.during_ban == 1


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({}, [1]),
        ({"nth": 3}, [3]),
        ({"nth": 2, "times": 2}, [2, 3]),
        ({"nth": 3, "times": None}, [3, 4, 5]),
        ({"endpoint": "margin"}, []),
        ({"endpoint": "usdm_futures", "nth": 5}, [5]),
    ],
    ids=str,
)
def test_a_fault_strikes_when_it_is_due_and_counts_matching_requests_only(few, when, struck):
    few.simulator.add_fault(Fault("http_500", **when))
    few.send("/fapi/v1/time")
    statuses = [few.ask("usdm_futures", **WINDOW).status for _ in range(5)]
    assert [number for number, status in enumerate(statuses, 1) if status == 500] == struck


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [("clock", "/api/v3/time"), ("ping", "/papi/v1/ping"), ("exchange_info", "/dapi/v1/exchangeInfo")],
)
def test_public_paths_can_be_struck_by_name(few, endpoint, path):
    few.simulator.add_fault(Fault("http_500", endpoint=endpoint))
    assert [few.send(path).status for _ in range(2)] == [500, 200]


def test_faults_can_be_taken_back(few):
    few.simulator.add_fault(Fault("http_500", times=None))
    few.simulator.clear_faults()
    assert few.ask("usdm_futures", **WINDOW).status == 200


def test_a_fault_costs_its_weight(few):
    assert strike(few, "http_500").headers["x-mbx-used-weight-1m"] == "50"


@pytest.mark.parametrize(
    "wrong", [{"name": "http_999"}, {"endpoint": "spot"}, {"nth": 0}, {"times": 0}], ids=str
)
def test_a_fault_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="fault"):
        Fault(**{"name": "http_500", **wrong})


def test_a_stopped_simulator_refuses_connections_and_can_be_started_again(few):
    kept = http.client.HTTPConnection(few.simulator.url.removeprefix("http://"))
    kept.request("GET", "/fapi/v1/time")
    kept.getresponse().read()
    few.simulator.stop()
    with pytest.raises(ConnectionRefusedError):
        few.ask("usdm_futures", **WINDOW)
    assert kept.sock.recv(1) == b""
    kept.close()
    few.simulator.start()
    assert few.ask("usdm_futures", **WINDOW).status == 200
