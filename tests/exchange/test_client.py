"""The client's promises: signed bytes are sent bytes, waits are obeyed, and no secret leaves it."""

from __future__ import annotations

import gzip
import inspect
import logging
import pickle
import socket
import time
import traceback
from contextlib import ExitStack, nullcontext
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from support.scripted import HANG_UP, ScriptedServer, Time, reply

from airflow_provider_binance_liq import exceptions
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, FAMILIES, get_endpoint
from airflow_provider_binance_liq.core.paging import Ask
from airflow_provider_binance_liq.core.signing import HmacSigner, load_signer
from airflow_provider_binance_liq.core.waits import Waits
from airflow_provider_binance_liq.exceptions import (
    ClockSkew,
    ExchangeUnavailable,
    FirewallBlocked,
    InvalidRequest,
    IpBanned,
    KeyRejected,
    LiquidationsError,
    LocationRestricted,
    RequestRejected,
    SpanRefused,
    Throttled,
    UnexpectedRow,
    WaitTooLong,
)
from airflow_provider_binance_liq.exchange.client import ATTEMPTS, BinanceClient, Settings, is_loopback
from airflow_provider_binance_liq.exchange.rate_limit_state import SharedRateLimitState
from airflow_provider_binance_liq.exchange.rate_limiter import RequestCost
from airflow_provider_binance_liq.exchange.request import Request
from airflow_provider_binance_liq.exchange.throttle import WaitContext
from airflow_provider_binance_liq.simulator import Fault, Simulator
from airflow_provider_binance_liq.simulator import Settings as Knobs

FUTURES = get_endpoint("usdm_futures")
MARGIN = get_endpoint("margin")
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
CHINESE = "币安人生USDT"
ROW = (
    '{"orderId":8389765612825190229,"symbol":"币安人生USDT","time":1791590400000,"updateTime":1791590400043}'
)
MINUTE_MS = 60_000


@pytest.fixture
def world():
    return Time()


@pytest.fixture
def server(world):
    with ScriptedServer(clock=world.clock) as running:
        yield running


@pytest.fixture
def connect(world):
    """Make clients that live in the test's time."""
    with ExitStack() as closing:

        def make(url, store=None, known_ban=None, **known):
            arguments = {"api_key": KEY, "signer": HmacSigner(SECRET), **known}
            settings = Settings(origins=dict.fromkeys(FAMILIES, url), **arguments)
            waits = WaitContext(known_ban=known_ban)
            client = BinanceClient(settings, store=store, wait_context=waits, **world.arguments)
            closing.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(server, connect):
    return connect(server.url)


@pytest.fixture(params=ENDPOINTS.values(), ids=ENDPOINTS)
def endpoint(request):
    return request.param


def ask_of(endpoint, **known):
    number = 1 if not endpoint.is_by_time else None
    return Ask(1_791_590_400_000, 1_791_676_799_999, number=number, **known)


def empty_of(endpoint):
    return reply(200, [] if endpoint.is_by_time else {"rows": [], "total": 0})


def refusal(status, code, msg="", **headers):
    return reply(status, {"code": code, "msg": msg}, **headers)


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
    with Simulator(Knobs(seed=1), clock=world.clock) as exchange:
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
    with Simulator(Knobs(seed=1), clock=world.clock) as exchange:
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


# --- answers that are asked for again -------------------------------------------------------------------

TRANSIENT = {
    "a connection that ends before the answer": HANG_UP,
    "a connection that ends within the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a connection that ends within the body": reply(200, b"[" + ROW.encode()[:50], length=5000),
    "a body shorter than announced that is whole JSON": reply(200, b"[]", length=5000),
    "chunks that end within one": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n[]",
    "chunks of a length that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.6\r\n",
    "an empty body": reply(200, b""),
    "null": reply(200, b"null"),
    "cut-off JSON": reply(200, b"[" + ROW.encode()[:50]),
    "a web page": reply(200, b"<html>Under maintenance</html>", Content_Type="text/html"),
    "bytes that are no UTF-8": reply(200, b'["\xff"]'),
    "gzip that is none": reply(200, b"[]", Content_Encoding="gzip"),
    "gzip that is cut off": reply(200, gzip.compress(b"[%s]" % ROW.encode())[:40], Content_Encoding="gzip"),
    "an error object with status 200": refusal(200, -1000),
    "an unknown error object with status 200": refusal(200, -77777),
    "204 without a body": reply(204),
    "400 -1001": refusal(400, -1001),
    "408": reply(408),
    "500": refusal(500, -1000),
    "502 as a web page": reply(502, b"<html>Bad Gateway</html>"),
    "503, status unknown": refusal(
        503, -1000, "Unknown error, please check your request or try again later."
    ),
    "503, unavailable": reply(503, b"Service Unavailable."),
    "503, internal": refusal(503, -1001, "Internal error; unable to process your request. Please try again."),
    "503, throttled": refusal(503, -1008, "Request throttled by system-level protection."),
    "504 as a web page": reply(504, b"<html>Gateway Time-out</html>"),
}


