-- Rows that can still be extracted, and will be lost within `binance_warn_days` (14): extract these windows.
select account, endpoint, symbols, auto_close_type, state, stretch_start, stretch_end, recoverable_until
from {{ ref('liquidation_coverage') }}
where state <> 'proven' and not lost and days_left < {{ var('binance_warn_days', 14) }}
