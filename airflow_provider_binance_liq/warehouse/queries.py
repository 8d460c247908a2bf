"""Questions to the two tables, each a SELECT that DuckDB and PostgreSQL run as it stands.

Instants are cut in UTC, whatever the session's time zone. A notional is in the quote asset of its symbol:
what the exchange states, or else the amount of the base asset times the average price. It is exact up to the
eighth decimal of both, which is as far as DuckDB can multiply; an order beyond that, or without a price, has
none. It is counted as unpriced, never left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.tables import ALL, IN_CONTRACTS, LIQUIDATIONS, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: what every view's name begins with
PREFIX: Final = "binance_liquidation_"
#: quote assets that are worth a US dollar; COIN-M is quoted in the dollar itself
DOLLARS: Final = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "USD1")


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    name: str
    #: what it answers
    answers: str
    #: one SELECT
    sql: str

    @property
    def view(self) -> str:
        """The name of its view."""
        return f"{PREFIX}{self.name}"


def notional_of(endpoint: str) -> str:
    """Say what the notional of this endpoint's orders is made of."""
    (stated,) = (column.endpoints for column in LIQUIDATIONS if column.name == "cum_quote")
    if endpoint in stated:
        return "cum_quote"
    return "cum_base * avg_price" if endpoint in IN_CONTRACTS else "executed_qty * avg_price"


#: endpoint → what a notional is made of there
NOTIONALS: Final[Mapping[str, str]] = MappingProxyType({name: notional_of(name) for name in ALL})

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

_WINDOW_DOUBTS: Final = f"""\
SELECT account, endpoint, window_start, window_end, symbols, auto_close_type,
    complete,
    caveats LIKE '%the window begins before%the exchange keeps%' AS beyond_retention,
    caveats, object_rows, extracted_at
FROM {WINDOWS.name}
WHERE NOT complete OR caveats <> ''
ORDER BY account, endpoint, window_start, window_end, symbols, auto_close_type"""

_WINDOW_GAPS: Final = f"""\
SELECT account, endpoint, symbols, auto_close_type, covered_until AS gap_start, window_start AS gap_end
FROM (
    SELECT account, endpoint, symbols, auto_close_type, window_start,
        max(window_end) OVER (
            PARTITION BY account, endpoint, symbols, auto_close_type
            ORDER BY window_start, window_end
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until
    FROM {WINDOWS.name}
) AS timeline
WHERE window_start > covered_until
ORDER BY account, endpoint, symbols, auto_close_type, gap_start"""

QUERIES: Final[Mapping[str, Query]] = MappingProxyType(
    {
        query.name: query
        for query in (
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
                "the sums. Margin endpoints tell liquidations only.",
                _ADL_SHARE,
            ),
            Query(
                "cascades",
                "The UTC hours in which most was closed by force, per account, the largest first: orders "
                "(`adls` of them auto-deleveraging), symbols, and US dollars, a stablecoin taken for one. "
                f"Dollars are COIN-M, and symbols quoted in {', '.join(DOLLARS[:-1])} or {DOLLARS[-1]}; "
                "orders in other assets, and unpriced ones, are `not_in_dollars`.",
                _CASCADES,
            ),
            Query(
                "window_doubts",
                "Windows that are not proven, or whose proof has caveats, and whether it is for the "
                "retention. Every window of `portfolio_margin` has a caveat.",
                _WINDOW_DOUBTS,
            ),
            Query(
                "window_gaps",
                "Time between two loaded windows of one account, endpoint and filter that none covers. "
                "What comes before the first or after the last is no gap.",
                _WINDOW_GAPS,
            ),
        )
    }
)


def create_view(name: str) -> str:
    """`CREATE OR REPLACE VIEW` for the query of this name.

    :raises InvalidRequest: there is no such query; the message lists those there are.
    """
    if name not in QUERIES:
        message = f"there is no query {name!r}; there are {', '.join(QUERIES)}"
        raise InvalidRequest(message)
    query = QUERIES[name]
    return f"CREATE OR REPLACE VIEW {query.view} AS\n{query.sql}"


#: view → the statement that creates it
VIEWS: Final[Mapping[str, str]] = MappingProxyType(
    {query.view: create_view(name) for name, query in QUERIES.items()}
)
