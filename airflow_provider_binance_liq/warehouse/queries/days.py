"""What each day brought, and whether that is all: a day without rows had none only if it is proven."""

from __future__ import annotations

from typing import Final

from airflow_provider_binance_liq.warehouse.queries.coverage import STRETCHES
from airflow_provider_binance_liq.warehouse.queries.query import Query
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, endpoints_of

_ENDPOINTS: Final = ", ".join(f"'{name}'" for name in endpoints_of(LIQUIDATIONS))
_DAYS: Final = f"""\
WITH RECURSIVE stretches_of_all AS (
{STRETCHES}
), covered AS (
    SELECT account, endpoint, state, lost, stretch_start, stretch_end, recoverable_until
    FROM stretches_of_all
    WHERE symbols = '' AND auto_close_type = '' AND endpoint IN ({_ENDPOINTS})
), spans AS (
    SELECT account, endpoint, max(stretch_end) AS span_end,
        CAST((min(stretch_start) - INTERVAL '1 microsecond') AT TIME ZONE 'UTC' AS DATE) + 1 AS first_day
    FROM covered
    GROUP BY account, endpoint
), days AS (
    SELECT account, endpoint, span_end, first_day AS day
    FROM spans
    WHERE CAST(first_day + 1 AS TIMESTAMP) AT TIME ZONE 'UTC' <= span_end
    UNION ALL
    SELECT account, endpoint, span_end, day + 1
    FROM days
    WHERE CAST(day + 2 AS TIMESTAMP) AT TIME ZONE 'UTC' <= span_end
), judged AS (
    SELECT days.account, days.endpoint, day,
        max(CASE state WHEN 'proven' THEN 0 WHEN 'unproven' THEN 1 ELSE 2 END) AS worst,
        bool_or(lost) AS lost, min(recoverable_until) AS recoverable_until
    FROM days JOIN covered ON covered.account = days.account AND covered.endpoint = days.endpoint
        AND stretch_start < CAST(day + 1 AS TIMESTAMP) AT TIME ZONE 'UTC'
        AND stretch_end > CAST(day AS TIMESTAMP) AT TIME ZONE 'UTC'
    GROUP BY days.account, days.endpoint, day
), counted AS (
    SELECT account, endpoint, CAST(updated_at AT TIME ZONE 'UTC' AS DATE) AS day,
        count(*) FILTER (WHERE close_type = 'LIQUIDATION') AS liquidations,
        count(*) FILTER (WHERE close_type = 'ADL') AS adls,
        count(*) FILTER (WHERE close_type = 'OTHER') AS others
    FROM {LIQUIDATIONS.name}
    GROUP BY account, endpoint, CAST(updated_at AT TIME ZONE 'UTC' AS DATE)
)
SELECT judged.day, judged.account, judged.endpoint,
    CASE worst WHEN 0 THEN 'proven' WHEN 1 THEN 'unproven' ELSE 'missing' END AS state,
    lost, recoverable_until,
    coalesce(liquidations, 0) AS liquidations, coalesce(adls, 0) AS adls, coalesce(others, 0) AS others
FROM judged LEFT JOIN counted ON counted.account = judged.account
    AND counted.endpoint = judged.endpoint AND counted.day = judged.day
ORDER BY judged.day, judged.account, judged.endpoint"""

DAYS: Final = (
    Query(
        "days",
        "Each whole UTC day of a history without a filter, per account and endpoint of orders: how many "
        "there are, and the least that is known of any part of it. On a `proven` day, no liquidations means "
        "that there were none. On another, some may be missing; they can be extracted until "
        "`recoverable_until`, unless a part of the day is `lost`.",
        _DAYS,
    ),
)
