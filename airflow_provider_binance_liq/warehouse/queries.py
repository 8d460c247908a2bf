"""Questions to the two tables, each a SELECT that DuckDB and PostgreSQL run as it stands.

Instants are cut in UTC, whatever the session's time zone. A notional is in the quote asset of its symbol:
what the exchange states, or else the amount of the base asset times the average price. It is exact up to the
eighth decimal of both, which is as far as DuckDB can multiply; an order beyond that, or without a price, has
none. It is counted as unpriced, never left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.recoverable import APART, NOT_MENDED_BY_FETCHING, SETTLE_DAYS
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.tables import ALL, IN_CONTRACTS, LIQUIDATIONS, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: what every view's name begins with
PREFIX: Final = "binance_liquidation_"
#: the clock of the queries that have one; put an instant in its place to ask as of then
NOW: Final = "current_timestamp"
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
    CASE WHEN incomplete_reasons IS NULL THEN NOT complete
        ELSE position(',within_retention,' IN ',' || incomplete_reasons || ',') > 0 END AS beyond_retention,
    caveats, object_rows, extracted_at,
    incomplete_reasons, premises, observed_premises
FROM {WINDOWS.name}
WHERE NOT complete OR caveats <> ''
ORDER BY account, endpoint, window_start, window_end, symbols, auto_close_type"""

_SERIES: Final = "account, endpoint, symbols, auto_close_type"
_IN_SERIES: Final = f"OVER (PARTITION BY {_SERIES} ORDER BY instant)"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


# What `core.recoverable.counts_as_proven` says: the codes are one text, in any order.
_ACCEPTED: Final = _texts(
    ",".join(codes)
    for many in range(1, len(NOT_MENDED_BY_FETCHING) + 1)
    for codes in permutations(NOT_MENDED_BY_FETCHING, many)
)
_COUNTS: Final = f"complete OR incomplete_reasons IN ({_ACCEPTED})"


def _stretches(proven: str) -> str:
    """Sweep over the edges of all windows, as `core.timeline` and `core.recoverable` do it."""
    return f"""\
WITH judged AS (
    SELECT {_SERIES}, window_start, window_end, CASE WHEN {proven} THEN 1 ELSE 0 END AS proven
    FROM {WINDOWS.name}
), edges AS (
    SELECT {_SERIES}, window_start AS instant, 1 AS held, proven FROM judged
    UNION ALL
    SELECT {_SERIES}, window_end, -1, -proven FROM judged
), steps AS (
    SELECT {_SERIES}, instant, sum(held) AS held, sum(proven) AS proven
    FROM edges
    GROUP BY {_SERIES}, instant
), depths AS (
    SELECT {_SERIES}, instant,
        CASE WHEN sum(proven) {_IN_SERIES} > 0 THEN 'proven'
            WHEN sum(held) {_IN_SERIES} > 0 THEN 'unproven'
            ELSE 'missing' END AS state
    FROM steps
), changes AS (
    SELECT {_SERIES}, instant, state, lag(state) {_IN_SERIES} AS state_before
    FROM depths
), stretches AS (
    SELECT {_SERIES}, state, instant AS stretch_start, lead(instant) {_IN_SERIES} AS stretch_end
    FROM changes
    WHERE state_before IS NULL OR state <> state_before
)"""


_WINDOW_GAPS: Final = f"""\
{_stretches("complete")}
SELECT {_SERIES}, stretch_start AS gap_start, stretch_end AS gap_end, state
FROM stretches
WHERE state <> 'proven' AND stretch_end IS NOT NULL
ORDER BY {_SERIES}, gap_start"""

_RETENTIONS: Final = ",\n        ".join(
    f"('{name}', {retention.days}, '{retention.source}')"
    for name, retention in ((name, Retention.of(endpoint)) for name, endpoint in ENDPOINTS.items())
)
# Days of 24 hours, and a difference of seconds: days would follow the session's time zone.
_SETTLED: Final = f"{NOW} - {SETTLE_DAYS} * INTERVAL '24 hours'"
_RECOVERABLE: Final = f"""\
{_stretches(_COUNTS)}, retentions (endpoint, retention_days, retention_source) AS (
    VALUES
        {_RETENTIONS}
), wholes AS (
    SELECT account, endpoint, min(window_start) AS whole_start
    FROM {WINDOWS.name}
    WHERE symbols = '' AND auto_close_type = '' AND endpoint NOT IN ({_texts(APART)})
    GROUP BY account, endpoint
), unproven AS (
    SELECT stretches.account, stretches.endpoint, symbols, auto_close_type, state, stretch_start,
        least(
            coalesce(stretch_end, {_SETTLED}),
            coalesce(whole_start, {_SETTLED}),
            {_SETTLED}
        ) AS stretch_end,
        retention_days, retention_source, retention_days * INTERVAL '24 hours' AS kept,
        {NOW} - retention_days * INTERVAL '24 hours' AS horizon
    FROM stretches
        JOIN retentions ON retentions.endpoint = stretches.endpoint
        LEFT JOIN wholes ON wholes.account = stretches.account AND wholes.endpoint = stretches.endpoint
            AND (symbols <> '' OR auto_close_type <> '')
    WHERE state <> 'proven'
), parts AS (
    SELECT {_SERIES}, state, TRUE AS lost, stretch_start, least(stretch_end, horizon) AS stretch_end,
        retention_days, retention_source, kept
    FROM unproven
    WHERE stretch_start < horizon
    UNION ALL
    SELECT {_SERIES}, state, FALSE, greatest(stretch_start, horizon), stretch_end,
        retention_days, retention_source, kept
    FROM unproven
    WHERE stretch_end > horizon
)
SELECT {_SERIES}, state, lost, stretch_start, stretch_end, retention_days, retention_source,
    stretch_start + kept AS recoverable_until,
    CAST(
        floor((extract(epoch FROM stretch_start + kept) - extract(epoch FROM {NOW})) / 86400) AS BIGINT
    ) AS days_left
FROM parts
WHERE stretch_end > stretch_start
ORDER BY {_SERIES}, stretch_start"""

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
                "Windows that are not proven, or whose proof has caveats: the codes of what keeps them from "
                "being complete and of what they rest on, and whether it is for the retention. Where they "
                "are NULL, a version loaded the window that did not know them yet.",
                _WINDOW_DOUBTS,
            ),
            Query(
                "relabelled",
                "Accounts that are there under two labels: how many orders are, with the same endpoint, "
                "symbol, order id and instants, and from when to when. An account whose label was changed, "
                "or two connections to one account, are; each such order counts twice in the sums of the "
                "other queries. It is empty where every label is an account of its own.",
                _RELABELLED,
            ),
            Query(
                "window_gaps",
                "Time from the first loaded window of an account, endpoint and filter to the last that no "
                "complete window covers: `missing` where none does, `unproven` where only windows do that "
                "are not complete, for whatever reason. What comes before the first or after the last is no "
                "gap.",
                _WINDOW_GAPS,
            ),
            Query(
                "recoverable",
                "What is missing or not proven, per account, endpoint and filter, from its first window "
                f"until {SETTLE_DAYS} days ago, and until when it can still be fetched: its first instant "
                "and the days that the exchange keeps, `documented` or `assumed`. `days_left` are whole days "
                "of 24 hours from now. What is `lost` is older than that. Windows that only "
                f"{' or '.join(f'`{code}`' for code in NOT_MENDED_BY_FETCHING)} keeps from being complete "
                "count as proven. A filtered history is told of until the unfiltered one of its account and "
                f"endpoint begins; not on {', '.join(f'`{name}`' for name in APART)}, where both go on.",
                _RECOVERABLE,
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