@pytest.mark.parametrize("said", TRANSIENT.values(), ids=TRANSIENT)
def test_a_transient_answer_is_asked_again_and_the_next_one_is_used(server, client, said):
    server.script = [said]
    server.otherwise = reply(200, f"[{ROW}]".encode())
    page = client.fetch(FUTURES, ask_of(FUTURES))
    assert [row.body for row in page.rows] == [ROW.encode()]
    assert len(server.asked) == 2


@pytest.mark.parametrize("said", TRANSIENT.values(), ids=TRANSIENT)
def test_an_answer_that_stays_transient_is_unavailable_by_name(server, client, said):
    server.script = [said] * 99
    with pytest.raises(ExchangeUnavailable) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == ATTEMPTS
    assert "GET /fapi/v1/forceOrders (2026-10-10T00:00:00Z to 2026-10-10T23:59:59.999Z" in str(caught.value)
    assert "a retry asks again" in str(caught.value)


def test_between_attempts_the_client_waits_longer_each_time(server, client, world):
    server.otherwise = reply(503)
    with pytest.raises(ExchangeUnavailable):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == ATTEMPTS - 1
    assert all(later > earlier for earlier, later in zip(world.naps, world.naps[1:], strict=False))
    assert 0.2 <= world.naps[0] <= 0.4
    assert sum(world.naps) < 10


def test_the_wait_between_attempts_is_spread_at_random(server, world):
    asked_for = []

    def uniform(low, high):
        asked_for.append((low, high))
        return high

    settings = Settings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
    client = BinanceClient(settings, **{**world.arguments, "uniform": uniform})
    server.script = [reply(503)]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.close()
    assert all(low < high for low, high in asked_for)
    assert world.naps == [high for _, high in asked_for]


def test_a_refused_connection_is_asked_again(world, connect):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = connect(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(ExchangeUnavailable, match="no usable answer"):
            client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == ATTEMPTS - 1


def test_an_answer_in_gzip_is_read_though_nobody_asked_for_it(server, client):
    body = gzip.compress(f"[{ROW}]".encode())
    server.script = [reply(200, body, Content_Encoding="gzip")]
    assert client.fetch(FUTURES, ask_of(FUTURES)).rows[0].body == ROW.encode()
    assert "gzip" not in server.asked[0].headers.get("accept-encoding", "")


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_body_that_comes_byte_by_byte_is_read_whole(server, client, encoding):
    body = f"[{ROW}]".encode()
    packed, headers = (gzip.compress(body), {"Content_Encoding": encoding}) if encoding else (body, {})
    said = reply(200, packed, **headers)
    head, _, _ = said.partition(b"\r\n\r\n")
    server.pause_s = 0.0003
    server.script = [[head + b"\r\n\r\n", *(packed[at : at + 1] for at in range(len(packed)))]]
    assert client.fetch(FUTURES, ask_of(FUTURES)).rows[0].body == body[1:-1]
    assert len(server.asked) == 1


def test_a_body_in_chunks_is_read_whole(server, client):
    body = f"[{ROW}]".encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    server.script = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"]
    assert client.fetch(FUTURES, ask_of(FUTURES)).rows[0].body == body[1:-1]


def test_a_slow_first_byte_is_given_up_after_the_timeout(server, connect):
    server.pause_s = 0.15
    server.script = [[b"", b"", reply(200, [])]]
    client = connect(server.url, timeout_s=0.1)
    began = time.monotonic()
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 2
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("where", ["in the body", "in the body of a redirect", "in the headers"])
def test_an_answer_that_trickles_without_end_is_given_up_after_three_timeouts(server, where):
    status = 302 if "redirect" in where else 200
    head = b"HTTP/1.1 %d Said\r\nLocation: /elsewhere\r\nContent-Length: 100000\r\n" % status
    head += b"X-Drip: " if "headers" in where else b"\r\n"
    server.pause_s = 0.02
    server.script = [[head, *[b" "] * 400] for _ in range(ATTEMPTS)]
    settings = Settings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url), timeout_s=0.1)
    client = BinanceClient(settings, sleep=lambda _: None)
    began = time.monotonic()
    with pytest.raises(ExchangeUnavailable, match="no usable answer"):
        client.fetch(FUTURES, ask_of(FUTURES))
    client.close()
    assert time.monotonic() - began < ATTEMPTS * 0.3 + 1.5


