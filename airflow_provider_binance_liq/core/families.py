"""Binance's APIs: the hosts, the clocks and the budgets of weight that endpoints share.

Source of each fact: the "General Info" page of the family.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Environment = Literal["production", "demo"]


@dataclass(frozen=True, slots=True)
class Family:
    """One of Binance's APIs: a host, a clock and a way to count weight."""

    name: str
    #: as people call it, in plain letters
    title: str
    #: origin per environment; an environment that is absent does not exist for this family
    origins: Mapping[Environment, str]
    #: path of the public clock on `clock_family`'s origin
    clock_path: str
    #: where that clock lives; papi has none and borrows fapi's
    clock_family: str
    #: what the exchange's answer says is used of the budget, in the current UTC minute
    used_weight_header: str
    #: families of one pool draw on one budget (fapi and dapi since 2026-06-30)
    weight_pool: str
    #: weight per minute and IP address; for sapi, per endpoint
    weight_limit: int
    #: the cheapest public path whose answer reports the used weight; None if no request weighs much
    scout_path: str | None = None
    #: public path that returns the limit; None if only the documentation has it
    limits_path: str | None = None
    #: each endpoint counts against a limit of its own
    weight_per_endpoint: bool = False


def _origins(production: str, demo: str | None = None) -> Mapping[Environment, str]:
    origins: dict[Environment, str] = {"production": production}
    if demo:
        origins["demo"] = demo
    return MappingProxyType(origins)


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family(
                name="fapi",
                title="USD-M futures",
                origins=_origins("https://fapi.binance.com", "https://demo-fapi.binance.com"),
                clock_path="/fapi/v1/time",
                clock_family="fapi",
                used_weight_header="X-MBX-USED-WEIGHT-1M",
                weight_pool="futures",
                weight_limit=2400,
                scout_path="/fapi/v1/time",
                limits_path="/fapi/v1/exchangeInfo",
            ),
            Family(
                name="dapi",
                title="COIN-M futures",
                origins=_origins("https://dapi.binance.com", "https://demo-dapi.binance.com"),
                clock_path="/dapi/v1/time",
                clock_family="dapi",
                used_weight_header="X-MBX-USED-WEIGHT-1M",
                weight_pool="futures",
                weight_limit=2400,
                scout_path="/dapi/v1/time",
                limits_path="/dapi/v1/exchangeInfo",
            ),
            Family(
                name="papi",
                title="portfolio margin",
                origins=_origins("https://papi.binance.com"),
                clock_path="/fapi/v1/time",
                clock_family="fapi",
                used_weight_header="X-MBX-USED-WEIGHT-1M",
                weight_pool="papi",
                weight_limit=6000,
                scout_path="/papi/v1/ping",
            ),
            Family(
                name="sapi",
                title="margin and loans",
                origins=_origins("https://api.binance.com"),
                clock_path="/api/v3/time",
                clock_family="sapi",
                used_weight_header="X-SAPI-USED-IP-WEIGHT-1M",
                weight_pool="sapi",
                weight_limit=12_000,
                weight_per_endpoint=True,
            ),
        )
    }
)

#: what weight is counted by; `sapi` stands for each of its endpoints
POOLS: Final = tuple(dict.fromkeys(family.weight_pool for family in FAMILIES.values()))
