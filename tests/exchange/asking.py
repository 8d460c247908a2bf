"""What the tests of the client ask, and what the scripted exchange answers."""

from __future__ import annotations

from support.scripted import reply

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import PageQuery

FUTURES = get_endpoint("usdm_futures")
MARGIN = get_endpoint("margin")
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
CHINESE = "币安人生USDT"
ROW = (
    '{"orderId":8389765612825190229,"symbol":"币安人生USDT","time":1791590400000,"updateTime":1791590400043}'
)


def ask_of(endpoint, **known):
    number = 1 if not endpoint.is_by_time else None
    return PageQuery(1_791_590_400_000, 1_791_676_799_999, number=number, **known)


def empty_of(endpoint):
    return reply(200, [] if endpoint.is_by_time else {"rows": [], "total": 0})


def refusal(status, code, msg="", **headers):
    return reply(status, {"code": code, "msg": msg}, **headers)


def listing(limit, interval="MINUTE", many=1):
    told = {"rateLimitType": "REQUEST_WEIGHT", "interval": interval, "intervalNum": many, "limit": limit}
    return reply(200, {"rateLimits": [{"rateLimitType": "ORDERS", "limit": 1200}, told], "symbols": []})
