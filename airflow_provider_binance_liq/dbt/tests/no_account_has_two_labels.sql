-- generated from the provider's tables and queries; not to be edited
{{ config(severity='error') }}
SELECT one.endpoint, one.account, other.account AS also_account,
    count(*) AS orders,
    min(one.updated_at) AS first_updated_at, max(one.updated_at) AS last_updated_at
FROM {{ source('binance', 'binance_liquidations') }} AS one JOIN {{ source('binance', 'binance_liquidations') }} AS other
    ON other.endpoint = one.endpoint AND other.symbol = one.symbol AND other.order_id = one.order_id
    AND other.updated_at = one.updated_at AND other.created_at IS NOT DISTINCT FROM one.created_at
    AND other.account > one.account
GROUP BY one.endpoint, one.account, other.account
ORDER BY one.endpoint, one.account, other.account
