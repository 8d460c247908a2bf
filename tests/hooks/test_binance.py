"""`BinanceHook`: an Airflow connection from the environment becomes a client that signs with its key."""

from __future__ import annotations

import logging
import re
from functools import partial
from types import SimpleNamespace

import pytest
from airflow.sdk import Connection

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.paging import PageQuery
from airflow_provider_binance_liq.exceptions import InvalidConnection
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.get_provider_info import get_provider_info
from airflow_provider_binance_liq.hooks.binance import BinanceHook
from airflow_provider_binance_liq.simulator import Fault, Settings, Simulator


@pytest.fixture
def exchange():
    with Simulator(Settings(seed=3, accounts=("desk",), clock_offset_ms=2500)) as running:
        yield running


@pytest.fixture
def define(connect_to, exchange):
    return partial(connect_to, exchange, account="desk")


def test_the_hook_is_the_one_that_the_provider_names():
    (connection_type,) = get_provider_info()["connection-types"]
    assert connection_type["hook-class-name"] == f"{BinanceHook.__module__}.{BinanceHook.__qualname__}"
    assert connection_type["connection-type"] == BinanceHook.conn_type
    assert connection_type["hook-name"] == BinanceHook.hook_name
    assert BinanceHook.default_conn_name == "binance_default"
    assert BinanceHook(binance_conn_id="other").binance_conn_id == "other"


def test_a_connection_becomes_an_account_with_its_label(define, exchange):
    define("binance_desk", extra={"account": "desk-7", "weight_share": "0.3"})
    account = BinanceHook("binance_desk").account()
    assert account.label == "desk-7"
    assert account.settings.api_key == exchange.credentials("desk").api_key
    assert account.settings.weight_share == 0.3
    assert set(account.settings.origins.values()) == {exchange.url}


def test_without_a_label_the_account_is_called_like_its_connection(define):
    define("binance_desk")
    assert BinanceHook("binance_desk").account_label() == "binance_desk"


def test_the_client_reads_every_endpoint_with_the_connections_key(define, exchange):
    define()
    client = BinanceHook().get_conn()
    assert isinstance(client, BinanceClient)
    for endpoint in ENDPOINTS.values():
        number = 1 if not endpoint.is_by_time else None
        client.fetch(endpoint, PageQuery(exchange.now_ms - 1000, exchange.now_ms, number=number))
    client.close()
    assert {request.account for request in exchange.requests if request.has_key} == {"desk"}


def test_a_connection_that_does_not_exist_is_not_retried_and_says_how_to_create_it():
    expected = (
        r"^connection 'nosuch' does not exist; create it \(type Binance\) in the UI or with "
        "'airflow connections add', or correct binance_conn_id$"
    )
    with pytest.raises(InvalidConnection, match=expected):
        BinanceHook("nosuch").account()


def test_a_mistake_in_the_connection_names_it(define):
    define("binance_desk", extra={"recv_window_ms": 999_999})
    with pytest.raises(InvalidConnection, match="connection 'binance_desk': recv_window_ms is 999999"):
        BinanceHook("binance_desk").get_conn()


@pytest.mark.parametrize("extra", [{}, None, '{"account": "desk"}', {"account": None, "base_url": ""}])
def test_the_extra_may_be_an_object_a_text_or_nothing(set_connection, extra):
    set_connection("binance_desk", conn_type="binance", login="key", password="secret", extra=extra)
    assert BinanceHook("binance_desk").account().label in ("binance_desk", "desk")


def test_a_connection_may_come_as_a_uri(monkeypatch):
    connection = Connection(
        conn_id="binance_uri",
        conn_type="binance",
        login="key",
        password="se/cr=et",
        extra='{"account":"desk"}',
    )
    monkeypatch.setenv("AIRFLOW_CONN_BINANCE_URI", connection.get_uri())
    account = BinanceHook("binance_uri").account()
    assert (account.label, account.settings.api_key) == ("desk", "key")
    assert account.settings.signer.secret == "se/cr=et"


def test_a_connection_of_another_service_is_refused(set_connection):
    set_connection("aws_default", conn_type="aws", login="AKIA", password="its secret")
    with pytest.raises(InvalidConnection, match="connection 'aws_default': its type is 'aws'"):
        BinanceHook("aws_default").get_conn()


def test_a_connection_in_the_environment_needs_no_type(set_connection):
    set_connection("binance_desk", login="key", password="secret")
    assert BinanceHook("binance_desk").account().settings.api_key == "key"


# --- test_connection ------------------------------------------------------------------------------------


ALL = "USD-M futures, COIN-M futures, portfolio margin, margin and loans"