def test_an_answer_without_any_end_is_given_up_before_it_fills_the_memory(server, client, monkeypatch):
    monkeypatch.setattr("airflow_provider_binance_liq.exchange.transport._LONGEST_BODY", 1_000_000)
    endless = gzip.compress(b"[" + b" " * 50_000_000)
    server.script = [reply(200, endless, Content_Encoding="gzip")] * ATTEMPTS
    with pytest.raises(ExchangeUnavailable):
        client.fetch(FUTURES, ask_of(FUTURES))


# --- answers that end it --------------------------------------------------------------------------------

FINAL = {
    "400 -1102": (refusal(400, -1102, "Mandatory parameter 'endTime' was not sent"), RequestRejected),
    "400 -1121": (refusal(400, -1121, "Invalid symbol."), RequestRejected),
    "400 -1022": (refusal(400, -1022, "Signature for this request is not valid."), KeyRejected),
    "400 -4165": (refusal(400, -4165, "Maximum time interval is 7 days."), SpanRefused),
    "401 -2015": (refusal(401, -2015, "Invalid API-key, IP, or permissions for action"), KeyRejected),
    "200 -2015": (refusal(200, -2015, "Invalid API-key, IP, or permissions for action"), KeyRejected),
    "403 as a web page": (reply(403, b"<html>403 Forbidden</html>"), FirewallBlocked),
    "404 as a web page": (reply(404, b"<html>404</html>"), RequestRejected),
    "451 with code 0": (
        refusal(451, 0, "Service unavailable from a restricted location"),
        LocationRestricted,
    ),
    "a row without an order id": (reply(200, [{"symbol": "BTCUSDT", "time": 1}]), UnexpectedRow),
}


@pytest.mark.parametrize(("said", "kind"), FINAL.values(), ids=FINAL)
def test_what_no_repetition_mends_is_asked_once_and_is_a_named_error(server, client, world, said, kind):
    server.script = [said]
    with pytest.raises(kind):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 1
    assert world.naps == []


def test_a_rejected_request_keeps_the_exchanges_code(server, client):
    server.script = [refusal(400, -1121, "Invalid symbol.")]
    with pytest.raises(RequestRejected) as caught:
        client.fetch(FUTURES, ask_of(FUTURES, symbol="NOSUCH"))
    assert caught.value.code == -1121
    assert "Invalid symbol." in str(caught.value)
    assert "NOSUCH" in str(caught.value)


def test_a_refused_key_keeps_the_exchanges_code(server, client):
    server.script = [refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")]
    with pytest.raises(KeyRejected) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert caught.value.code == -2015


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (HANG_UP, "the connection was cut before the answer was whole"),
        (refusal(503, -1008, "Busy."), "HTTP 503, code -1008: Busy."),
    ],
)
def test_an_exchange_that_stays_unavailable_says_what_was_wrong_with_its_last_answer(
    server, client, answer, cause
):
    server.otherwise = answer
    with pytest.raises(ExchangeUnavailable) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert caught.value.cause == cause


def test_a_refused_span_keeps_the_longest_one_that_the_exchange_names(server, client):
    server.script = [refusal(400, -4165, "Maximum time interval is 7 days.")]
    with pytest.raises(SpanRefused) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert caught.value.longest_ms == 7 * 86_400_000


# --- redirects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["the same host", "another host", "an address that is none", "nowhere"])
def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(server, client, world, status, to):
    with ScriptedServer(clock=world.clock) as elsewhere:
        location = {
            "the same host": "/fapi/v1/forceOrders",
            "another host": elsewhere.url,
            "an address that is none": "http://[::1",
            "nowhere": "",
        }[to]
        server.script = [reply(status, b"", Location=location)]
        with pytest.raises(RequestRejected, match="not followed"):
            client.fetch(FUTURES, ask_of(FUTURES))
        assert elsewhere.heard == []
    assert len(server.asked) == 1


