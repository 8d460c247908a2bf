"""The table of endpoints: the only place that knows how they differ.

Everything that differs between endpoints is a value in a row here, or in the kind of row that it names.
Operators, DAGs, the simulator's routes, the warehouse's tables and the tests' parameters derive from it, so
that one more endpoint is one more row here, and its documented rows in `simulator.documented`.
`tests/core/test_endpoints.py` lints every row.

Source of each fact: the page named in `documentation`.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.endpoint import (
    Endpoint,
    Pager,
    Restriction,
    Symbols,
)
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.kinds import (
    CAPITAL_FLOW,
    LOAN_LIQUIDATION,
    MARGIN_RECORD,
    ORDER,
)
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

AutoCloseType = Literal["LIQUIDATION", "ADL"]
#: where nothing is documented, what is older is taken as not provable: the only documented figure is 90
ASSUMED_RETENTION_DAYS: Final = 90
#: how the `clientOrderId` of an order of each type begins; JKorf and NautilusTrader show that ADL's has no
#: fixed end
CLIENT_ORDER_ID_PREFIXES: Final[Mapping[AutoCloseType, str]] = MappingProxyType(
    {"LIQUIDATION": "autoclose-", "ADL": "adl_autoclose"}
)
AUTO_CLOSE_TYPES: Final = tuple(CLIENT_ORDER_ID_PREFIXES)
_DOCS: Final = "https://developers.binance.com/docs"


_ORDERS: Final = Pager("time", "limit", page_size=100, default_page_size=50)
_NUMBERED: Final = Pager("number", "size", page_size=100, default_page_size=10)


def _listed(family: str) -> Symbols:
    return Symbols("symbol", "filter", f"/{family}/v1/exchangeInfo", family)


_ORDER_FIELDS: Final = ("orderId", "symbol")
_FILLED: Final = ("status", "clientOrderId", "price", "avgPrice", "origQty", "executedQty")
_TYPED: Final = ("timeInForce", "type", "reduceOnly")
_SIDES: Final = ("side", "positionSide")
_INSTANTS: Final = ORDER.instants
_MARGIN: Final = ("avgPrice", "executedQty", "orderId", "price", "qty", "side", "symbol", "timeInForce")

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        endpoint.name: endpoint
        for endpoint in (
            Endpoint(
                name="usdm_futures",
                title="USDⓈ-M futures",
                path="/fapi/v1/forceOrders",
                family=FAMILIES["fapi"],
                account_type="classic",
                pager=_ORDERS,
                kind=ORDER,
                fields=(
                    *_ORDER_FIELDS, "pair", *_FILLED, "cumQuote", "cumBase", *_TYPED, "closePosition",
                    *_SIDES, "stopPrice", "workingType", "origType", *_INSTANTS,
                ),
                weight=50,
                symbol_weight=20,
                symbols=_listed("fapi"),
                takes_auto_close_type=True,
                documentation=f"{_DOCS}/derivatives/usds-margined-futures/trade/rest-api/Users-Force-Orders",
            ),
            Endpoint(
                name="coinm_futures",
                title="COIN-M futures",
                path="/dapi/v1/forceOrders",
                family=FAMILIES["dapi"],
                account_type="classic",
                pager=_ORDERS,
                kind=ORDER,
                fields=(
                    *_ORDER_FIELDS, "pair", *_FILLED, "cumBase", "cumQuote", *_TYPED, "closePosition",
                    *_SIDES, "stopPrice", "workingType", "priceProtect", "origType", *_INSTANTS,
                    "goodTillDate",
                ),
                weight=50,
                symbol_weight=20,
                symbols=_listed("dapi"),
                takes_auto_close_type=True,
                in_contracts=True,
                retention_days=90,
                documentation=f"{_DOCS}/derivatives/coin-margined-futures/trade/rest-api/Users-Force-Orders",
            ),
            Endpoint(
                name="portfolio_um",
                title="Portfolio margin, USDⓈ-M",
                path="/papi/v1/um/forceOrders",
                family=FAMILIES["papi"],
                account_type="portfolio_margin",
                pager=_ORDERS,
                kind=ORDER,
                fields=(
                    *_ORDER_FIELDS, *_FILLED, "cumQuote", *_TYPED, *_SIDES, "origType", *_INSTANTS,
                ),
                weight=50,
                symbol_weight=20,
                symbols=_listed("fapi"),
                takes_auto_close_type=True,
                bounds_are_documented=True,
                documentation=f"{_DOCS}/derivatives/portfolio-margin/trade/Query-Users-UM-Force-Orders",
            ),
            Endpoint(
                name="portfolio_cm",
                title="Portfolio margin, COIN-M",
                path="/papi/v1/cm/forceOrders",
                family=FAMILIES["papi"],
                account_type="portfolio_margin",
                pager=_ORDERS,
                kind=ORDER,
                fields=(
                    *_ORDER_FIELDS, "pair", *_FILLED, "cumBase", *_TYPED, *_SIDES, "origType", *_INSTANTS,
                ),
                weight=50,
                symbol_weight=20,
                symbols=_listed("dapi"),
                takes_auto_close_type=True,
                in_contracts=True,
                bounds_are_documented=True,
                documentation=f"{_DOCS}/derivatives/portfolio-margin/trade/Query-Users-CM-Force-Orders",
            ),
            Endpoint(
                name="portfolio_margin",
                title="Portfolio margin, margin",
                path="/papi/v1/margin/forceOrders",
                family=FAMILIES["papi"],
                account_type="portfolio_margin",
                pager=_NUMBERED,
                kind=MARGIN_RECORD,
                fields=(*_MARGIN, "updatedTime"),
                weight=1,
                documentation=f"{_DOCS}/derivatives/portfolio-margin/trade/Query-Users-Margin-Force-Orders",
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
                account_type="classic",
                pager=replace(_NUMBERED, newest_first=True),
                kind=MARGIN_RECORD,
                fields=(*_MARGIN, "isIsolated", "updatedTime"),
                weight=1,
                symbols=Symbols("isolatedSymbol", "isolated"),
                documentation=f"{_DOCS}/margin_trading/trade",
            ),
            # The only record of accounts liquidated through the Risk-Based Liquidation Adjustment. All types
            # are read: whether `type` chooses before `limit` cuts is not documented.
            Endpoint(
                name="margin_capital_flow",
                title="Margin, capital flow of liquidations",
                path="/sapi/v1/margin/capital-flow",
                family=FAMILIES["sapi"],
                account_type="any",
                pager=Pager("time", "limit", page_size=1000, default_page_size=500, id_parameter="fromId"),
                kind=CAPITAL_FLOW,
                fields=("id", "tranId", "timestamp", "asset", "symbol", "type", "amount", "note"),
                weight=100,
                symbols=Symbols("symbol", "isolated"),
                restriction=Restriction(
                    "type",
                    liquidations=(
                        "BUY_LIQUIDATION", "SELL_LIQUIDATION", "REPAY_LIQUIDATION", "OTHER_LIQUIDATION",
                        "LIQUIDATION_FEE", "SMALL_CONVERT",
                    ),
                    others=(
                        "TRANSFER", "BORROW", "REPAY", "BUY_INCOME", "BUY_EXPENSE", "SELL_INCOME",
                        "SELL_EXPENSE", "TRADING_COMMISSION", "SMALL_BALANCE_CONVERT", "COMMISSION_RETURN",
                    ),
                ),
                retention_days=90,
                documentation=f"{_DOCS}/margin_trading/account",
            ),
            Endpoint(
                name="flexible_loan",
                title="Crypto loans, flexible rate",
                path="/sapi/v2/loan/flexible/liquidation/history",
                family=FAMILIES["sapi"],
                account_type="any",
                pager=Pager("number", "limit", page_size=100, default_page_size=10),
                kind=LOAN_LIQUIDATION,
                fields=(
                    "loanCoin", "liquidationDebt", "collateralCoin", "liquidationCollateralAmount",
                    "returnCollateralAmount", "liquidationFee", "liquidationStartingPrice",
                    "liquidationStartingTime", "status",
                ),
                weight=400,
                max_span_days=180,
                min_interval_ms=1000,
                documentation=f"{_DOCS}/crypto_loan/flexible-rate",
            ),
        )
    }
)  # fmt: skip

#: endpoints whose rows are orders: what a probe can ask about, and what the warehouse has in one table
WITH_ORDERS: Final = tuple(name for name, one in ENDPOINTS.items() if one.kind in (ORDER, MARGIN_RECORD))


def get_endpoint(name: str) -> Endpoint:
    """Look an endpoint up by its name.

    :raises InvalidRequest: when there is no such endpoint; the message lists those there are.
    """
    try:
        return ENDPOINTS[name]
    except KeyError:
        raise InvalidRequest(unknown("endpoint", name, ENDPOINTS)) from None
