"""A probe against a simulated exchange, over HTTP on loopback, in the time of the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from interrupts import interrupt

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.exchange.connection import Account
from airflow_provider_binance_liq.probe.account import Scope, probe_account

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.probe_report import EndpointReport, ProbeReport


@dataclass
class Probed:
    """What a probe of one endpoint came to."""

    report: ProbeReport
    stopped: str | None
    exchange: Any
    plan: Scope
    secret: str
    api_key: str

    @property
    def endpoint(self) -> EndpointReport:
        (one,) = self.report.endpoints.values()
        return one

    @property
    def learnt(self):
        return self.endpoint.learnt

    def verdict(self, code):
        return self.endpoint.premises[code].verdict

    @property
    def spent(self):
        """What the exchange counts."""
        return self.exchange.stats.weight


@pytest.fixture
def probe(start, monkeypatch):
    """Probe endpoints of an exchange with given rows and knobs."""

    def run(
        endpoint,
        rows=(),
        *,
        endpoints=None,
        faults=(),
        days=90,
        near_ms=None,
        most_weight=None,
        interrupt_at=None,
        seeded=False,
        **knobs,
    ):
        names = endpoints or (endpoint,)
        given = rows if isinstance(rows, dict) else {endpoint: list(rows)}
        running = start(None if seeded else given, **knobs)
        for fault in faults:
            running.exchange.add_fault(fault)
        account = Account("desk", running.reach)
        plan = Scope(tuple(map(get_endpoint, names)), days, near_ms, most_weight)
        if interrupt_at is not None:
            interrupt(monkeypatch, interrupt_at)
        report, stopped = probe_account(account, plan, **running.world.arguments)
        key = running.exchange.credentials()
        return Probed(report, stopped, running.exchange, plan, key.secret, key.api_key)

    return run
