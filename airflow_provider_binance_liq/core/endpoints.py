"""The table of endpoints: the single place that tells them apart.

Everything that differs between the six endpoints is a value in a row here. Operators, DAGs, the
simulator's routes and the warehouse's SQL derive from it, so that a seventh endpoint is one more row.
`tests/core/test_endpoints.py` lints every row.

Source of each fact: the page named in `documentation`, and the "General Info" pages of the families.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

Paging = Literal["time", "number"]
Environment = Literal["production", "demo"]
AutoCloseType = Literal["LIQUIDATION", "ADL"]

DAY_MS: Final = 24 * 60 * 60 * 1000
#: where nothing is documented, what is older is taken as not provable: the only documented figure is 90
ASSUMED_RETENTION_DAYS: Final = 90
AUTO_CLOSE_TYPES: Final[tuple[AutoCloseType, ...]] = ("LIQUIDATION", "ADL")
_DOCS: Final = "https://developers.binance.com/docs"


@dataclass(frozen=True, slots=True)
class Family:
    """One of Binance's APIs: a host, a clock and a way to count weight."""

    name: str
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
    #: the cheapest public path whose answer tells the used weight; None where no request weighs much
    scout_path: str | None = None
    #: public path that tells the limit; None where only the documentation does
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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table; every value is documented by the exchange unless its comment says not."""

    name: str
    title: str
    path: str
    family: Family
    paging: Paging
    #: weight of one request for all symbols
    weight: int
    #: weight of one request for one symbol
    weight_with_symbol: int
    #: name of the request's symbol filter; None where the endpoint has none
    symbol_parameter: str | None
    #: whether the request takes `autoCloseType`
    takes_auto_close_type: bool
    #: names of the row's instants in epoch ms, the earlier one first
    instant_fields: tuple[str, ...]
    #: days that the exchange is documented to keep; None where nothing is documented
    retention_days: int | None
    documentation: str
    #: most rows that one request returns
    page_size: int = 100
    #: rows returned where the request does not say how many
    default_page_size: int = 50
    #: longest span of one request; not documented, kept strictly below the 7 days of the siblings
    max_span_ms: int = 7 * DAY_MS - 1
    #: path of the public list of symbols, and the family whose origin serves it
    symbols_path: str | None = None
    symbols_family: str | None = None
    #: why an answer without rows would be no proof that nothing was liquidated
    caveat: str = ""

    @property
    def weight_pool(self) -> str:
        """The budget that a request draws on: `futures`, `papi`, or one per sapi endpoint."""
        family = self.family
        return f"{family.weight_pool}:{self.name}" if family.weight_per_endpoint else family.weight_pool

    def request_weight(self, *, symbol: bool) -> int:
        """Weight of one request, with or without the symbol filter."""
        return self.weight_with_symbol if symbol else self.weight


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        endpoint.name: endpoint
        for endpoint in (
            Endpoint(
                name="usdm_futures",
                title="USDⓈ-M futures",
                path="/fapi/v1/forceOrders",
                family=FAMILIES["fapi"],
                paging="time",
                weight=50,
                weight_with_symbol=20,
                symbol_parameter="symbol",
                takes_auto_close_type=True,
                instant_fields=("time", "updateTime"),
                retention_days=None,
                documentation=f"{_DOCS}/derivatives/usds-margined-futures/trade/rest-api/Users-Force-Orders",
                symbols_path="/fapi/v1/exchangeInfo",
                symbols_family="fapi",
            ),
            Endpoint(
                name="coinm_futures",
                title="COIN-M futures",
                path="/dapi/v1/forceOrders",
                family=FAMILIES["dapi"],
                paging="time",
                weight=50,
                weight_with_symbol=20,
                symbol_parameter="symbol",
                takes_auto_close_type=True,
                instant_fields=("time", "updateTime"),
                retention_days=90,
                documentation=f"{_DOCS}/derivatives/coin-margined-futures/trade/rest-api/Users-Force-Orders",
                symbols_path="/dapi/v1/exchangeInfo",
                symbols_family="dapi",
            ),
            Endpoint(
                name="portfolio_um",
                title="Portfolio margin, USDⓈ-M",
                path="/papi/v1/um/forceOrders",
                family=FAMILIES["papi"],
                paging="time",
                weight=50,
                weight_with_symbol=20,
                symbol_parameter="symbol",
                takes_auto_close_type=True,
                instant_fields=("time", "updateTime"),
                retention_days=None,
                documentation=f"{_DOCS}/derivatives/portfolio-margin/trade/Query-Users-UM-Force-Orders",
                symbols_path="/fapi/v1/exchangeInfo",
                symbols_family="fapi",
            ),
            Endpoint(
                name="portfolio_cm",
                title="Portfolio margin, COIN-M",
                path="/papi/v1/cm/forceOrders",
                family=FAMILIES["papi"],
                paging="time",
                weight=50,
                weight_with_symbol=20,
                symbol_parameter="symbol",
                takes_auto_close_type=True,
                instant_fields=("time", "updateTime"),
                retention_days=None,
                documentation=f"{_DOCS}/derivatives/portfolio-margin/trade/Query-Users-CM-Force-Orders",
                symbols_path="/dapi/v1/exchangeInfo",
                symbols_family="dapi",
            ),
            Endpoint(
                name="portfolio_margin",
                title="Portfolio margin, margin",
                path="/papi/v1/margin/forceOrders",
                family=FAMILIES["papi"],
                paging="number",
                weight=1,
                weight_with_symbol=1,
                symbol_parameter=None,
                takes_auto_close_type=False,
                instant_fields=("updatedTime",),
                retention_days=None,
                documentation=f"{_DOCS}/derivatives/portfolio-margin/trade/Query-Users-Margin-Force-Orders",
                default_page_size=10,
                # The sentence is in the SDK's own documentation of this request since 2026-09-02.
                caveat=(
                    "accounts liquidated through the Risk-Based Liquidation Adjustment have no record on "
                    "this endpoint; GET /sapi/v1/margin/capital-flow has them"
                ),
            ),
            Endpoint(
                name="margin",
                title="Margin, cross and isolated",
                path="/sapi/v1/margin/forceLiquidationRec",
                family=FAMILIES["sapi"],
                paging="number",
                weight=1,
                weight_with_symbol=1,
                symbol_parameter="isolatedSymbol",
                takes_auto_close_type=False,
                instant_fields=("updatedTime",),
                retention_days=None,
                documentation=f"{_DOCS}/margin_trading/trade",
                default_page_size=10,
            ),
        )
    }
)


def get_endpoint(name: str) -> Endpoint:
    """Look an endpoint up by its name.

    :raises InvalidRequest: when there is no such endpoint; the message lists those there are.
    """
    try:
        return ENDPOINTS[name]
    except KeyError:
        known = ", ".join(ENDPOINTS)
        message = f"there is no endpoint {name!r}; there are {known}"
        raise InvalidRequest(message) from None
