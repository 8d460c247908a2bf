"""A whole account: the key's permissions first, then each endpoint, then what follows from both."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.core.probe_report import ProbeReport
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.probe.asking import (
    PUBLIC_WEIGHT,
    SENDS,
    Asker,
    Stopped,
    families_of,
    read_permissions,
)
from airflow_provider_binance_liq.probe.endpoint import probe_endpoint, unasked, weight_of
from airflow_provider_binance_liq.probe.why import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.probe_report import EndpointReport
    from airflow_provider_binance_liq.exchange.connection import Account

#: family → what a key needs there besides reading, if reading is not enough; the names are apiRestrictions'
_NEEDS: Final[Mapping[str, str]] = {"fapi": "enableFutures", "dapi": "enableFutures", "sapi": "enableMargin"}
#: papi's permission tells a classic account, too
_PORTFOLIO_MARGIN: Final = "enablePortfolioMarginTrading"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked, and what it may cost."""

    endpoints: tuple[Endpoint, ...]
    days: int = 90
    near_ms: int | None = None
    most_weight: int | None = None

    @property
    def public_weight(self) -> int:
        """What clocks, limits and lists of symbols cost at the most."""
        return PUBLIC_WEIGHT * (len(families_of(list(self.endpoints))) + 1)

    @property
    def weight(self) -> int:
        """The weight that is spent at the most, over all families and hosts."""
        questions = sum(weight_of(endpoint, self.days) for endpoint in self.endpoints)
        needed = questions + SENDS + self.public_weight
        return needed if self.most_weight is None else min(needed, self.most_weight)


def hosts_of(account: Account, endpoints: tuple[Endpoint, ...]) -> dict[str, str]:
    """Map each family to the host that is asked."""
    origins = account.settings.origins
    names = families_of(list(endpoints))
    return {name: urlsplit(origins[name]).netloc for name in names if name in origins}


def probe_account(
    account: Account,
    plan: Plan,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    say: Callable[[str], None] = lambda _: None,
    **client_arguments: Callable[..., float],
) -> tuple[ProbeReport, str | None]:
    """Probe every endpoint of the plan; beside the report, why it ended early, if it did.

    Who interrupts it gets what was learnt until then. No request is repeated and no wait is slept through
    unseen, so that what is spent can be counted.
    """
    settings = replace(account.settings, attempts=1, max_sleep_s=0.0)
    client = BinanceClient(settings, clock=clock, sleep=sleep, **client_arguments)  # type: ignore[arg-type]  # as given
    most = plan.weight - plan.public_weight
    reports: dict[str, EndpointReport] = {}
    key: dict[str, bool] = {}
    stopped: str | None = None
    try:
        key, stopped = _permissions(client, plan, most, sleep, clock)
        for endpoint in plan.endpoints:
            if endpoint.family.name not in settings.origins:
                reports[endpoint.name] = unasked(endpoint, "no_host", "this environment has no such host")
            elif stopped is not None:
                reports[endpoint.name] = unasked(endpoint, "unavailable", stopped)
            else:
                say(f"asking {endpoint.name} …")
                asker = Asker(client, endpoint, most, sleep, clock)
                report, stopped = probe_endpoint(asker, plan.days, plan.near_ms)
                reports[endpoint.name] = _with_permission(report, endpoint, key)
    finally:
        client.close()
    return (
        ProbeReport(
            account=account.label,
            probed_at=iso(int(clock() * 1000)),
            hosts=hosts_of(account, plan.endpoints),
            endpoints=reports,
            key=key,
            provider_version=__version__,
        ),
        stopped,
    )


def _permissions(
    client: BinanceClient,
    plan: Plan,
    most: int,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> tuple[dict[str, bool], str | None]:
    if most < SENDS:
        needed = plan.public_weight + SENDS
        return {}, (
            f"a weight of {plan.weight} does not suffice: clocks, limits, lists of symbols and the key's "
            f"permissions may cost {needed} alone; give a larger --max-weight, or fewer endpoints"
        )
    if "sapi" not in client.settings.origins:
        return {}, None
    try:
        return read_permissions(Asker(client, plan.endpoints[0], most, sleep, clock)), None
    except (Stopped, KeyboardInterrupt) as reason:
        return {}, str(reason) or INTERRUPTED


def _with_permission(report: EndpointReport, endpoint: Endpoint, key: Mapping[str, bool]) -> EndpointReport:
    """Say whether a key that may only read is enough, where this key may do no more."""
    family = endpoint.family.name
    needed = _NEEDS.get(family, _PORTFOLIO_MARGIN)
    if not key.get("enableReading") or key.get(needed, True):
        return report
    says: Literal["suffices", "refused"] | None = None
    if report.access == "answered":
        says = "suffices"
    elif report.access == "key_refused" and family != "papi":
        # papi refuses a classic account in the same words.
        says = "refused"
    return msgspec.structs.replace(report, learnt=msgspec.structs.replace(report.learnt, read_only_key=says))
