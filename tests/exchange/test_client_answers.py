"""What the client makes of an answer: uses it, asks again, or fails with a specific error."""

from __future__ import annotations

import gzip
import socket
import time

import pytest
from asking import FUTURES, KEY, ROW, SECRET, ask_of, refusal
from support.scripted import HANG_UP, ScriptedServer, reply

from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    FirewallBlocked,
    KeyRejected,
    LocationRestricted,
    RequestRejected,
    SpanRefused,
    UnexpectedRow,
)
from airflow_provider_binance_liq.exchange.client import ATTEMPTS, BinanceClient, ClientSettings, is_loopback

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
def test_an_answer_that_stays_transient_is_unavailable(server, client, said):
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

    settings = ClientSettings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
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
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 2


@pytest.mark.parametrize("where", ["in the body", "in the body of a redirect", "in the headers"])
def test_an_answer_that_trickles_without_end_is_given_up_after_three_timeouts(server, where):
    status = 302 if "redirect" in where else 200
    head = b"HTTP/1.1 %d Said\r\nLocation: /elsewhere\r\nContent-Length: 100000\r\n" % status
    head += b"X-Drip: " if "headers" in where else b"\r\n"
    server.pause_s = 0.02
    server.script = [[head, *[b" "] * 400] for _ in range(ATTEMPTS)]
    settings = ClientSettings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url), timeout_s=0.1)
    client = BinanceClient(settings, sleep=lambda _: None)
    began = time.monotonic()
    with pytest.raises(ExchangeUnavailable, match="no usable answer"):
        client.fetch(FUTURES, ask_of(FUTURES))
    client.close()
    assert time.monotonic() - began < ATTEMPTS * 0.3 + 10  # each would trickle for eight seconds


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
def test_what_no_repetition_resolves_is_asked_once_and_is_a_named_error(server, client, world, said, kind):
    server.script = [said]
    with pytest.raises(kind):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 1
    assert world.naps == []


def test_advice_follows_what_the_exchange_said_with_one_mark_between_them(server, client):
    server.script = [refusal(400, -1022, "Signature for this request is not valid.")]
    with pytest.raises(KeyRejected, match=r"code -1022: Signature for this request is not valid; the sig"):
        client.fetch(FUTURES, ask_of(FUTURES))


def test_a_rejected_request_keeps_the_exchanges_code(server, client):
    server.script = [refusal(400, -1121, "Invalid symbol.")]
    with pytest.raises(RequestRejected) as caught:
        client.fetch(FUTURES, ask_of(FUTURES, symbol="NOSUCH"))
    assert caught.value.code == -1121
    assert "Invalid symbol; " in str(caught.value)
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
        (refusal(503, -1008, "Busy."), "HTTP 503, code -1008: Busy"),
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
