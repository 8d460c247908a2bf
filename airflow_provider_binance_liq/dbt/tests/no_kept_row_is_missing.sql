-- generated from the provider's tables and queries; not to be edited
{{ config(severity='warn') }}
SELECT kept.account, kept.endpoint, kept.symbol, kept.order_id, kept.updated_at, kept.extracted_at,
    min(later.extracted_at) AS missing_at, bool_or(later.complete) AS missing_is_proven
FROM {{ source('binance', 'binance_liquidations') }} AS kept JOIN {{ source('binance', 'binance_liquidation_windows') }} AS later
    ON later.account = kept.account AND later.endpoint = kept.endpoint
    AND later.window_start <= kept.updated_at AND later.window_end > kept.updated_at
    AND later.extracted_at > kept.extracted_at
    AND (later.symbols = '' OR position(',' || kept.symbol || ',' IN ',' || later.symbols || ',') > 0)
    AND later.auto_close_type IN ('', kept.close_type)
WHERE NOT EXISTS (
    SELECT 1 FROM {{ source('binance', 'binance_liquidation_windows') }} AS stored
    WHERE stored.account = kept.account AND stored.endpoint = kept.endpoint
        AND stored.object_sha256 = kept.object_sha256
)
GROUP BY kept.account, kept.endpoint, kept.symbol, kept.order_id, kept.updated_at, kept.extracted_at
ORDER BY kept.account, kept.endpoint, kept.symbol, kept.order_id