def test_a_redirect_of_the_clock_is_not_followed_either(server, client):
    server.clock_script = [reply(302, b"", Location="/elsewhere")]
    with pytest.raises(RequestRejected, match="not followed"):
        client.server_time_ms("fapi")
    assert [request.path for request in server.heard] == ["/fapi/v1/time"]


def test_a_cookie_is_not_sent_back(server, client):
    server.script = [reply(200, [], Set_Cookie="tracking=yes; Path=/")]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert "cookie" not in server.asked[1].headers


def test_a_proxy_of_the_environment_never_sees_what_goes_to_loopback(server, client, monkeypatch):
    with ScriptedServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        client.fetch(FUTURES, ask_of(FUTURES))
        assert proxy.heard == []


def test_a_netrc_of_the_machine_adds_no_password(server, client, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert all("authorization" not in request.headers for request in server.heard)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://localhost.example.com", False),
        ("http://example.com", False),
        ("http://0.0.0.0", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1@example.com", False),
        ("http://2130706433", False),
        ("https:///path", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_that_looks_like_it(url, expected):
    assert is_loopback(url) is expected


# --- waits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize("seconds", [1, 35, 59])
def test_nothing_is_sent_before_retry_after_has_passed(server, client, world, status, seconds):
    told = []

    def tell(_request):
        told.append(world.now_s)
        return refusal(status, -1003, Retry_After=str(seconds))

    server.script = [tell, lambda _: told.append(world.now_s) or reply(200, [])]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert seconds <= told[1] - told[0] <= seconds + 2
    assert len(server.asked) == 2


def test_nothing_is_sent_before_the_ban_in_the_text_has_ended(server, client, world):
    until_ms = int(world.now_s * 1000) + 51_000
    text = f"Way too many requests; IP(1.2.3.4) banned until {until_ms}."
    said_at = []
    server.script = [refusal(418, -1003, text), lambda _: said_at.append(world.now_s) or reply(200, [])]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert said_at[0] * 1000 >= until_ms


def test_a_429_without_an_instant_waits_for_the_exchanges_next_minute(server, client, world):
    server.clock = lambda: world.now_s + 17
    said_at = []
    server.script = [reply(429), lambda _: said_at.append(server.clock()) or reply(200, [])]
    began = server.clock()
    client.fetch(FUTURES, ask_of(FUTURES))
    assert said_at[0] // 60 == began // 60 + 1
    assert said_at[0] % 60 < 2


@pytest.mark.parametrize("ahead_s", [-600, 0, 600])
def test_a_wait_beyond_patience_is_raised_with_the_instant_on_the_local_clock(server, client, world, ahead_s):
    server.clock = lambda: world.now_s + ahead_s
    server.script = [refusal(429, -1003, Retry_After="720")]
    with pytest.raises(Throttled) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert caught.value.retry_at_ms == pytest.approx((world.now_s + 720) * 1000, abs=1000)
    assert not isinstance(caught.value, IpBanned)
    assert world.naps == []
    assert len(server.asked) == 1


def test_a_ban_beyond_patience_is_raised_as_a_ban_and_holds_every_family(server, client, endpoint, world):
    server.script = [refusal(418, -1003, Retry_After="360")]
    with pytest.raises(IpBanned, match="banned"):
        client.fetch(FUTURES, ask_of(FUTURES))
    heard = len(server.heard)
    with pytest.raises(IpBanned):
        client.fetch(endpoint, ask_of(endpoint))
    assert len(server.heard) == heard
    world.now_s += 361
    server.otherwise = empty_of(endpoint)
    client.fetch(endpoint, ask_of(endpoint))


def test_a_429_holds_its_own_pool_of_families_and_leaves_the_others_alone(server, client):
    server.script = [refusal(429, -1003, Retry_After="600")]
    with pytest.raises(Throttled):
        client.fetch(FUTURES, ask_of(FUTURES))
    with pytest.raises(Throttled):
        client.fetch(get_endpoint("coinm_futures"), ask_of(FUTURES))
    server.otherwise = empty_of(MARGIN)
    client.fetch(MARGIN, ask_of(MARGIN))


def test_being_told_to_wait_again_and_again_ends_with_an_error(server, client):
    server.otherwise = refusal(429, -1003, Retry_After="1")
    with pytest.raises(Throttled, match="told to wait 5 times in a row"):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 5


def test_against_a_strict_exchange_no_request_is_ever_sent_during_a_ban_or_a_hold(connect, world):
    with Simulator(Knobs(seed=1), clock=world.clock) as exchange:
        credentials = exchange.credentials()
        client = connect(
            exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret), max_sleep_s=500
        )
        for status, known in [(429, {}), (429, {"retry_after": 35}), (418, {"seconds": 179}), (418, {})]:
            exchange.add_fault(Fault(f"http_{status}", **known))
            client.fetch(FUTURES, ask_of(FUTURES))
            client.fetch(MARGIN, ask_of(MARGIN))
            exchange.clear_faults()
        assert exchange.stats.during_ban == 0
        assert exchange.stats.during_hold == 0
        assert exchange.stats.statuses[200] > 8


ABSURD = ["999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"]


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("status", [418, 429])
def test_an_absurd_wait_stops_nobody_for_longer_than_one_of_unstated_length(
    server, connect, world, status, value, tmp_path
):
    first, second = (connect(server.url, store=SharedRateLimitState(tmp_path / "book")) for _ in range(2))
    server.script = [refusal(status, -1003, Retry_After=value)]
    began = world.now_s
    with pytest.raises(IpBanned) if status == 418 else nullcontext():
        first.fetch(FUTURES, ask_of(FUTURES))
    world.now_s = max(world.now_s, began + 121)
    second.fetch(FUTURES, ask_of(FUTURES))
    assert world.now_s - began < 190


@pytest.mark.parametrize("until_s", [-5, 10**7, 10**12])
def test_an_absurd_ban_that_others_tell_of_stops_nobody(server, connect, world, until_s):
    client = connect(server.url, known_ban=lambda: int((world.now_s + until_s) * 1000))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.naps == []


def test_who_is_told_to_wait_again_and_again_is_told_to_come_back_later_each_time(server, connect, world):
    server.otherwise = refusal(429, -1003, Retry_After="1")
    waits, holds = [], 0
    for _ in range(8):
        settings = Settings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
        client = BinanceClient(settings, wait_context=WaitContext(consecutive_waits=holds), **world.arguments)
        with pytest.raises(Throttled) as caught:
            client.fetch(FUTURES, ask_of(FUTURES))
        client.close()
        holds = caught.value.resume.consecutive_waits
        waits.append(round((caught.value.retry_at_ms / 1000 - world.now_s) / 60))
        world.now_s = caught.value.retry_at_ms / 1000
    assert waits == [2, 4, 8, 16, 32, 64, 64, 64]


def test_short_sleeps_add_up_to_what_a_task_may_wait_and_no_further(server, world):
    waits = Waits(max_ms=100_000)
    settings = Settings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
    client = BinanceClient(settings, wait_context=WaitContext(waits=waits), **world.arguments)
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1190")
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    with pytest.raises(WaitTooLong, match="because its weight is used up"):
        client.fetch(FUTURES, ask_of(FUTURES))
    client.close()
    assert sum(world.naps) * 1000 <= 100_001
    assert waits.waited_ms == pytest.approx(sum(world.naps) * 1000, abs=5)


# --- our share of the weight ----------------------------------------------------------------------------


def test_a_share_of_the_weight_is_never_exceeded_and_the_rest_waits_for_the_minute(connect, world):
    with Simulator(Knobs(seed=1), clock=world.clock) as exchange:
        credentials = exchange.credentials()
        client = connect(exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret))
        for _ in range(50):
            client.fetch(FUTURES, ask_of(FUTURES))
        assert 0.45 < exchange.stats.highest_share <= 0.5
        assert exchange.stats.throttled == 0
        assert len(world.naps) == 2


def test_what_others_on_the_address_use_counts_too(server, client, world):
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1180")
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.naps == []
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == 1
    assert world.now_s % 60 < 1


def test_the_used_weight_of_a_refusal_counts_too(server, client, world):
    server.script = [reply(503, b"", x_mbx_used_weight_1m="2000")]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.now_s % 60 < 1


@pytest.mark.parametrize("value", ["", "many", "-5", "1.5", "\xb2", "9" * 5000])
def test_a_used_weight_that_is_no_number_is_passed_over(server, client, value):
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M=value)]
    client.fetch(FUTURES, ask_of(FUTURES))


