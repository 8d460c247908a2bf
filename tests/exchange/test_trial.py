"""The test of a connection: it ends in time whatever the hosts do, and leaves no thread and no socket."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from support.scripted import HANG_UP, ScriptedServer, reply

from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.exchange.client import ClientSettings
from airflow_provider_binance_liq.exchange.trial import try_families
from airflow_provider_binance_liq.exchange.trial_report import report
from airflow_provider_binance_liq.simulator import Fault, Settings, Simulator

WITHIN_S = 1.0
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ALL = "USD-M futures, COIN-M futures, portfolio margin, margin and loans"


class SilentHost:
    """Accepts connections, and says nothing, or a byte from time to time."""

    def __init__(self, says=b""):
        self._says = says
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.connections = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        for one in (self._server, *self.connections):
            one.close()

    def _accept(self):
        self._server.settimeout(0.05)
        while not self._ended.is_set():
            with suppress(TimeoutError):
                self.connections.append(self._server.accept()[0])
            for one in self.connections:
                self._say(one)

    def _say(self, connection):
        try:
            connection.sendall(self._says)
        except OSError:
            self._says = b""

    def are_closed(self):
        """Whether the other side has closed every connection."""
        return all(self._is_closed(one) for one in self.connections)

    def _is_closed(self, connection):
        connection.settimeout(2)
        try:
            while connection.recv(4096):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


def settings(url, secret=SECRET, **known):
    return ClientSettings(
        api_key="K" * 64, signer=HmacSigner(secret), origins=dict.fromkeys(FAMILIES, url), **known
    )


def reach(exchange, **known):
    credentials = exchange.credentials()
    given = {"api_key": credentials.api_key, "signer": HmacSigner(credentials.secret), **known}
    return ClientSettings(origins=dict.fromkeys(FAMILIES, exchange.url), **given)


@contextmanager
def lasting_at_most(seconds):
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun <= seconds


def left_over():
    """The threads of a test that are still there; each may need a moment to end."""
    deadline = time.monotonic() + 1
    while threads := [one for one in threading.enumerate() if one.name.startswith("test of ")]:
        if time.monotonic() > deadline:
            return threads
        time.sleep(0.01)
    return []


@pytest.mark.parametrize(
    "says", [b"", b"x", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"]
)
def test_a_host_that_is_silent_or_drips_ends_at_the_deadline_with_its_sockets_and_threads(says):
    with SilentHost(says) as host:
        with lasting_at_most(WITHIN_S + 0.6):
            outcomes = try_families(settings(host.url, timeout_s=300), WITHIN_S)
        assert {one.family for one in outcomes} == set(FAMILIES)
        assert not any(one.offset_ms for one in outcomes)
        assert report(outcomes, "HMAC")[0] is False
        assert left_over() == []
        assert host.connections
        assert host.are_closed()


def test_of_a_silent_host_it_is_said_that_no_answer_came():
    with SilentHost() as host:
        works, said = report(try_families(settings(host.url), WITHIN_S), "HMAC")
    assert (works, said.count("\n")) == (False, 1)
    assert f"{ALL}: no answer in time. Check the network" in said


def test_one_silent_host_keeps_no_other_family_from_being_reported():
    with SilentHost() as host, Simulator(Settings(seed=3), port=0) as exchange:
        origins = dict.fromkeys(FAMILIES, exchange.url) | {"sapi": host.url}
        known = reach(exchange)
        with lasting_at_most(WITHIN_S + 0.6):
            outcomes = try_families(
                ClientSettings(api_key=known.api_key, signer=known.signer, origins=origins), WITHIN_S
            )
    works, said = report(outcomes, "HMAC")
    assert works
    assert "3 of 4 can be read" in said
    assert "Margin and loans: no answer in time" in said


def test_a_silent_first_family_does_not_use_up_the_time_of_the_others():
    with SilentHost() as host, Simulator(Settings(seed=3), port=0) as exchange:
        known = reach(exchange)
        origins = dict.fromkeys(FAMILIES, exchange.url) | {"fapi": host.url}
        outcomes = try_families(
            ClientSettings(api_key=known.api_key, signer=known.signer, origins=origins), 2.0
        )
    by_family = {one.family: one for one in outcomes}
    assert by_family["fapi"].late
    # Portfolio margin has no clock, and borrows the one of the silent family.
    assert by_family["papi"].late
    assert not by_family["dapi"].late
    assert not by_family["sapi"].late


@pytest.mark.slow
def test_the_deadline_that_users_wait_for_is_below_five_seconds():
    with SilentHost() as host, lasting_at_most(5):
        try_families(settings(host.url, timeout_s=300))


@pytest.mark.parametrize("offset_s", [-3600, 3600])
def test_a_clock_that_is_an_hour_off_is_reported_and_keeps_nobody_from_reading(offset_s):
    with Simulator(Settings(seed=3, clock_offset_ms=offset_s * 1000), port=0) as exchange:
        works, said = report(try_families(reach(exchange)), "Ed25519")
    assert works
    assert "Everything can be read with this Ed25519 key" in said
    way = "behind" if offset_s > 0 else "ahead of"
    assert f"This machine's clock is 1 h 0 min {way} Binance's: set it" in said


@pytest.mark.parametrize(
    ("kind", "expected"), [("http_418", "is banned until"), ("http_429", "Test again after")]
)
def test_a_ban_and_a_limit_are_reported_and_the_other_families_send_nothing_during_a_ban(kind, expected):
    with Simulator(Settings(seed=3), port=0) as exchange:
        exchange.add_fault(Fault(kind, seconds=3600))
        with lasting_at_most(2):
            _, said = report(try_families(reach(exchange)), "HMAC")
        assert expected in said
        assert exchange.stats.during_ban == 0
        assert exchange.stats.during_hold == 0


def test_the_demo_environment_is_asked_for_what_it_has():
    with Simulator(Settings(seed=3), port=0) as exchange:
        known = reach(exchange)
        origins = {name: exchange.url for name, family in FAMILIES.items() if "demo" in family.origins}
        outcomes = try_families(ClientSettings(api_key=known.api_key, signer=known.signer, origins=origins))
    works, said = report(outcomes, "HMAC")
    assert works
    assert "USD-M futures, COIN-M futures: can be read" in said
    assert "margin" not in said


def test_what_is_no_exchange_is_reported_with_its_status():
    with ScriptedServer(
        otherwise=reply(403, b"<html>no</html>"), clock_script=[reply(403, b"<html>")] * 4
    ) as host:
        works, said = report(try_families(settings(host.url)), "HMAC")
    assert not works
    assert "HTTP 403" in said
    assert "firewall" in said
    # Once, although each family was refused at a path of its own.
    assert said.count("HTTP 403") == 1


def test_no_secret_and_no_signature_is_reported_whatever_an_answer_echoes():
    def echo(request):
        return reply(400, {"code": -1102, "msg": f"bad: {request.line} {request.headers}"})

    with ScriptedServer(script=[echo] * 9) as host:
        _, said = report(try_families(settings(host.url)), "HMAC")
    assert "-1102" in said
    assert "K" * 8 not in said
    assert SECRET not in said
    assert "signature=***" in said or "signature" not in said


def test_a_connection_that_is_cut_is_reported():
    with ScriptedServer(clock_script=[HANG_UP] * 4) as host:
        works, said = report(try_families(settings(host.url)), "HMAC")
    assert not works
    assert ": the connection was cut" in said
