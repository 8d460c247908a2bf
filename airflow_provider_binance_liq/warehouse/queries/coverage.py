"""What was loaded and how far it is proven: queries to the windows.

Instants are cut in UTC, whatever the session's time zone.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.recoverable import APART, NOT_MENDED_BY_FETCHING, SETTLE_DAYS
from airflow_provider_binance_liq.warehouse.queries.query import NOW, Query
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNPROVEN_WINDOWS: Final = f"""\
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
    SELECT {_SERIES}, window_start AS instant, 1 AS loaded, proven FROM judged
    UNION ALL
    SELECT {_SERIES}, window_end, -1, -proven FROM judged
), steps AS (
    SELECT {_SERIES}, instant, sum(loaded) AS loaded, sum(proven) AS proven
    FROM edges
    GROUP BY {_SERIES}, instant
), depths AS (
    SELECT {_SERIES}, instant,
        CASE WHEN sum(proven) {_IN_SERIES} > 0 THEN 'proven'
            WHEN sum(loaded) {_IN_SERIES} > 0 THEN 'unproven'
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
#: every stretch of every history, in no order
STRETCHES: Final = f"""\
{_stretches(_COUNTS)}, retentions (endpoint, retention_days, retention_source) AS (
    VALUES
        {_RETENTIONS}
), wholes AS (
    SELECT account, endpoint, min(window_start) AS whole_start
    FROM {WINDOWS.name}
    WHERE symbols = '' AND auto_close_type = '' AND endpoint NOT IN ({_texts(APART)})
    GROUP BY account, endpoint
), expected AS (
    SELECT stretches.account, stretches.endpoint, symbols, auto_close_type, state, stretch_start,
        least(stretch_end, coalesce(whole_start, stretch_end)) AS covered_end,
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
), parts AS (
    SELECT {_SERIES}, state, TRUE AS lost, stretch_start, least(stretch_end, horizon) AS stretch_end,
        retention_days, retention_source, kept
    FROM expected
    WHERE state <> 'proven' AND stretch_start < horizon
    UNION ALL
    SELECT {_SERIES}, state, FALSE, greatest(stretch_start, horizon), stretch_end,
        retention_days, retention_source, kept
    FROM expected
    WHERE state <> 'proven' AND stretch_end > horizon
    UNION ALL
    SELECT {_SERIES}, state, FALSE, stretch_start, covered_end, retention_days, retention_source, NULL
    FROM expected
    WHERE state = 'proven'
)
SELECT {_SERIES}, state, lost, stretch_start, stretch_end, retention_days, retention_source,
    stretch_start + kept AS recoverable_until,
    CAST(
        floor((extract(epoch FROM stretch_start + kept) - extract(epoch FROM {NOW})) / 86400) AS BIGINT
    ) AS days_left
FROM parts
WHERE stretch_end > stretch_start"""
_BY_START: Final = f"ORDER BY {_SERIES}, stretch_start"

COVERAGE: Final = (
    Query(
        "window_caveats",
        "Windows that are not proven, or whose proof has caveats: codes of the reasons why they are not "
        "complete and of the premises that they rest on, and whether retention is the reason. Codes are "
        "NULL if an older version without them loaded the window.",
        _UNPROVEN_WINDOWS,
    ),
    Query(
        "window_gaps",
        "Time between the first and the last loaded window of an account, endpoint and filter that no "
        "complete window covers: `missing` if no window covers it, `unproven` if only windows that are "
        "not complete do, for any reason. Time before the first or after the last window is not a gap.",
        _WINDOW_GAPS,
    ),
    Query(
        "recoverable",
        "What is missing or not proven, per account, endpoint and filter, from its first window "
        f"until {SETTLE_DAYS} days ago, and until when it can still be fetched: its first instant "
        "and the days that the exchange keeps, `documented` or `assumed`. `days_left` are whole days "
        "of 24 hours from now. What is `lost` is older than that. Windows that only "
        f"{' or '.join(f'`{code}`' for code in NOT_MENDED_BY_FETCHING)} keeps from being complete "
        "count as proven. A filtered history is reported until the unfiltered one of its account and "
        f"endpoint begins; not on {', '.join(f'`{name}`' for name in APART)}, where both go on.",
        f"{STRETCHES} AND state <> 'proven'\n{_BY_START}",
    ),
    Query(
        "coverage",
        "Every stretch of every history: each instant is in one, `proven`, `unproven` or `missing`, with "
        "what `recoverable` says of those that are not proven. A proven stretch goes on to the end of its "
        "last window, and has no `recoverable_until`.",
        f"{STRETCHES}\n{_BY_START}",
    ),
)
