"""A connection is read by name, and each mistake in it has a message of its own."""

from __future__ import annotations

import json
import os
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from airflow_provider_binance_liq.core.signing import Ed25519Signer, HmacSigner, RsaSigner
from airflow_provider_binance_liq.exceptions import InvalidConnection
from airflow_provider_binance_liq.exchange.connection import Fields, read_account, read_label
from airflow_provider_binance_liq.get_provider_info import get_provider_info

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PASSPHRASE = "correct horse battery"
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EXTRAS = (
    "private_key_path",
    "private_key_passphrase",
    "environment",
    "base_url",
    "account",
    "recv_window_ms",
    "weight_share",
    "futures_weight_limit",
    "papi_weight_limit",
    "sapi_weight_limit",
    "coordinate",
    "timeout_s",
    "weight_share_percent",
)
#: of connections that are written by hand: the form has the share in percent
NOT_IN_THE_FORM = {"weight_share"}


def pem(key, passphrase=None):
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def fields(login=KEY, password=SECRET, conn_id="binance_default", **extra):
    return Fields(conn_id, login, password, json.dumps(extra))


def read(**known):
    return read_account(fields(**known))


# --- what may be there ----------------------------------------------------------------------------------


def test_key_and_secret_are_enough():
    account = read_account(Fields("binance_default", KEY, SECRET, None))
    settings = account.settings
    assert account.label == "binance_default"
    assert settings.api_key == KEY
    assert settings.signer == HmacSigner(SECRET)
    assert (settings.recv_window_ms, settings.weight_share, settings.timeout_s) == (5000, 0.5, 10)
    assert settings.origins == {
        "fapi": "https://fapi.binance.com",
        "dapi": "https://dapi.binance.com",
        "papi": "https://papi.binance.com",
        "sapi": "https://api.binance.com",
    }


@pytest.mark.parametrize("value", [None, ""])
def test_what_a_form_writes_for_untouched_fields_counts_as_unset(value):
    assert read(**dict.fromkeys(EXTRAS, value)) == read()


@pytest.mark.parametrize("extra", [None, "", "{}", "  {} "])
def test_a_connection_may_have_no_extra_at_all(extra):
    assert read_account(Fields("c", KEY, SECRET, extra)).label == "c"


@pytest.mark.parametrize("name", EXTRAS)
def test_every_extra_of_the_form_is_read_and_every_extra_that_is_read_is_in_the_form(name):
    (connection_type,) = get_provider_info()["connection-types"]
    assert (name in connection_type["conn-fields"]) == (name not in NOT_IN_THE_FORM)
    assert set(connection_type["conn-fields"]) == set(EXTRAS) - NOT_IN_THE_FORM


def test_extras_that_nobody_knows_are_passed_over():
    assert read(region="eu", __extra__="x") == read()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("recv_window_ms", 60_000, 60_000),
        ("recv_window_ms", 1, 1),
        ("recv_window_ms", "7500", 7500),
        ("recv_window_ms", 7500.0, 7500),
        ("weight_share", 0.01, 0.01),
        ("weight_share", 1, 1),
        ("weight_share", "0.25", 0.25),
        ("timeout_s", 0.1, 0.1),
        ("timeout_s", 300, 300),
        ("timeout_s", " 30 ", 30),
    ],
)
def test_numbers_may_be_texts_and_may_stand_on_their_bounds(name, value, expected):
    assert getattr(read(**{name: value}).settings, name) == expected


def test_limits_that_the_user_knows_better_are_by_pool():
    settings = read(futures_weight_limit=1200, sapi_weight_limit="6000", papi_weight_limit=None).settings
    assert settings.weight_limits == {"futures": 1200, "sapi": 6000}
    assert read().settings.weight_limits == {}


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, True),
        ({"base_url": "https://proxy.example"}, True),
        ({"base_url": "http://127.0.0.1:8080"}, False),
        ({"base_url": "http://localhost:1"}, False),
        ({"base_url": "http://127.0.0.1:8080", "coordinate": True}, True),
        ({"coordinate": False}, False),
        ({"coordinate": "false"}, False),
        ({"base_url": "http://127.0.0.1:8080", "coordinate": "True"}, True),
        ({"base_url": "http://127.0.0.1:8080", "coordinate": "shared"}, True),
        ({"coordinate": "alone"}, False),
    ],
)
def test_others_are_taken_to_ask_from_the_same_address_but_where_the_exchange_is_this_machine(
    extra, expected
):
    assert read(**extra).settings.coordinate is expected