def test_usdm_and_coinm_futures_share_one_count(server, client, world):
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1190")
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(get_endpoint("coinm_futures"), ask_of(FUTURES))
    assert len(world.naps) >= 1


def test_a_share_that_allows_no_single_request_is_an_error_that_says_so(server, connect):
    client = connect(server.url, weight_share=0.01)
    with pytest.raises(RequestRejected, match="raise weight_share"):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert not any("signature" in request.line for request in server.heard)


def listing(limit, interval="MINUTE", many=1):
    told = {"rateLimitType": "REQUEST_WEIGHT", "interval": interval, "intervalNum": many, "limit": limit}
    return reply(200, {"rateLimits": [{"rateLimitType": "ORDERS", "limit": 1200}, told], "symbols": []})


def spending(limit, clock, **knobs):
    """An exchange with another limit than the documented one."""
    return Simulator(Knobs(seed=1, weight_limits=(("futures", limit),), **knobs), clock=clock)


@pytest.mark.parametrize("endpoint", [FUTURES, get_endpoint("coinm_futures")], ids=lambda one: one.name)
@pytest.mark.parametrize("limit", [300, 1000, 2400, 10_000])
def test_the_limit_that_the_exchange_tells_outranks_the_documented_one(connect, world, endpoint, limit):
    with spending(limit, world.clock) as exchange:
        credentials = exchange.credentials()
        client = connect(exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret))
        for _ in range(10 * limit // 300):
            client.fetch(endpoint, ask_of(endpoint))
        assert 0.4 - 50 / limit < exchange.stats.highest_share <= 0.5
        assert exchange.stats.throttled == 0


def test_a_minute_of_another_length_is_kept_too(connect, world):
    with spending(300, world.clock, minute_seconds=5.0) as exchange:
        credentials = exchange.credentials()
        client = connect(exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret))
        for _ in range(20):
            client.fetch(FUTURES, ask_of(FUTURES))
        assert 0.3 < exchange.stats.highest_share <= 0.5
        assert sum(world.naps) < 60


