-- generated from the provider's tables and queries; not to be edited
WITH filled AS (
    SELECT account, endpoint, symbol, close_type, quantity_unit, updated_at, avg_price, cum_quote,
        CASE quantity_unit WHEN 'CONTRACT' THEN cum_base ELSE executed_qty END AS base_qty
    FROM {{ source('binance', 'binance_liquidations') }}
), priced AS (
    SELECT account, endpoint, symbol, close_type, quantity_unit, updated_at,
        CAST(updated_at AT TIME ZONE 'UTC' AS DATE) AS day,
        CASE
            WHEN cum_quote IS NOT NULL THEN CAST(cum_quote AS DECIMAL(38, 16))
            WHEN abs(base_qty) < 99999999999 AND abs(avg_price) < 99999999999
            THEN CAST(base_qty AS DECIMAL(19, 8)) * CAST(avg_price AS DECIMAL(19, 8))
        END AS notional
    FROM filled
)
SELECT day, account, endpoint, symbol,
    count(*) AS liquidations,
    coalesce(sum(notional), 0) AS notional,
    count(*) - count(notional) AS unpriced
FROM priced
WHERE close_type = 'LIQUIDATION'
GROUP BY day, account, endpoint, symbol
ORDER BY day, account, endpoint, symbol