@pytest.mark.parametrize(
    ("extra", "share"),
    [
        ({"weight_share_percent": 30}, 0.3),
        ({"weight_share_percent": "7"}, 0.07),
        ({"weight_share_percent": 1}, 0.01),
        ({"weight_share_percent": 100}, 1),
        ({"weight_share_percent": 12.5}, 0.125),
        ({"weight_share": 0.07, "weight_share_percent": 7}, 0.07),
        ({"weight_share": "0.3", "weight_share_percent": None}, 0.3),
        ({"weight_share": "", "weight_share_percent": ""}, 0.5),
    ],
)
def test_the_share_may_be_a_fraction_or_in_percent(extra, share):
    assert read(**extra).settings.weight_share == share


def test_blanks_around_key_and_secret_are_not_part_of_them():
    settings = read(login=f" {KEY}\n", password=f"\t{SECRET} ").settings
    assert (settings.api_key, settings.signer) == (KEY, HmacSigner(SECRET))


@pytest.mark.parametrize(("key", "kind"), [(RSA_KEY, RsaSigner), (ED25519_KEY, Ed25519Signer)])
def test_a_private_key_may_be_pasted_or_lie_in_a_file(key, kind, tmp_path):
    (tmp_path / "key.pem").write_text(pem(key))
    assert isinstance(read(password=pem(key)).settings.signer, kind)
    assert isinstance(read(password="", private_key_path=str(tmp_path / "key.pem")).settings.signer, kind)
    assert isinstance(read(password=None, private_key_path=str(tmp_path / "key.pem")).settings.signer, kind)


def test_a_private_key_in_the_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key.pem").write_text(pem(ED25519_KEY))
    assert isinstance(read(password="", private_key_path="~/key.pem").settings.signer, Ed25519Signer)


def test_an_encrypted_private_key_is_opened_by_its_passphrase():
    secret = pem(ED25519_KEY, PASSPHRASE).replace("\n", " ")
    assert isinstance(read(password=secret, private_key_passphrase=PASSPHRASE).settings.signer, Ed25519Signer)


def test_the_demo_environment_has_the_futures_only():
    assert read(environment="demo").settings.origins == {
        "fapi": "https://demo-fapi.binance.com",
        "dapi": "https://demo-dapi.binance.com",
    }


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://proxy.example:8443", "https://proxy.example:8443"),
        ("https://proxy.example/", "https://proxy.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        (" https://proxy.example ", "https://proxy.example"),
    ],
)
def test_a_base_url_serves_every_family(url, origin):
    assert read(base_url=url).settings.origins == dict.fromkeys(("fapi", "dapi", "papi", "sapi"), origin)


@pytest.mark.parametrize("label", ["desk", "desk-7", "a.b_c@d+e", "账户", "7"])
def test_an_account_has_the_label_it_is_given(label):
    assert read(account=label).label == label
    assert read_label(fields(account=label)) == label


def test_the_label_alone_needs_no_key():
    assert read_label(Fields("binance_desk", None, None, None)) == "binance_desk"


# --- what may not ---------------------------------------------------------------------------------------

