"""How much was liquidated: queries to the rows.

A notional is in the quote asset of its symbol: what the exchange states, or else the amount of the base asset
times the average price. It is exact up to the eighth decimal of both, which is as far as DuckDB can multiply;
an order beyond that, or without a price, has none. It is counted as unpriced, never left out silently.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse.queries.query import Query
from airflow_provider_binance_liq.warehouse.tables import IN_CONTRACTS, LIQUIDATIONS, endpoints_of, filled_by

if TYPE_CHECKING:
    from collections.abc import Mapping

#: quote assets that are worth a US dollar; COIN-M is quoted in the dollar itself
DOLLARS: Final = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "USD1")


def notional_of(endpoint: str) -> str:
    """Say what the notional of this endpoint's orders is made of."""
    (stated,) = (filled_by(LIQUIDATIONS, column) for column in LIQUIDATIONS if column.name == "cum_quote")
    if endpoint in stated:
        return "cum_quote"
    return "cum_base * avg_price" if endpoint in IN_CONTRACTS else "executed_qty * avg_price"


#: endpoint → what a notional is made of there
NOTIONALS: Final[Mapping[str, str]] = MappingProxyType(
    {name: notional_of(name) for name in endpoints_of(LIQUIDATIONS)}
)

# Two factors of 19 digits are as much as 38 digits hold.
_PRICED: Final = f"""\
WITH filled AS (
    SELECT account, endpoint, symbol, close_type, quantity_unit, updated_at, avg_price, cum_quote,
        CASE quantity_unit WHEN 'CONTRACT' THEN cum_base ELSE executed_qty END AS base_qty
    FROM {LIQUIDATIONS.name}
), priced AS (
    SELECT account, endpoint, symbol, close_type, quantity_unit, updated_at,
        CAST(updated_at AT TIME ZONE 'UTC' AS DATE) AS day,
        CASE
            WHEN cum_quote IS NOT NULL THEN CAST(cum_quote AS DECIMAL(38, 16))
            WHEN abs(base_qty) < 99999999999 AND abs(avg_price) < 99999999999
            THEN CAST(base_qty AS DECIMAL(19, 8)) * CAST(avg_price AS DECIMAL(19, 8))
        END AS notional
    FROM filled
)"""
_IN_DOLLARS: Final = "\n            OR ".join(
    ("quantity_unit = 'CONTRACT'", *(f"split_part(symbol, '_', 1) LIKE '%{asset}'" for asset in DOLLARS))
)

_DAILY_NOTIONAL: Final = f"""\
{_PRICED}
SELECT day, account, endpoint, symbol,
    count(*) AS liquidations,
    coalesce(sum(notional), 0) AS notional,
    count(*) - count(notional) AS unpriced
FROM priced
WHERE close_type = 'LIQUIDATION'
GROUP BY day, account, endpoint, symbol
ORDER BY day, account, endpoint, symbol"""

_ADL_SHARE: Final = f"""\
{_PRICED}
SELECT day, endpoint, symbol,
    count(*) FILTER (WHERE close_type = 'LIQUIDATION') AS liquidations,
    count(*) FILTER (WHERE close_type = 'ADL') AS adls,
    count(*) FILTER (WHERE close_type = 'OTHER') AS others,
    coalesce(sum(notional) FILTER (WHERE close_type = 'LIQUIDATION'), 0) AS liquidation_notional,
    coalesce(sum(notional) FILTER (WHERE close_type = 'ADL'), 0) AS adl_notional,
    coalesce(sum(notional) FILTER (WHERE close_type = 'OTHER'), 0) AS other_notional,
    count(*) - count(notional) AS unpriced
FROM priced
GROUP BY day, endpoint, symbol
ORDER BY day, endpoint, symbol"""

_CASCADES: Final = f"""\
{_PRICED}, in_dollars AS (
    SELECT account, symbol, close_type,
        date_trunc('hour', updated_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour,
        CASE WHEN {_IN_DOLLARS}
        THEN notional END AS dollars
    FROM priced
    WHERE close_type IN ('LIQUIDATION', 'ADL')
), hourly AS (
    SELECT account, hour,
        count(*) AS orders,
        count(*) FILTER (WHERE close_type = 'ADL') AS adls,
        count(DISTINCT symbol) AS symbols,
        coalesce(sum(dollars), 0) AS dollars,
        count(*) - count(dollars) AS not_in_dollars
    FROM in_dollars
    GROUP BY account, hour
)
SELECT rank() OVER (ORDER BY dollars DESC, orders DESC) AS place,
    account, hour, orders, adls, symbols, dollars, not_in_dollars
FROM hourly
ORDER BY place, hour, account"""

# An order id is one order of one account within its endpoint and symbol, so two labels are of one account.
_RELABELLED: Final = f"""\
SELECT one.endpoint, one.account, other.account AS also_account,
    count(*) AS orders,
    min(one.updated_at) AS first_updated_at, max(one.updated_at) AS last_updated_at
FROM {LIQUIDATIONS.name} AS one JOIN {LIQUIDATIONS.name} AS other
    ON other.endpoint = one.endpoint AND other.symbol = one.symbol AND other.order_id = one.order_id
    AND other.updated_at = one.updated_at AND other.created_at IS NOT DISTINCT FROM one.created_at
    AND other.account > one.account
GROUP BY one.endpoint, one.account, other.account
ORDER BY one.endpoint, one.account, other.account"""

AMOUNTS: Final = (
    Query(
        "daily_notional",
        "How much was liquidated, per UTC day, account, endpoint and symbol, in the symbol's quote "
        "asset; `unpriced` orders are not in `notional`.",
        _DAILY_NOTIONAL,
    ),
    Query(
        "adl_share",
        "Auto-deleveraging beside liquidations, of all accounts together, per UTC day, endpoint and "
        "symbol: orders, and notional in the symbol's quote asset; `unpriced` orders are in none of "
        "the sums. Margin endpoints return liquidations only.",
        _ADL_SHARE,
    ),
    Query(
        "cascades",
        "The UTC hours in which most was closed by force, per account, the largest first: orders "
        "(`adls` of them auto-deleveraging), symbols, and US dollars, counting a stablecoin as one. "
        f"Dollars are COIN-M, and symbols quoted in {', '.join(DOLLARS[:-1])} or {DOLLARS[-1]}; "
        "orders in other assets, and unpriced ones, are `not_in_dollars`.",
        _CASCADES,
    ),
    Query(
        "relabelled",
        "Accounts that are there under two labels: how many orders are, with the same endpoint, "
        "symbol, order id and instants, and from when to when. An account whose label was changed, "
        "or two connections to one account, are; each such order counts twice in the sums of the "
        "other queries. It is empty where every label is an account of its own.",
        _RELABELLED,
    ),
)
