"""No secret leaves the client."""

from __future__ import annotations

import logging
from urllib.parse import unquote

import pytest
from asking import CHINESE, FUTURES, KEY, SECRET, ask_of, refusal
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from support.errors import everything_said
from support.scripted import HANG_UP, reply

from airflow_provider_binance_liq.core.signing import HmacSigner, load_signer
from airflow_provider_binance_liq.exceptions import (
    LiquidationsError,
)
from airflow_provider_binance_liq.exchange.redaction import Redactor


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


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("a", "the firewall said a", "the firewall said ***"),
        ("key-1", "key-1, 'key-1' and monkey-12", "***, '***' and monkey-12"),
        ("12345678", "x12345678x", "x***x"),
    ],
)
def test_a_key_of_a_few_characters_is_hidden_as_a_word_and_not_within_others(key, text, expected):
    assert Redactor(key)(text) == expected
