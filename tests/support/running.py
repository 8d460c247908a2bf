"""Jobs against a simulated exchange, in the time of the test."""

from __future__ import annotations

import gzip

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.probe_report import EndpointReport, Learnt, ProbeReport
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exchange.client import BinanceClient, ClientSettings
from airflow_provider_binance_liq.exchange.connection import Account
from airflow_provider_binance_liq.extraction.job import Job
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake import open_destination

#: 2026-10-01 … 2026-10-07; one of its days has the cascade
WEEK = Window(1_790_812_800_000, 1_790_812_800_000 + 7 * DAY_MS)
START = WEEK.start_ms
NOW_S = (WEEK.end_ms + 5 * DAY_MS) / 1000


def reach_of(exchange):
    """Return what a client has to know of a simulated exchange's first account."""
    credentials = exchange.credentials()
    return ClientSettings(
        api_key=credentials.api_key,
        signer=HmacSigner(credentials.secret),
        origins=dict.fromkeys(FAMILIES, exchange.url),
    )


def probed(**learnt):
    """Return the report of a probe that has learnt something of `usdm_futures`."""
    found = EndpointReport(access="answered", premises={}, learnt=Learnt(**learnt))
    return ProbeReport(account="desk", probed_at="", hosts={}, endpoints={"usdm_futures": found})


class Run:
    """An exchange, a client that lives in its time, and a destination."""

    def __init__(self, exchange, world, directory):
        self.exchange, self.world, self.directory = exchange, world, directory
        self.reach = reach_of(exchange)

    def job(self, endpoint, window, *, symbols=None, auto_close_type=None, **known):
        row = get_endpoint(endpoint)
        return Job(
            endpoint=row,
            window=window,
            filters=Filters.of(row, symbols, auto_close_type),
            account=Account("desk", known.pop("reach", self.reach)),
            destination=known.pop("destination", f"file://{self.directory}/lake"),
            resumable=True,
            **known,
        )

    def run(self, endpoint, window, **known):
        job = self.job(endpoint, window, **known)
        client = BinanceClient(self.reach, **self.world.arguments)
        try:
            return job.run(client=client, clock=self.world.clock)
        finally:
            client.close()

    def rows(self, manifest):
        content = open_destination(manifest.object.uri).read_bytes()
        if manifest.object.compression:
            content = gzip.decompress(content)
        assert content == b"" or content.endswith(b"\n")
        return content.split(b"\n")[:-1]

    def truth(self, endpoint, window):
        return self.exchange.truth(endpoint, start_ms=window.start_ms, end_ms=window.end_ms)

    def cascade(self):
        (day,) = self.exchange.cascade_days(WEEK.start_ms, WEEK.end_ms)
        start = (day.toordinal() - 719_163) * DAY_MS
        return Window(start, start + DAY_MS)
