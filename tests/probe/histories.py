"""Accounts as probes meet them: a few rows over three months, of which some tell hypotheses apart."""

from __future__ import annotations

from support.running import NOW_S

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import make_row

NOW_MS = int(NOW_S * 1000)
HOUR_MS = 3_600_000
BY_TIME = [name for name in WITH_ORDERS if ENDPOINTS[name].is_by_time]
BY_NUMBER = [name for name in WITH_ORDERS if not ENDPOINTS[name].is_by_time]
#: endpoint → two symbols that exchangeInfo lists
SYMBOLS = {
    name: ("BTCUSD_PERP", "ETHUSD_PERP") if ENDPOINTS[name].in_contracts else ("BTCUSDT", "ETHUSDT")
    for name in WITH_ORDERS
}
MARKS = {"L": "autoclose-1", "A": "adl_autoclose", "O": "settlement_autoclose-1"}
#: age in ms, delay of the update in ms, order id, which symbol, type: the orders by each of them differ
DRAFT = [
    (1 * HOUR_MS, 40, 500, 0, "L"),
    (1 * HOUR_MS - 10, 5, 900, 1, "A"),
    (1 * HOUR_MS - 30, 1, 100, 0, "A"),
    (1 * HOUR_MS - 5000, 70, 50, 1, "L"),
    (2 * DAY_MS, 43, 910, 0, "L"),
    (2 * DAY_MS - 20, 3, 20, 1, "A"),
    (5 * DAY_MS, 12, 700, 1, "L"),
    (9 * DAY_MS, 31, 30, 0, "A"),
    (20 * DAY_MS, 50, 710, 1, "L"),
    (33 * DAY_MS, 4, 720, 0, "L"),
    (61 * DAY_MS, 5, 40, 1, "A"),
    (88 * DAY_MS, 60, 730, 0, "L"),
]


def rich(endpoint, draft=DRAFT, **values):
    """Rows by which everything can be told that rows can tell."""
    return [_row(endpoint, *one, **values) for one in draft]


def _row(endpoint, age_ms, delay_ms, order_id, symbol, mark, **values):
    at = NOW_MS - age_ms
    own = {"orderId": order_id, "symbol": SYMBOLS[endpoint][symbol]}
    if endpoint in BY_TIME:
        own |= {"time": at, "updateTime": at + delay_ms, "clientOrderId": MARKS[mark]}
    else:
        own |= {"time": at}
        if ENDPOINTS[endpoint].asks_isolated_apart:
            own["isIsolated"] = True
    return make_row(endpoint, **{**own, **values})
