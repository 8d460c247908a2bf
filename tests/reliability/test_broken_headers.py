"""An answer whose headers cannot be read: urllib3 warns, with the URL; nothing signed may be read there."""

from __future__ import annotations

import logging

import pytest
from support.scripted import ScriptedServer, Time, reply

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.paging import PageQuery
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.exchange.client import BinanceClient, ClientSettings

FUTURES = get_endpoint("usdm_futures")
KEY, SECRET = "a-key-that-nobody-may-read", "a-secret-that-nobody-may-read"


def broken(request):
    """Answer with a line that is no header, and behind it everything that was sent."""
    echo = f"X-Echo: {request.line} {request.headers}"
    return reply(200, []).replace(b"\r\n\r\n", f"\r\nno header\r\n{echo}\r\n\r\n".encode("latin-1"))


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_a_warning_about_broken_headers_shows_no_signature_and_no_echo_of_the_key(caplog, level):
    world = Time()
    with ScriptedServer(clock=world.clock, script=[broken]) as server:
        settings = ClientSettings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
        client = BinanceClient(settings, **world.arguments)
        with caplog.at_level(level):
            assert client.fetch(FUTURES, PageQuery(1_791_590_400_000, 1_791_676_799_999)).rows == ()
        client.close()
        (asked,) = server.asked
    logged = caplog.text + repr([vars(record) for record in caplog.records])
    assert "Failed to parse headers" in logged
    signature = asked.query.rpartition("signature=")[2]
    assert [text for text in (KEY, SECRET, signature) if text in logged] == []