@pytest.mark.parametrize("said", ["0", "7", "50"])
def test_against_an_exchange_whose_header_counts_less_the_share_is_kept_by_our_own_count(
    server, client, world, said
):
    sent = {}

    def count(_request):
        sent[int(world.now_s // 60)] = sent.get(int(world.now_s // 60), 0) + 50
        return reply(200, [], X_MBX_USED_WEIGHT_1M=said)

    server.script = [count] * 60
    server.otherwise = reply(200, {"rateLimits": []})
    while server.script:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert max(sent.values()) <= 1200


def test_a_quiet_window_does_not_ask_for_the_limit(server, client):
    client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.asked] == [FUTURES.path]


def test_the_limit_is_asked_for_once(server, client):
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M="100"), listing(2000)]
    for _ in range(5):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.asked].count("/fapi/v1/exchangeInfo") == 1


@pytest.mark.parametrize(
    "said",
    [reply(404), reply(500), reply(200, []), reply(200, {"rateLimits": []}), listing(0), listing(9, "AGE")],
)
def test_where_the_limit_cannot_be_had_the_documented_one_holds(server, client, world, said):
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M="1100"), said]
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1160")
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.naps == []
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == 1


def test_a_429_of_the_question_for_the_limit_is_waited_for_too(server, client, world):
    server.script = [
        reply(200, [], X_MBX_USED_WEIGHT_1M="200"),
        refusal(429, -1003, Retry_After="20"),
        listing(2400),
    ]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert sum(world.naps) > 20


def test_who_knows_the_limit_better_can_say_so_and_nothing_is_asked(server, connect, world):
    client = connect(server.url, weight_limits={"futures": 240})
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M="71")]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == 1
    assert {request.path for request in server.asked} == {FUTURES.path}


# --- beside other tasks on the same address -------------------------------------------------------------


PAPI = get_endpoint("portfolio_um")


def test_beside_others_nothing_heavy_is_asked_before_something_light_has_told_the_used_weight(
    server, connect, world, tmp_path
):
    client = connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True)
    server.script = [reply(200, {}, X_MBX_USED_WEIGHT_1M="2960"), reply(200, [], X_MBX_USED_WEIGHT_1M="50")]
    client.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.asked] == ["/papi/v1/ping", PAPI.path]
    assert len(world.naps) == 1
    client.fetch(PAPI, ask_of(PAPI))
    assert len(server.asked) == 3


