"""What the exchange refuses, and by which code."""

from __future__ import annotations

import http.client

import pytest
from caller import NOW_MS

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.simulator.accounts import Accounts, _hmac_verifier

PATH = "/fapi/v1/forceOrders"
WINDOW = {"startTime": NOW_MS - 1000, "endTime": NOW_MS}

SPOT_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
FUTURES_SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
ORDER = b"&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
FUTURES_ORDER = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
    b"&timestamp=1591702613943"
)
NON_ASCII = b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
#: secret, payload and signature as the documentation of spot and of futures prints them
PUBLISHED = [
    (
        SPOT_SECRET,
        b"symbol=LTCBTC" + ORDER,
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    (SPOT_SECRET, NON_ASCII + ORDER, "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    (FUTURES_SECRET, FUTURES_ORDER, "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"),
]


@pytest.mark.parametrize(("secret", "payload", "signature"), PUBLISHED)
def test_published_signatures_are_verified(secret, payload, signature):
    verify = _hmac_verifier(secret)
    assert verify(payload, signature)
    assert verify(payload, signature.upper())
    assert not verify(payload + b" ", signature)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("kind", ["rsa_key", "ed25519_key"])
def test_rsa_and_ed25519_keys_sign_as_well(caller, endpoint, kind, request):
    key = request.getfixturevalue(kind)
    caller.simulator.register_key("demo", "AsymmetricKey1", key.public_pem)
    caller.api_key, caller.sign = "AsymmetricKey1", key.sign
    assert caller.ask(endpoint, **WINDOW).status == 200
    caller.sign = lambda payload: key.sign(payload + b"0")
    assert caller.ask(endpoint, **WINDOW).code == -1022
    caller.sign = lambda payload: key.sign(payload).swapcase()
    assert caller.ask(endpoint, **WINDOW).code == -1022


def test_base64_that_is_not_percent_encoded_is_refused(caller, rsa_key):
    caller.simulator.register_key("demo", "AsymmetricKey1", rsa_key.public_pem)
    caller.api_key = "AsymmetricKey1"
    for spread in range(20):
        payload = b"timestamp=%d" % (NOW_MS - spread)
        signature = rsa_key.sign(payload)
        if "+" in signature:
            assert caller.send(PATH, payload + b"&signature=" + signature.encode()).code == -1022
            return
    pytest.fail("no signature with a plus sign")


def test_another_accounts_secret_does_not_fit(start):
    caller = start(accounts=("demo", "desk"))
    secret_of_desk = caller.simulator.credentials("desk")
    caller.api_key = secret_of_desk.api_key
    assert caller.ask("usdm_futures", **WINDOW).code == -1022


def test_credentials_follow_from_the_seed_and_the_name():
    first, again, other = (Accounts(seed, ("desk", "demo")) for seed in (7, 7, 8))
    assert first.credentials("desk") == again.credentials("desk")
    assert first.credentials("desk") != first.credentials("demo")
    assert first.credentials("desk") != other.credentials("desk")
    assert first.credentials("desk").secret not in repr(first.credentials("desk"))
    with pytest.raises(ValueError, match="unknown account 'nobody'"):
        first.credentials("nobody")


@pytest.mark.parametrize(
    ("key", "code"), [("", -2014), ("white space", -2014), ("x" * 65, -2014), ("Abc123", -2015)]
)
def test_a_missing_malformed_or_unknown_key_is_unauthorized(caller, key, code):
    answer = caller.send(PATH, b"timestamp=%d&signature=00" % NOW_MS, key=key)
    assert (answer.status, answer.code) == (401, code)
    if code == -2015:
        assert answer.json["msg"].endswith("request ip: 127.0.0.1")


@pytest.mark.parametrize(("offset_ms", "code"), [(999, None), (1000, -1021), (-5000, None), (-5001, -1021)])
def test_a_timestamp_may_be_recv_window_old_and_less_than_a_second_ahead(caller, offset_ms, code):
    answer = caller.ask("usdm_futures", **{**WINDOW, "timestamp": NOW_MS + offset_ms})
    assert (answer.code if answer.status != 200 else None) == code


def test_recv_window_is_kept_and_at_most_a_minute(caller):
    late = {**WINDOW, "timestamp": NOW_MS - 30_000}
    assert caller.ask("usdm_futures", recvWindow=60_000, **late).status == 200
    assert caller.ask("usdm_futures", recvWindow=29_999, **late).code == -1021
    assert caller.ask("usdm_futures", recvWindow=60_001, **late).code == -1131


def test_the_clock_of_the_exchange_counts_not_the_machines(start):
    caller = start(clock_offset_ms=90_000)
    assert caller.ask("usdm_futures", **WINDOW).code == -1021
    assert caller.ask("usdm_futures", **{**WINDOW, "timestamp": NOW_MS + 90_000}).status == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"timestamp=%d&symbol=", -1105),
        (b"timestamp=%d&symbol", -1102),
        (b"timestamp=%d&colour=red", -1104),
        (b"timestamp=%d&current=1", -1104),
        (b"timestamp=%d&limit=5&limit=6", -1101),
        (b"timestamp=%d&limit=0", -1130),
        (b"timestamp=%d&limit=ten", -1100),
        (b"timestamp=%d&limit=-1", -1100),
        (b"timestamp=%d&startTime=1.5", -1100),
        (b"timestamp=%d&symbol=%%FF%%FE", -1100),
        (b"timestamp=%d&symbol=BTC+USDT", -1100),
        (b"timestamp=%d&symbol=NOSUCHUSDT", -1121),
        (b"timestamp=%d&autoCloseType=liquidation", -1130),
        (b"timestamp=%d&startTime=20&endTime=10", -1023),
        (b"timestamp=%d&signature=00", -1022),
    ],
)
def test_what_is_not_documented_is_refused(caller, query, code):
    answer = caller.signed(PATH, query % NOW_MS)
    assert (answer.status, answer.code) == (400, code)