MISTAKES = {
    "no key": ({"login": None}, "the login is empty; it has to be the API key"),
    "an empty key": ({"login": ""}, "the login is empty; it has to be the API key"),
    "a blank key": ({"login": "  "}, "the login is empty"),
    "a key of two words": ({"login": "two words"}, "the login is not an API key"),
    "a key with a line break inside": ({"login": "a\r\nX-Evil: b"}, "the login is not an API key"),
    "a key outside of ASCII": ({"login": "schlüssel"}, "the login is not an API key"),
    "no secret": ({"password": None}, "no password"),
    "an empty secret": ({"password": ""}, "no password"),
    "a secret of two words": ({"password": "two words"}, "neither a PEM private key nor an HMAC secret"),
    "a PEM that is none": (
        {"password": "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----"},
        "PEM private key cannot be read",
    ),
    "half a PEM": ({"password": pem(ED25519_KEY)[:60]}, "no whole BEGIN … END block"),
    "an encrypted PEM without a passphrase": (
        {"password": pem(ED25519_KEY, PASSPHRASE)}, "[Pp]assword was not given",
    ),
    "an unknown environment": ({"environment": "testnet"}, "environment is 'testnet'; .* production, demo"),
    "an environment in capitals": ({"environment": "Production"}, "environment is 'Production'"),
    "an environment that is a number": ({"environment": 1}, "environment is 1; it has to be a text"),
    "too long a recvWindow": (
        {"recv_window_ms": 999_999}, "recv_window_ms is 999999; it has to be a number from 1 to 60000",
    ),
    "no recvWindow at all": ({"recv_window_ms": 0}, "recv_window_ms is 0"),
    "half a millisecond": ({"recv_window_ms": 5000.5}, "recv_window_ms is 5000.5; .* whole number"),
    "a recvWindow that is a word": ({"recv_window_ms": "long"}, "recv_window_ms is 'long'"),
    "a recvWindow that is true": ({"recv_window_ms": True}, "recv_window_ms is True"),
    "a recvWindow that is a list": ({"recv_window_ms": [5000]}, r"recv_window_ms is \[5000\]"),
    "more than the whole weight": ({"weight_share": 1.5}, "weight_share is 1.5; .* from 0.01 to 1"),
    "no weight": ({"weight_share": 0}, "weight_share is 0"),
    "a weight of false": ({"weight_share": False}, "weight_share is False"),
    "a weight that is no number": ({"weight_share": "nan"}, "weight_share is 'nan'"),
    "a share of seven times the whole": (
        {"weight_share_percent": 700}, "weight_share_percent is 700; .* from 1 to 100",
    ),
    "a fraction in place of percents": ({"weight_share_percent": 0.5}, "weight_share_percent is 0.5; .* 1"),
    "two shares": (
        {"weight_share": 0.5, "weight_share_percent": 30},
        "weight_share is 0.5 and weight_share_percent is 30, which are different shares; keep one of them",
    ),
    "an endless timeout": ({"timeout_s": "inf"}, "timeout_s is 'inf'; .* from 0.1 to 300"),
    "a negative timeout": ({"timeout_s": -1}, "timeout_s is -1"),
    "no limit at all": ({"futures_weight_limit": 0}, "futures_weight_limit is 0; .* from 1 to 1000000"),
    "half a limit": ({"papi_weight_limit": 0.5}, "papi_weight_limit is 0.5"),
    "a limit that is a word": ({"sapi_weight_limit": "much"}, "sapi_weight_limit is 'much'"),
    "a maybe": ({"coordinate": "maybe"}, "coordinate is 'maybe'; it has to be true or false"),
    "a number for yes": ({"coordinate": 1}, "coordinate is 1; it has to be true or false"),
    "a label with a slash": ({"account": "a/b"}, "account 'a/b' cannot be used"),
    "a label that leads upwards": ({"account": ".."}, r"account '\.\.' cannot be used"),
    "a label with an equals sign": ({"account": "a=b"}, "account 'a=b' cannot be used"),
    "a label with a line break": ({"account": "a\n"}, "cannot be used"),
    "a label that is a number": ({"account": 7}, "account is 7; it has to be a text"),
    "a connection id that is no label": ({"conn_id": "my conn"}, "account 'my conn' cannot be used"),
    "plain http to a public host": (
        {"base_url": "http://proxy.example"}, "plain http is for this machine alone, use https",
    ),
    "plain http to what looks like loopback": (
        {"base_url": "http://localhost.example.com"}, "plain http is for this machine alone",
    ),
    "plain http to the whole network": ({"base_url": "http://0.0.0.0:80"}, "plain http is for this machine"),
    "a host without a scheme": ({"base_url": "proxy.example"}, "an origin alone|begin with https"),
    "another scheme": ({"base_url": "ftp://proxy.example"}, "has to begin with https://"),
    "a file": ({"base_url": "file:///etc"}, "base_url"),
    "a URL with a path": ({"base_url": "https://proxy.example/binance"}, "an origin alone"),
    "a URL with a query": ({"base_url": "https://proxy.example?x=y"}, "an origin alone"),
    "a URL with a user": ({"base_url": "https://user:geheim@proxy.example"}, "an origin alone"),
    "a URL with a port that is none": ({"base_url": "https://proxy.example:port"}, "base_url is not a URL"),
    "a URL with half an address": ({"base_url": "https://[::1"}, "base_url is not a URL"),
    "a URL that is a number": ({"base_url": 8080}, "base_url is 8080; it has to be a text"),
    "a passphrase that is a number": ({"private_key_passphrase": 12345678}, "private_key_passphrase"),
    "both a secret and a file": ({"private_key_path": "/key.pem"}, "both a password and a private_key_path"),
    "a file that is not there": (
        {"password": "", "private_key_path": "/no/such/key.pem"},
        "private_key_path '/no/such/key.pem' cannot be read: No such file",
    ),
    "a directory": ({"password": "", "private_key_path": "/"}, "cannot be read: Is a directory"),
    "a path that no file can have": ({"password": "", "private_key_path": "a\0b"}, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("known", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_by_the_connection_and_the_field(known, message):
    with pytest.raises(InvalidConnection, match=message) as caught:
        read(**known)
    assert str(caught.value).startswith(f"connection {known.get('conn_id', 'binance_default')!r}: ")


@pytest.mark.parametrize(("known", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_message_about_a_mistake_shows_no_secret(known, message):
    with pytest.raises(InvalidConnection) as caught:
        read(**known)
    error, shown = caught.value, ""
    while error is not None:
        shown += f"{error!s}{error!r}{error.args!r}{vars(error)!r}"
        error = error.__cause__ or error.__context__
    shown += pickle.dumps(caught.value).decode("latin-1")
    hidden = [SECRET, KEY, PASSPHRASE, "geheim", "12345678", pem(ED25519_KEY).splitlines()[1]]
    hidden += [text for text in (known.get("password"), known.get("login")) if text and len(text) > 5]
    assert [text for text in hidden if text in shown] == []


@pytest.mark.parametrize("extra", ["[]", "null", '"text"', "{", "a=b", "5"])
def test_an_extra_that_is_no_json_object_is_reported(extra):
    with pytest.raises(InvalidConnection, match="the extra is not a JSON object"):
        read_account(Fields("c", KEY, SECRET, extra))


def test_a_file_that_is_no_pem_is_reported(tmp_path):
    (tmp_path / "key.der").write_bytes(b"\x30\x82\xff\xfe")
    with pytest.raises(InvalidConnection, match="cannot be read: it is not a PEM file"):
        read(password="", private_key_path=str(tmp_path / "key.der"))


@pytest.mark.parametrize(
    "text", ["", "\n", SECRET, f"{SECRET}\n", "ssh-ed25519 AAAA", "-----", "secret-----secret", "x" * 100_000]
)
def test_a_file_that_is_no_pem_never_becomes_a_secret(tmp_path, text):
    (tmp_path / "key.pem").write_text(text)
    with pytest.raises(InvalidConnection, match=r"key.pem' cannot be read: it is not a PEM file") as caught:
        read(password="", private_key_path=str(tmp_path / "key.pem"))
    assert SECRET not in str(caught.value)


def test_a_pipe_that_nobody_writes_into_is_reported_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "key.pem")
    with pytest.raises(InvalidConnection, match=r"key.pem' cannot be read: it is not a regular file"):
        read(password="", private_key_path=str(tmp_path / "key.pem"))


def test_half_a_pem_in_a_file_is_reported_as_that(tmp_path):
    (tmp_path / "key.pem").write_text(pem(ED25519_KEY)[:60])
    with pytest.raises(InvalidConnection, match="no whole BEGIN … END block"):
        read(password="", private_key_path=str(tmp_path / "key.pem"))


@pytest.mark.parametrize("kind", ["binance", "generic", "", None])
def test_a_connection_may_be_of_this_type_or_of_none(kind):
    assert read_account(Fields("c", KEY, SECRET, None, kind)).settings.api_key == KEY


@pytest.mark.parametrize("kind", ["aws", "http", "https", "postgres", "Binance", "binance_spot"])
def test_a_connection_of_another_type_is_refused_and_its_password_goes_nowhere(kind):
    with pytest.raises(InvalidConnection, match=f"connection 'c': its type is '{kind}'") as caught:
        read_account(Fields("c", KEY, SECRET, None, kind))
    assert "give that one the type 'binance'" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(InvalidConnection) as caught:
        read(login="", password="two words", environment="moon", futures_weight_limit=0, base_url=7)
    assert str(caught.value) == (
        "connection 'binance_default': 5 mistakes: (1) the login is empty; it has to be the API key; "
        "(2) the password is neither a PEM private key nor an HMAC secret: it holds spaces, line breaks or "
        "characters outside of ASCII; (3) environment is 'moon'; it has to be one of production, demo; "
        "(4) futures_weight_limit is 0; it has to be a number from 1 to 1000000; "
        "(5) base_url is 7; it has to be a text"
    )


def test_of_another_services_connection_nothing_else_is_reported():
    with pytest.raises(InvalidConnection) as caught:
        read_account(Fields("c", "", "two words", '{"timeout_s": 0}', "aws"))
    assert "mistakes" not in str(caught.value)


def test_mistakes_differ_in_their_messages():
    messages = set()
    for known, _ in MISTAKES.values():
        with pytest.raises(InvalidConnection) as caught:
            read(**known)
        messages.add(str(caught.value))
    assert len(messages) > len(MISTAKES) - 15


# --- secrets --------------------------------------------------------------------------------------------


def test_what_must_never_be_shown_is_listed_for_masking():
    secret = pem(ED25519_KEY, PASSPHRASE)
    known = fields(password=secret, private_key_passphrase=PASSPHRASE)
    assert known.secrets() == [KEY, secret, PASSPHRASE]
    assert Fields("c", None, "", "{").secrets() == []


def test_an_account_shows_neither_key_nor_secret():
    shown = repr(read())
    assert KEY not in shown
    assert SECRET not in shown


def test_the_fields_of_a_connection_show_neither_key_nor_secret():
    shown = repr(fields(private_key_passphrase=PASSPHRASE))
    assert [text for text in (KEY, SECRET, PASSPHRASE) if text in shown] == []