@pytest.mark.parametrize("said", [reply(404), reply(500), reply(200, b"<html>"), HANG_UP])
def test_an_exchange_that_does_not_tell_the_used_weight_is_asked_all_the_same(
    server, connect, said, tmp_path
):
    client = connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True)
    server.script = [said]
    client.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.asked] == ["/papi/v1/ping", PAPI.path]


def test_a_task_knows_what_another_one_of_its_machine_has_used_up(server, connect, world, tmp_path):
    first, second = (
        connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True) for _ in range(2)
    )
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="2990")
    first.fetch(PAPI, ask_of(PAPI))
    heard, naps = len(server.asked), len(world.naps)
    server.otherwise = reply(200, [])
    second.fetch(PAPI, ask_of(PAPI))
    assert len(world.naps) == naps + 1
    assert [request.path for request in server.asked[heard:]] == [PAPI.path]


def test_a_task_reads_no_clock_that_another_one_of_its_machine_has_just_read(
    server, connect, world, tmp_path
):
    server.clock = lambda: world.now_s + 17
    first, second = (connect(server.url, store=SharedRateLimitState(tmp_path / "book")) for _ in range(2))
    first.fetch(FUTURES, ask_of(FUTURES))
    second.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.heard].count("/fapi/v1/time") == 1
    assert second.clock_offset_ms("papi") == first.clock_offset_ms("fapi")
    world.now_s += 700
    third = connect(server.url, store=SharedRateLimitState(tmp_path / "book"))
    third.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.heard].count("/fapi/v1/time") == 2


def test_a_ban_that_others_have_met_is_heeded_before_anything_is_asked_and_after_every_wait(
    server, connect, world
):
    told = []

    def known_ban():
        told.append(world.now_s)
        return until_ms[0]

    until_ms = [int((world.now_s + 600) * 1000)]
    client = connect(server.url, known_ban=known_ban)
    with pytest.raises(IpBanned) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert server.heard == []
    assert caught.value.retry_at_ms == until_ms[0]
    world.now_s += 601
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1180")
    client.fetch(FUTURES, ask_of(FUTURES))
    until_ms[0] = int((world.now_s + 300) * 1000)
    heard = len(server.asked)
    with pytest.raises(IpBanned):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.asked[heard:]] in ([], ["/fapi/v1/exchangeInfo"])
    assert len(told) <= 4


def test_others_are_not_asked_for_a_ban_at_every_request(server, connect):
    told = []
    client = connect(server.url, known_ban=lambda: told.append(1) or 0)
    server.otherwise = empty_of(MARGIN)
    for _ in range(15):
        client.fetch(MARGIN, ask_of(MARGIN))
    assert len(told) == 1


@pytest.mark.parametrize("status", [418, 429])
def test_what_one_task_was_told_to_wait_holds_the_others_of_its_machine(server, connect, status, tmp_path):
    first, second = (
        connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True) for _ in range(2)
    )
    second.fetch(FUTURES, ask_of(FUTURES))
    server.script = [refusal(status, -1003, Retry_After="600")]
    with pytest.raises(Throttled):
        first.fetch(FUTURES, ask_of(FUTURES))
    heard = len(server.heard)
    with pytest.raises(Throttled) as caught:
        second.fetch(FUTURES, ask_of(FUTURES))
    assert isinstance(caught.value, IpBanned) == (status == 418)
    assert len(server.heard) == heard


def test_requests_and_weight_are_counted_with_every_repetition(server, client):
    server.script = [reply(503), reply(503)]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES, symbol="BTCUSDT"))
    assert (client.spent.requests, client.spent.weight) == (4, 3 * 50 + 20)


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


# --- secrets --------------------------------------------------------------------------------------------