def test_a_good_connection_reports_its_key_every_family_its_clock_and_the_weight(define):
    define()
    works, said = BinanceHook().test_connection()
    assert works
    verdict, *lines = said.split("\n\N{BULLET}\N{NO-BREAK SPACE}")
    assert verdict == "connection 'binance_default': Everything can be read with this HMAC key."
    assert lines[0] == f"{ALL}: can be read"
    # As far as the answer of a busy machine tells it.
    assert re.fullmatch(r"This machine's clock is [1-4]\.\d s behind Binance's: set it", lines[1])
    assert re.fullmatch(
        r"Weight used in this minute: futures \d+ of 2,400; portfolio margin 1 of 6,000; "
        r"margin and loans 1 of 12,000",
        lines[2],
    )
    assert len(lines) == 3


def test_a_family_that_the_key_may_not_read_is_reported_beside_those_it_may(define, exchange):
    for name, endpoint in ENDPOINTS.items():
        if endpoint.family.name in {"fapi", "dapi"}:
            exchange.add_fault(Fault("http_401_2015", endpoint=name))
    define()
    works, said = BinanceHook().test_connection()
    assert works
    assert "2 of 4 can be read" in said
    assert "Portfolio margin, margin and loans: can be read" in said
    assert "USD-M futures, COIN-M futures: not allowed with this key (-2015)" in said


def test_a_key_that_may_read_nothing_fails_and_says_what_to_check(define):
    define(login="A" * 64)
    works, said = BinanceHook().test_connection()
    assert not works
    assert "Nothing can be read" in said
    assert f"{ALL}: Binance refuses the key (-2015). Check: it is complete" in said
    assert "A" * 64 not in said


def test_a_wrong_secret_fails_and_is_not_shown(define):
    define(password="not-the-secret")
    works, said = BinanceHook().test_connection()
    assert not works
    assert f"{ALL}: the secret or private key does not belong to this API key (-1022)" in said
    assert "not-the-secret" not in said


def test_an_exchange_that_cannot_be_reached_fails_soon(define, exchange):
    define(extra={"timeout_s": 300})
    exchange.stop()
    works, said = BinanceHook().test_connection()
    assert not works
    assert f"{ALL}: the connection is refused" in said


def test_a_ban_is_reported_and_not_waited_for(define, exchange):
    exchange.add_fault(Fault("http_418", seconds=3600))
    define()
    works, said = BinanceHook().test_connection()
    assert not works
    assert f"{ALL}: this machine's IP address is banned until 20" in said
    assert exchange.stats.during_ban == 0


def test_airflows_api_tests_under_a_random_name_which_is_not_reported(define, monkeypatch):
    define("aB3dE6gH", extra={"environment": "moon"})
    assert BinanceHook("aB3dE6gH").test_connection() == (
        False,
        "environment is 'moon'; it has to be one of production, demo",
    )
    define("aB3dE6gH")
    assert BinanceHook("aB3dE6gH").test_connection()[1].startswith("Everything can be read")


@pytest.mark.parametrize(("spent", "left"), [(1.5, 2.5), (60.0, 1.0)])
def test_what_reading_the_connection_takes_is_taken_off_the_time_of_the_families(
    define, monkeypatch, spent, left
):
    from airflow_provider_binance_liq.exchange import trial

    clock, asked, account = SimpleNamespace(now=100.0), [], BinanceHook.account

    def slow(self):
        clock.now += spent
        return account(self)

    def try_families(settings, within_s):
        asked.append(within_s)
        return []

    monkeypatch.setattr(
        "airflow_provider_binance_liq.hooks.binance.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    monkeypatch.setattr(BinanceHook, "account", slow)
    monkeypatch.setattr(trial, "try_families", try_families)
    hook = BinanceHook(define())
    hook.test_connection()
    assert asked == [left]


def test_a_mistake_in_the_connection_is_the_answer_of_the_test(define):
    define(extra={"environment": "moon"})
    assert BinanceHook().test_connection() == (
        False,
        "connection 'binance_default': environment is 'moon'; it has to be one of production, demo",
    )


def test_a_test_spends_little_weight(define, exchange):
    define()
    BinanceHook().test_connection()
    assert exchange.stats.weight <= 110


def test_the_secrets_are_masked_in_airflows_logs(define, exchange, caplog, monkeypatch):
    masked = []
    monkeypatch.setattr("airflow_provider_binance_liq.hooks.binance.mask_secret", masked.append)
    define(extra={"private_key_passphrase": "geheim"})
    with caplog.at_level(logging.DEBUG):
        BinanceHook().account()
    credentials = exchange.credentials("desk")
    assert masked == [credentials.api_key, credentials.secret, "geheim"]
    assert credentials.secret not in caplog.text
