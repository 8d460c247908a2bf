"""The client's promises: signed bytes are sent bytes, by the exchange's clock."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from asking import CHINESE, FUTURES, KEY, MARGIN, SECRET, ask_of, empty_of, refusal
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from support.scripted import HANG_UP, reply
from support.seeded import seeded_exchange

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner, load_signer
from airflow_provider_binance_liq.exceptions import (
    ClockSkew,
    ExchangeUnavailable,
    InvalidRequest,
    Throttled,
)
from airflow_provider_binance_liq.exchange.client import ATTEMPTS
from airflow_provider_binance_liq.exchange.rate_limiter import RequestCost
from airflow_provider_binance_liq.exchange.request import Request
from airflow_provider_binance_liq.simulator import Fault

# --- the bytes that are sent ----------------------------------------------------------------------------


def test_the_query_ends_with_the_signature_of_every_byte_before_it(server, client, endpoint):
    server.otherwise = empty_of(endpoint)
    client.fetch(endpoint, ask_of(endpoint))
    (heard,) = server.asked
    signed, _, signature = heard.query.rpartition("&signature=")
    assert signature == HmacSigner(SECRET).sign(signed.encode())
    assert heard.path == endpoint.path


def test_a_chinese_symbol_is_on_the_wire_exactly_as_it_was_signed(server, client):
    client.fetch(FUTURES, ask_of(FUTURES, symbol=CHINESE))
    signed, _, signature = server.asked[0].query.rpartition("&signature=")
    assert "symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&" in signed
    assert signature == HmacSigner(SECRET).sign(signed.encode())


@pytest.mark.parametrize("symbol", ["A%2BB", "a b", "x&y=z", "~tilde-_.", "é/ß?#", "100%", "%e5"])
def test_no_symbol_is_encoded_a_second_time_on_its_way(server, client, symbol):
    client.fetch(FUTURES, ask_of(FUTURES, symbol=symbol))
    signed, _, signature = server.asked[0].query.rpartition("&signature=")
    assert unquote(server.asked[0].parameters["symbol"]) == symbol
    assert signature == HmacSigner(SECRET).sign(signed.encode())


@pytest.mark.parametrize("symbol", [None, CHINESE])
def test_the_parameters_are_those_of_the_endpoint_and_no_others(server, client, endpoint, symbol):
    server.otherwise = empty_of(endpoint)
    client.fetch(endpoint, ask_of(endpoint, symbol=symbol if endpoint.symbols else None))
    parameters = server.asked[0].parameters
    names = ["startTime", "endTime"]
    names += [endpoint.symbols.parameter] if symbol and endpoint.symbols else []
    names += [*([] if endpoint.is_by_time else ["current"]), endpoint.pager.size_parameter]
    assert list(parameters) == [*names, "recvWindow", "timestamp", "signature"]
    assert parameters["startTime"] == "1791590400000"
    assert parameters["endTime"] == "1791676799999"
    assert parameters[endpoint.pager.size_parameter] == str(endpoint.pager.page_size)


def test_the_close_type_is_named_where_it_is_asked_for(server, client):
    client.fetch(FUTURES, ask_of(FUTURES, auto_close_type="ADL"))
    assert server.asked[0].parameters["autoCloseType"] == "ADL"


def test_the_key_is_a_header_of_signed_requests_only(server, client):
    server.script = [reply(200, []), reply(200, {"symbols": []})]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.symbols(FUTURES)
    keys = {request.path: request.headers.get("x-mbx-apikey") for request in server.heard}
    assert keys == {"/fapi/v1/time": None, "/fapi/v1/forceOrders": KEY, "/fapi/v1/exchangeInfo": None}


def test_the_recv_window_is_that_of_the_connection(server, connect):
    connect(server.url, recv_window_ms=60_000).fetch(FUTURES, ask_of(FUTURES))
    assert server.asked[0].parameters["recvWindow"] == "60000"


@pytest.mark.parametrize(
    "path", ["/fapi/v1/order", "/sapi/v1/capital/withdraw/apply", "/fapi/v1/forceOrders/"]
)
def test_a_request_to_any_other_path_is_never_signed(path):
    with pytest.raises(InvalidRequest, match="ever signed"):
        Request(RequestCost("fapi", "futures", 1), path, f"GET {path}", signed=True)


def test_every_attempt_has_a_timestamp_and_a_signature_of_its_own(server, client, world):
    server.script = [reply(503), HANG_UP, reply(200, b"[")]
    client.fetch(FUTURES, ask_of(FUTURES))
    stamps = [request.parameters["timestamp"] for request in server.asked]
    assert len(set(stamps)) == len(stamps) == 4
    for request in server.asked:
        signed, _, signature = request.query.rpartition("&signature=")
        assert signature == HmacSigner(SECRET).sign(signed.encode())


def test_no_request_is_anything_but_a_get_without_a_body(server, client, endpoint):
    server.otherwise = empty_of(endpoint)
    client.fetch(endpoint, ask_of(endpoint))
    assert {request.line.split(" ")[0] for request in server.heard} == {"GET"}
    assert all("content-length" not in request.headers for request in server.heard)


@pytest.mark.parametrize("kind", ["HMAC", "RSA", "Ed25519"])
def test_an_exchange_that_verifies_in_its_own_way_takes_all_three_kinds_of_key(connect, world, kind):
    with seeded_exchange(clock=world.clock) as exchange:
        credentials = exchange.credentials()
        api_key, secret = credentials.api_key, credentials.secret
        if kind != "HMAC":
            key = (
                rsa.generate_private_key(public_exponent=65537, key_size=2048)
                if kind == "RSA"
                else ed25519.Ed25519PrivateKey.generate()
            )
            api_key = kind * 5
            secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            exchange.register_key("demo", api_key, public)
        client = connect(exchange.url, api_key=api_key, signer=load_signer(secret))
        for endpoint in ENDPOINTS.values():
            symbol = {"symbol": CHINESE} if endpoint in (FUTURES, MARGIN) else {}
            client.fetch(endpoint, ask_of(endpoint, **symbol))
        assert [r.status for r in exchange.requests if r.has_key] == [200] * len(ENDPOINTS)


# --- the clock ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_s", [-86_400, -4.5, 0, 3.25, 7200])
def test_timestamps_are_the_exchanges_time_however_wrong_the_local_clock_is(server, client, world, offset_s):
    server.clock = lambda: world.now_s + offset_s
    client.fetch(FUTURES, ask_of(FUTURES))
    assert int(server.asked[0].parameters["timestamp"]) == int((world.now_s + offset_s) * 1000)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_goes_by_its_own_clock_or_the_one_it_borrows(server, client, family):
    client.server_time_ms(family)
    assert [request.path for request in server.heard] == [FAMILIES[family].clock_path]


def test_a_clock_is_read_once_and_not_for_every_request(server, client):
    for _ in range(3):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.heard].count("/fapi/v1/time") == 1


def test_a_refused_timestamp_has_the_clock_read_again_before_the_next_attempt(server, client, world):
    server.script = [refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path.rpartition("/")[2] for request in server.heard] == [
        "time", "forceOrders", "time", "forceOrders",
    ]  # fmt: skip
    assert world.naps == []


def test_a_timestamp_refused_again_and_again_is_a_clock_skew_and_no_endless_loop(server, client):
    server.otherwise = refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
    with pytest.raises(ClockSkew, match="-1021"):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 3


def test_attempts_at_the_clock_that_failed_do_not_shift_it(server, client, world):
    hold = refusal(429, -1003, Retry_After="30")
    server.clock_script = [reply(503), hold, reply(500)]
    client.server_time_ms("fapi")
    assert world.now_s > 1_791_633_607.25 + 30
    assert client.clock_offset_ms("fapi") == pytest.approx(0, abs=1)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b"<html>", b'{"serverTime":"soon"}', b'{"code":-1000}']
)
def test_a_clock_that_says_no_time_is_asked_again_and_then_unavailable(server, client, body):
    server.clock_script = [reply(200, body)] * ATTEMPTS
    with pytest.raises(ExchangeUnavailable, match="/fapi/v1/time"):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert server.asked == []


def test_a_clock_that_jumps_while_it_is_used_is_read_again(connect, world):
    with seeded_exchange(clock=world.clock) as exchange:
        client = connect(
            exchange.url,
            api_key=exchange.credentials().api_key,
            signer=HmacSigner(exchange.credentials().secret),
        )
        client.fetch(FUTURES, ask_of(FUTURES))
        for seconds in (3600, -7200):
            exchange.add_fault(Fault("clock_jump", seconds=seconds))
            client.fetch(FUTURES, ask_of(FUTURES))
            client.fetch(FUTURES, ask_of(FUTURES))
        assert exchange.requests[-1].status == 200
        assert client.now_ms("fapi") == pytest.approx(exchange.now_ms, abs=10)


# --- the list of symbols --------------------------------------------------------------------------------


def test_symbols_are_read_from_the_public_list_of_the_endpoints_kind(server, client, endpoint):
    server.otherwise = reply(200, {"timezone": "UTC", "symbols": [{"symbol": CHINESE, "status": "TRADING"}]})
    if endpoint.symbols is None or endpoint.symbols.listed_at is None:
        assert client.symbols(endpoint) is None
        assert server.heard == []
    else:
        assert client.symbols(endpoint) == {CHINESE}
        assert [request.line.split(" ")[1] for request in server.heard] == [endpoint.symbols.listed_at]


@pytest.mark.parametrize("said", [reply(404), reply(302), refusal(400, -1121)])
def test_a_list_of_symbols_that_is_refused_for_good_is_none(server, client, said):
    server.otherwise = said
    assert client.symbols(FUTURES) is None


@pytest.mark.parametrize("said", [reply(200, b"null"), reply(200, {"symbols": [{}]}), reply(500), HANG_UP])
def test_a_list_of_symbols_that_cannot_be_had_now_may_be_had_by_a_retry(server, client, said):
    server.otherwise = said
    with pytest.raises(ExchangeUnavailable, match="GET /fapi/v1/exchangeInfo: no usable answer"):
        client.symbols(FUTURES)


def test_a_wait_for_the_list_of_symbols_is_a_wait(server, client):
    server.otherwise = refusal(429, -1003, Retry_After="900")
    with pytest.raises(Throttled):
        client.symbols(FUTURES)
