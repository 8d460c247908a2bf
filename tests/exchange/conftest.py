"""A client and the exchange that it asks, in the time of the test."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from asking import KEY, SECRET
from support.scripted import ScriptedServer, Time

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.exchange.client import BinanceClient, ClientSettings
from airflow_provider_binance_liq.exchange.throttle import WaitContext


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
            settings = ClientSettings(origins=dict.fromkeys(FAMILIES, url), **arguments)
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
