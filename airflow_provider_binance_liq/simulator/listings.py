"""What the public endpoints and the key's permissions say: enough for clients that ask before they work."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator.symbols import LASTING, listed

if TYPE_CHECKING:
    from airflow_provider_binance_liq.simulator.settings import Settings
    from airflow_provider_binance_liq.simulator.symbols import Kind, Market

#: what a perpetual contract says about its delivery
_NEVER_MS: Final = 4_133_404_800_000
_ONBOARD_MS: Final = 1_569_398_400_000
_MINUTE_S: Final = 60


def exchange_info(kind: Kind, now_ms: int, limit: int, settings: Settings) -> dict[str, object]:
    """Say what is traded and how much weight a minute has."""
    shape = _spot if kind == "spot" else _contract
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [_rate_limit(limit, settings)],
        "exchangeFilters": [],
        "symbols": [shape(market) for market in listed(kind, now_ms, settings.delisted_symbols)],
    }


def _rate_limit(limit: int, settings: Settings) -> dict[str, object]:
    """Say the limit; a minute of another length is announced in seconds."""
    whole = settings.minute_seconds == _MINUTE_S
    return {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE" if whole else "SECOND",
        "intervalNum": 1 if whole else math.ceil(settings.minute_seconds),
        "limit": limit,
    }


def _spot(market: Market) -> dict[str, object]:
    return {
        "symbol": market.symbol,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": _filters(),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
    }


def _contract(market: Market) -> dict[str, object]:
    in_coin = market.quote == "USD"
    status = "contractStatus" if in_coin else "status"
    size = {"contractSize": market.contract_size} if in_coin else {}
    return {
        "symbol": market.symbol,
        "pair": market.pair,
        "contractType": "CURRENT_QUARTER" if market.delivery else "PERPETUAL",
        "deliveryDate": _delivery_ms(market),
        "onboardDate": _ONBOARD_MS,
        status: "TRADING",
        **size,
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.base if in_coin else market.quote,
        "pricePrecision": 8,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": _filters(),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK"],
    }


def _delivery_ms(market: Market) -> int:
    if market.delivery is None:
        return _NEVER_MS
    return int(datetime.combine(market.delivery, time(8), UTC).timestamp() * 1000)


def margin_pairs() -> list[dict[str, object]]:
    """Say what is traded on margin, cross and isolated alike."""
    return [
        {
            "symbol": market.symbol,
            "base": market.base,
            "quote": market.quote,
            "isMarginTrade": True,
            "isBuyAllowed": True,
            "isSellAllowed": True,
        }
        for market in LASTING["spot"]
    ]


def _filters() -> list[dict[str, str]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.00000001",
            "maxPrice": "1000000",
            "tickSize": "0.00000001",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000000", "stepSize": "0.001"},
    ]


def restrictions(now_ms: int, settings: Settings) -> dict[str, object]:
    """Say what a key may do.

    https://developers.binance.com/docs/wallet/account/api-key-permission
    """
    trades = settings.key == "trading"
    return {
        "ipRestrict": False,
        "createTime": now_ms - now_ms % DAY_MS,
        "enableReading": settings.key != "none",
        "enableSpotAndMarginTrading": False,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": trades,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enablePortfolioMarginTrading": trades and settings.portfolio_margin == "active",
    }
