-- generated from the provider's tables and queries; not to be edited
WITH RECURSIVE stretches_of_all AS (
WITH judged AS (
    SELECT account, endpoint, symbols, auto_close_type, window_start, window_end, CASE WHEN complete OR incomplete_reasons IN ('isolated_rows', 'recorded_by_endpoint', 'isolated_rows,recorded_by_endpoint', 'recorded_by_endpoint,isolated_rows') THEN 1 ELSE 0 END AS proven
    FROM {{ source('binance', 'binance_liquidation_windows') }}
), edges AS (
    SELECT account, endpoint, symbols, auto_close_type, window_start AS instant, 1 AS loaded, proven FROM judged
    UNION ALL
    SELECT account, endpoint, symbols, auto_close_type, window_end, -1, -proven FROM judged
), steps AS (
    SELECT account, endpoint, symbols, auto_close_type, instant, sum(loaded) AS loaded, sum(proven) AS proven
    FROM edges
    GROUP BY account, endpoint, symbols, auto_close_type, instant
), depths AS (
    SELECT account, endpoint, symbols, auto_close_type, instant,
        CASE WHEN sum(proven) OVER (PARTITION BY account, endpoint, symbols, auto_close_type ORDER BY instant) > 0 THEN 'proven'
            WHEN sum(loaded) OVER (PARTITION BY account, endpoint, symbols, auto_close_type ORDER BY instant) > 0 THEN 'unproven'
            ELSE 'missing' END AS state
    FROM steps
), changes AS (
    SELECT account, endpoint, symbols, auto_close_type, instant, state, lag(state) OVER (PARTITION BY account, endpoint, symbols, auto_close_type ORDER BY instant) AS state_before
    FROM depths
), stretches AS (
    SELECT account, endpoint, symbols, auto_close_type, state, instant AS stretch_start, lead(instant) OVER (PARTITION BY account, endpoint, symbols, auto_close_type ORDER BY instant) AS stretch_end
    FROM changes
    WHERE state_before IS NULL OR state <> state_before
), retentions (endpoint, retention_days, retention_source) AS (
    VALUES
        ('usdm_futures', 90, 'assumed'),
        ('coinm_futures', 90, 'documented'),
        ('portfolio_um', 90, 'assumed'),
        ('portfolio_cm', 90, 'assumed'),
        ('portfolio_margin', 90, 'assumed'),
        ('margin', 90, 'assumed'),
        ('margin_capital_flow', 90, 'documented'),
        ('flexible_loan', 90, 'assumed')
), wholes AS (
    SELECT account, endpoint, min(window_start) AS whole_start
    FROM {{ source('binance', 'binance_liquidation_windows') }}
    WHERE symbols = '' AND auto_close_type = '' AND endpoint NOT IN ('margin', 'margin_capital_flow')
    GROUP BY account, endpoint
), expected AS (
    SELECT stretches.account, stretches.endpoint, symbols, auto_close_type, state, stretch_start,
        least(stretch_end, coalesce(whole_start, stretch_end)) AS covered_end,
        least(
            coalesce(stretch_end, current_timestamp - 2 * INTERVAL '24 hours'),
            coalesce(whole_start, current_timestamp - 2 * INTERVAL '24 hours'),
            current_timestamp - 2 * INTERVAL '24 hours'
        ) AS stretch_end,
        retention_days, retention_source, retention_days * INTERVAL '24 hours' AS kept,
        current_timestamp - retention_days * INTERVAL '24 hours' AS horizon
    FROM stretches
        JOIN retentions ON retentions.endpoint = stretches.endpoint
        LEFT JOIN wholes ON wholes.account = stretches.account AND wholes.endpoint = stretches.endpoint
            AND (symbols <> '' OR auto_close_type <> '')
), parts AS (
    SELECT account, endpoint, symbols, auto_close_type, state, TRUE AS lost, stretch_start, least(stretch_end, horizon) AS stretch_end,
        retention_days, retention_source, kept
    FROM expected
    WHERE state <> 'proven' AND stretch_start < horizon
    UNION ALL
    SELECT account, endpoint, symbols, auto_close_type, state, FALSE, greatest(stretch_start, horizon), stretch_end,
        retention_days, retention_source, kept
    FROM expected
    WHERE state <> 'proven' AND stretch_end > horizon
    UNION ALL
    SELECT account, endpoint, symbols, auto_close_type, state, FALSE, stretch_start, covered_end, retention_days, retention_source, NULL
    FROM expected
    WHERE state = 'proven'
)
SELECT account, endpoint, symbols, auto_close_type, state, lost, stretch_start, stretch_end, retention_days, retention_source,
    stretch_start + kept AS recoverable_until,
    CAST(
        floor((extract(epoch FROM stretch_start + kept) - extract(epoch FROM current_timestamp)) / 86400) AS BIGINT
    ) AS days_left
FROM parts
WHERE stretch_end > stretch_start
), covered AS (
    SELECT account, endpoint, state, lost, stretch_start, stretch_end, recoverable_until
    FROM stretches_of_all
    WHERE symbols = '' AND auto_close_type = '' AND endpoint IN ('usdm_futures', 'coinm_futures', 'portfolio_um', 'portfolio_cm', 'portfolio_margin', 'margin')
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
    FROM {{ source('binance', 'binance_liquidations') }}
    GROUP BY account, endpoint, CAST(updated_at AT TIME ZONE 'UTC' AS DATE)
)
SELECT judged.day, judged.account, judged.endpoint,
    CASE worst WHEN 0 THEN 'proven' WHEN 1 THEN 'unproven' ELSE 'missing' END AS state,
    lost, recoverable_until,
    coalesce(liquidations, 0) AS liquidations, coalesce(adls, 0) AS adls, coalesce(others, 0) AS others
FROM judged LEFT JOIN counted ON counted.account = judged.account
    AND counted.endpoint = judged.endpoint AND counted.day = judged.day
ORDER BY judged.day, judged.account, judged.endpoint