def chain(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def everything_said(error):
    """All texts of an error and of those that it came from, however they may be written down."""
    texts = [f"{part!s}\n{part!r}\n{part.args!r}\n{vars(part)!r}" for part in chain(error)]
    texts += traceback.format_exception(error)
    texts.append(pickle.dumps(error).decode("latin-1"))
    return "\n".join(texts)


def echo(request):
    """What a careless proxy may answer: everything that it was sent."""
    return f"{request.line} {request.headers} {unquote(request.line)}"


def signature_of(request):
    return unquote(request.query.rpartition("signature=")[2])


ECHOES = {
    "in an error": lambda request: refusal(400, -1102, echo(request)),
    "in a refused key": lambda request: refusal(401, -2015, echo(request)),
    "in a refused span": lambda request: refusal(400, -4165, echo(request)),
    "in a ban": lambda request: refusal(418, -1003, echo(request), Retry_After="900"),
    "in a refused timestamp": lambda request: refusal(400, -1021, echo(request)),
    "in a transient error": lambda request: refusal(503, -1000, echo(request)),
    "in a web page": lambda request: reply(403, f"<html>{echo(request)}".encode()),
    "in a text": lambda request: reply(502, echo(request).encode()),
    "in a location": lambda request: reply(302, b"", Location=request.line.split(" ")[1]),
    "in a body that is no page": lambda request: reply(200, {"echo": echo(request)}),
    "bare in an error": lambda request: refusal(400, -1022, f"{signature_of(request)} is wrong"),
    "in a row": lambda request: reply(200, [{"echo": signature_of(request)}]),
    "where an error is cut": lambda _: refusal(400, -1102, "x" * 245 + KEY),
    "where a row is cut": lambda _: reply(200, [{"echo": "x" * 235 + KEY}]),
    "in part, as somebody else cut it": lambda _: refusal(400, -1102, f"key {KEY[5:60]} …"),
    "escaped, in a row": lambda request: reply(
        200, b'[{"echo":"%s"}]' % signature_of(request).replace("/", "\\/").encode()
    ),
    "nowhere, the connection ends": HANG_UP,
}
SIGNERS = {
    "HMAC": HmacSigner(SECRET),
    "Ed25519": load_signer(
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    ),
}


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
@pytest.mark.parametrize("said", ECHOES.values(), ids=ECHOES)
def test_no_error_and_no_log_holds_a_key_or_a_signature_even_if_an_answer_echoes_them(
    server, connect, said, signer, caplog
):
    client = connect(server.url, signer=signer)
    server.script = [said] * 20
    with caplog.at_level(logging.DEBUG), pytest.raises(LiquidationsError) as caught:
        client.fetch(FUTURES, ask_of(FUTURES, symbol=CHINESE))
    shown = everything_said(caught.value) + caplog.text + repr([vars(r) for r in caplog.records])
    signatures = [request.query.rpartition("signature=")[2] for request in server.asked]
    hidden = [KEY, SECRET, *signatures, *map(unquote, signatures)]
    pieces = {text[at : at + 12] for text in hidden for at in range(len(text) - 11)}
    assert [text for text in pieces if text in shown] == []


def test_urllib3_still_logs_requests_at_debug_but_no_signature(server, client, caplog):
    with caplog.at_level(logging.DEBUG):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert "/fapi/v1/forceOrders?startTime=1791590400000" in caplog.text
    assert "signature=***" in caplog.text
    assert signature_of(server.asked[0]) not in caplog.text


def test_nothing_of_a_client_or_its_settings_shows_key_or_secret(client):
    shown = f"{client!r} {client.settings!r} {client.settings!s}"
    assert KEY not in shown
    assert SECRET not in shown


def test_a_key_that_no_header_can_hold_is_not_shown_either(server, connect):
    client = connect(server.url, api_key="not\r\na: header")
    with pytest.raises(LiquidationsError) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert "a: header" not in everything_said(caught.value)


# --- errors ---------------------------------------------------------------------------------------------

ERRORS = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if kind.__module__ == exceptions.__name__ and issubclass(kind, LiquidationsError)
]
ATTRIBUTES = {
    ExchangeUnavailable: {"cause": "HTTP 503"},
    Throttled: {"retry_at_ms": 12},
    KeyRejected: {"code": -2015},
    RequestRejected: {"code": -1121},
    SpanRefused: {"longest_ms": 7},
}


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_survives_pickling_with_its_attributes(kind):
    known = {n: v for base, values in ATTRIBUTES.items() if issubclass(kind, base) for n, v in values.items()}
    error = kind("what happened", **known)
    error.where = "usdm_futures [a, b)"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error) == "usdm_futures [a, b): what happened"
    assert {name: getattr(copy, name) for name in known} == known
    assert copy.args == error.args


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_says_by_its_branch_what_a_retry_does(kind):
    branches = (exceptions.RetryableError, exceptions.PermanentError)
    assert kind is LiquidationsError or sum(issubclass(kind, branch) for branch in branches) == 1


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_stands_in_the_tree_that_the_module_draws(kind):
    assert kind.__name__ in exceptions.__doc__
    assert kind.__doc__