def test_parameters_of_the_other_kind_of_paging_are_unread(caller):
    for endpoint, parameter in (
        ("portfolio_margin", "symbol"),
        ("portfolio_margin", "limit"),
        ("margin", "symbol"),
    ):
        assert caller.ask(endpoint, **WINDOW, **{parameter: "1"}).code == -1104


@pytest.mark.parametrize("missing", [b"limit=5", b"recvWindow=5000"])
def test_a_signed_request_needs_a_timestamp(caller, missing):
    answer = caller.signed(PATH, missing)
    assert (answer.code, "'timestamp'" in answer.json["msg"]) == (-1102, True)


def test_a_request_needs_a_signature_and_it_is_the_end_of_the_query(caller):
    payload = b"timestamp=%d" % NOW_MS
    signature = caller.hmac(payload).encode()
    assert caller.send(PATH, payload).code == -1102
    assert caller.send(PATH).code == -1102
    assert caller.send(PATH, payload + b"&signature=" + signature).status == 200
    assert caller.send(PATH, b"signature=" + signature + b"&" + payload).code == -1102
    assert caller.send(PATH, payload + b"&signature=" + signature + b"&limit=5").code == -1022


@pytest.mark.parametrize("raw", ["symbol=币安人生USDT".encode(), b'symbol="BTC"', b"symbol=[BTC]"])
def test_what_is_not_percent_encoded_is_refused_even_if_signed(caller, raw):
    assert caller.signed(PATH, raw + b"&timestamp=%d" % NOW_MS).code == -1022


def test_the_bytes_that_are_signed_are_the_bytes_that_are_verified(caller):
    """Encoding once more, or in another case, is another string."""
    payload = b"symbol=%%E5%%B8%%81%%E5%%AE%%89%%E4%%BA%%BA%%E7%%94%%9FUSDT&timestamp=%d" % NOW_MS
    signature = caller.hmac(payload).encode()
    assert caller.send(PATH, payload + b"&signature=" + signature).status == 200
    assert (
        caller.send(PATH, payload.lower().replace(b"usdt", b"USDT") + b"&signature=" + signature).code
        == -1022
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nothing_but_get_is_allowed(caller, endpoint, method):
    answer = caller.send(ENDPOINTS[endpoint].path, b"timestamp=%d" % NOW_MS, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


def test_other_paths_do_not_exist(caller):
    for path in (
        "/",
        "/fapi/v1/order",
        "/fapi/v2/forceOrders",
        "/fapi/v1/forceOrders/",
        "/dapi/v1/um/forceOrders",
    ):
        assert caller.send(path).status == 404
    assert [request.endpoint for request in caller.simulator.requests] == [""] * 5


def test_a_connection_is_kept_alive(caller):
    connection = http.client.HTTPConnection(caller.simulator.url.removeprefix("http://"))
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/fapi/v1/time")
        connection.getresponse().read()
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1


def test_only_loopback_is_bound(caller):
    assert caller.simulator.url.startswith("http://127.0.0.1:")
    assert caller.simulator._server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST", 200),
        ("rebound.example", 421),
        ("rebound.example:{port}", 421),
        ("127.0.0.1.rebound.example", 421),
        ("localhost.rebound.example:{port}", 421),
        ("", 421),
    ],
)
def test_only_what_is_addressed_to_this_machine_is_answered(caller, host, status):
    port = int(caller.simulator.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/fapi/v1/time", skip_host=True)
    connection.putheader("Host", host.format(port=port))
    connection.endheaders()
    answered = connection.getresponse()
    assert answered.status == status
    assert (b"serverTime" in answered.read()) is (status == 200)
    connection.close()
    assert len(caller.simulator.requests) == (1 if status == 200 else 0)
