"""A whole account: the key's permissions first, then each endpoint, then what follows from both."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.probe_report import ProbeReport
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.probe.asking import (
    PERMISSIONS_WEIGHT,
    PUBLIC_WEIGHT,
    SENDS,
    ProbeReader,
    Stopped,
)
from airflow_provider_binance_liq.probe.endpoint import not_asked, probe_endpoint, weight_of
from airflow_provider_binance_liq.probe.explanations import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.probe_report import EndpointReport
    from airflow_provider_binance_liq.exchange.connection import Account

#: family → what a key needs there besides reading, if reading is not enough; the names are apiRestrictions'
_NEEDS: Final[Mapping[str, str]] = {"fapi": "enableFutures", "dapi": "enableFutures", "sapi": "enableMargin"}
#: papi's permission, which a classic account lacks, too
_PORTFOLIO_MARGIN: Final = "enablePortfolioMarginTrading"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked, and what it may cost."""

    endpoints: tuple[Endpoint, ...]
    days: int = ASSUMED_RETENTION_DAYS
    near_ms: int | None = None
    most_weight: int | None = None

    @property
    def families(self) -> list[str]:
        """The families that the endpoints belong to, in the order of the table."""
        wanted = {endpoint.family.name for endpoint in self.endpoints}
        return [name for name in FAMILIES if name in wanted]

    @property
    def public_weight(self) -> int:
        """What clocks, limits and lists of symbols cost at the most."""
        return PUBLIC_WEIGHT * (len(self.families) + 1)

    @property
    def weight(self) -> int:
        """The weight that is spent at the most, over all families and hosts."""
        questions = sum(weight_of(endpoint, self.days) for endpoint in self.endpoints)
        needed = questions + SENDS * PERMISSIONS_WEIGHT + self.public_weight
        return needed if self.most_weight is None else min(needed, self.most_weight)

    def hosts(self, account: Account) -> dict[str, str]:
        """Map each family to the host that is asked."""
        origins = account.settings.origins
        return {name: urlsplit(origins[name]).netloc for name in self.families if name in origins}


def probe_account(
    account: Account,
    scope: Scope,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    uniform: Callable[[float, float], float] = random.uniform,
    notify: Callable[[str], None] = lambda _: None,
) -> tuple[ProbeReport, str | None]:
    """Probe every endpoint of `scope`; beside the report, return why it ended early, if it did.

    An interruption returns what was learnt until then. No request that failed is sent again, so that what is
    spent can be counted; but one that is refused for its timestamp (-1021) is, up to twice, after the clock
    was read again.
    """
    settings = replace(account.settings, attempts=1, max_sleep_s=0.0)
    client = BinanceClient(settings, clock=clock, monotonic=monotonic, sleep=sleep, uniform=uniform)
    most = scope.weight - scope.public_weight

    def asker_of(endpoint: Endpoint) -> ProbeReader:
        return ProbeReader(client, endpoint, most, sleep, clock)

    reports: dict[str, EndpointReport] = {}
    key: dict[str, bool] = {}
    stopped: str | None = None
    try:
        key, stopped = _permissions(asker_of(scope.endpoints[0]), scope, most)
        for endpoint in scope.endpoints:
            if endpoint.family.name not in settings.origins:
                reports[endpoint.name] = not_asked(endpoint, "no_host", "this environment has no such host")
            elif stopped is not None:
                reports[endpoint.name] = not_asked(endpoint, "unavailable", stopped)
            else:
                notify(f"asking {endpoint.name} …")
                found, stopped = probe_endpoint(asker_of(endpoint), scope.days, scope.near_ms)
                reports[endpoint.name] = _with_permission(found, endpoint, key)
    finally:
        client.close()
    report = ProbeReport(
        account=account.label,
        probed_at=iso(int(clock() * 1000)),
        hosts=scope.hosts(account),
        endpoints=reports,
        key=key,
        provider_version=__version__,
    )
    return report, stopped


def _permissions(reader: ProbeReader, scope: Scope, most: int) -> tuple[dict[str, bool], str | None]:
    if most < SENDS * PERMISSIONS_WEIGHT:
        needed = scope.public_weight + SENDS * PERMISSIONS_WEIGHT
        return {}, (
            f"a weight of {scope.weight} does not suffice: clocks, limits, lists of symbols and the key's "
            f"permissions may cost {needed} alone; give a larger --max-weight, or fewer endpoints"
        )
    if "sapi" not in reader.client.settings.origins:
        return {}, None
    try:
        return reader.key_permissions(), None
    except (Stopped, KeyboardInterrupt) as reason:
        return {}, str(reason) or INTERRUPTED


def _with_permission(report: EndpointReport, endpoint: Endpoint, key: Mapping[str, bool]) -> EndpointReport:
    """Add whether a key that may only read is enough, if this key may do no more."""
    family = endpoint.family.name
    needed = _NEEDS.get(family, _PORTFOLIO_MARGIN)
    if not key.get("enableReading") or key.get(needed, True):
        return report
    # papi refuses a classic account with the same code.
    refused = "refused" if report.access == "key_refused" and family != "papi" else None
    found = "suffices" if report.access == "answered" else refused
    return msgspec.structs.replace(report, learnt=msgspec.structs.replace(report.learnt, read_only_key=found))
