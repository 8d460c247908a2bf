"""Fidelity, judged by clients of others: the exchange's own SDKs and ccxt, with every kind of key.

They sign, send, parse and validate in their own ways. What they get has to be the truth, as far as they can
say it: at most one page, and for ccxt liquidations only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import Settings, Simulator
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED
from airflow_provider_binance_liq.simulator.symbols import day_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
pytest.importorskip("ccxt")
pytest.importorskip("binance_common")

KINDS = ("hmac", "rsa", "ed25519")


@dataclass(frozen=True)
class Key:
    kind: str
    api_key: str
    secret: str


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The clients read the machine's clock, so this simulator does too; its weights never run out."""
    pools = ("futures", "papi", "sapi", "api")
    settings = Settings(
        seed=7, cascade_every=3, cascade_rows=400, weight_limits=tuple((pool, 10**9) for pool in pools)
    )
    with Simulator(settings) as simulator:
        yield simulator


@pytest.fixture(scope="module", params=KINDS)
def key(request, simulator, rsa_key, ed25519_key) -> Key:
    if request.param == "hmac":
        credentials = simulator.credentials()
        return Key("hmac", credentials.api_key, credentials.secret)
    pair = rsa_key if request.param == "rsa" else ed25519_key
    simulator.register_key("demo", f"Key{request.param}", pair.public_pem)
    return Key(request.param, f"Key{request.param}", pair.private_pem)


@pytest.fixture
def sdk(simulator, key):
    """Ask any endpoint through the official SDK that serves it; return its answer's data."""
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_derivatives_trading_coin_futures import DerivativesTradingCoinFutures
    from binance_sdk_derivatives_trading_portfolio_margin import DerivativesTradingPortfolioMargin
    from binance_sdk_derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
    from binance_sdk_margin_trading import MarginTrading

    secret = {"api_secret": key.secret} if key.kind == "hmac" else {"private_key": key.secret}
    settings = ConfigurationRestAPI(
        api_key=key.api_key, base_path=simulator.url, timeout=20_000, retries=0, **secret
    )
    portfolio = DerivativesTradingPortfolioMargin(config_rest_api=settings).rest_api
    calls = {
        "usdm_futures": DerivativesTradingUsdsFutures(config_rest_api=settings).rest_api.users_force_orders,
        "coinm_futures": DerivativesTradingCoinFutures(config_rest_api=settings).rest_api.users_force_orders,
        "portfolio_um": portfolio.query_users_um_force_orders,
        "portfolio_cm": portfolio.query_users_cm_force_orders,
        "portfolio_margin": portfolio.query_users_margin_force_orders,
        "margin": MarginTrading(config_rest_api=settings).rest_api.get_force_liquidation_record,
    }
    return lambda endpoint, **parameters: calls[endpoint](**parameters).data()


@pytest.fixture
def ccxt_with(simulator, key):
    """Make a ccxt with some kinds of market, with every one of its origins replaced and nothing else.

    With spot and linear markets together it cannot tell which BTCUSDT a row means.
    """
    import ccxt

    def make(*kinds: str) -> ccxt.binance:
        exchange = ccxt.binance({"apiKey": key.api_key, "secret": key.secret, "enableRateLimit": False})
        exchange.options["fetchCurrencies"] = False
        exchange.options["fetchMarkets"]["types"] = list(kinds)
        exchange.urls["api"] = {
            name: f"{simulator.url}/{url.split('/', 3)[3]}" for name, url in exchange.urls["api"].items()
        }
        exchange.load_markets()
        return exchange

    return make


def as_sent(rows: list[Any]) -> list[dict[str, Any]]:
    """What the SDK's models hold, under the exchange's own names; no field was unknown to them."""
    dicts = [row.to_dict() for row in rows]
    assert not any(row.pop("additional_properties", None) for row in dicts)
    return dicts


def truth(simulator: Simulator, endpoint: str, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
    return [json.loads(row) for row in simulator.truth(endpoint, start_ms=start_ms, end_ms=end_ms)]


def by_key(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["symbol"], row["orderId"]))


def rows_of(endpoint: str, data: Any) -> list[dict[str, Any]]:
    return as_sent(data if ENDPOINTS[endpoint].is_by_time else data.rows)


def cascade(simulator: Simulator) -> int:
    """Start of the last cascade day that is over, in epoch ms."""
    now_ms = simulator.now_ms
    day = simulator.cascade_days(now_ms - 6 * DAY_MS, now_ms - DAY_MS - now_ms % DAY_MS)[-1]
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_the_official_sdk_gets_the_documented_rows(sdk, endpoint):
    day_ms = day_of(DOCUMENTED[endpoint][0].time_ms) * DAY_MS
    data = sdk(endpoint, start_time=day_ms, end_time=day_ms + DAY_MS - 1)
    assert rows_of(endpoint, data) == [json.loads(record.body) for record in DOCUMENTED[endpoint]]


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_the_official_sdk_gets_the_truth_of_quiet_days(sdk, simulator, endpoint):
    start_ms = cascade(simulator) - 2 * DAY_MS
    size = "limit" if ENDPOINTS[endpoint].is_by_time else "size"
    data = sdk(endpoint, start_time=start_ms, end_time=start_ms + 2 * DAY_MS - 1, **{size: 100})
    expected = truth(simulator, endpoint, start_ms, start_ms + 2 * DAY_MS)
    assert by_key(rows_of(endpoint, data)) == by_key(expected)


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_the_official_sdk_gets_one_page_of_a_cascade(sdk, simulator, endpoint):
    """One page is all that it ever gets from the endpoints by time; the others it can be told to go on."""
    start_ms = cascade(simulator)
    window = {"start_time": start_ms, "end_time": start_ms + DAY_MS - 1}
    expected = truth(simulator, endpoint, start_ms, start_ms + DAY_MS)
    assert len(expected) == 400
    if ENDPOINTS[endpoint].is_by_time:
        rows = rows_of(endpoint, sdk(endpoint, **window, limit=100))
        assert by_key(rows) == by_key(expected[-100:])
    else:
        pages = [sdk(endpoint, **window, size=100, current=number) for number in range(1, 5)]
        assert {page.total for page in pages} == {400}
        assert by_key([row for page in pages for row in rows_of(endpoint, page)]) == by_key(expected)


@pytest.mark.parametrize("endpoint", ["usdm_futures", "portfolio_um", "margin"])
def test_the_official_sdk_filters_by_a_symbol_that_is_not_ascii(sdk, simulator, endpoint):
    start_ms, symbol = cascade(simulator), "币安人生USDT"
    name, size = ("isolated_symbol", "size") if endpoint == "margin" else ("symbol", "limit")
    filters = {name: symbol, size: 100}
    data = sdk(endpoint, start_time=start_ms, end_time=start_ms + DAY_MS - 1, **filters)
    expected = [
        row
        for row in truth(simulator, endpoint, start_ms, start_ms + DAY_MS)
        if row["symbol"] == symbol and row.get("isIsolated", True)
    ]
    assert expected
    assert by_key(rows_of(endpoint, data)) == by_key(expected)


@pytest.mark.parametrize("close_type", ["LIQUIDATION", "ADL"])
def test_the_official_sdk_filters_by_close_type(sdk, simulator, close_type):
    start_ms = cascade(simulator)
    rows = rows_of(
        "usdm_futures",
        sdk("usdm_futures", start_time=start_ms, end_time=start_ms + DAY_MS - 1, auto_close_type=close_type),
    )
    assert len(rows) == 50
    assert {row["clientOrderId"] == "adl_autoclose" for row in rows} == {close_type == "ADL"}


def test_the_official_sdk_knows_a_refusal_when_it_sees_one(sdk):
    from binance_common.errors import BadRequestError

    with pytest.raises(BadRequestError) as refused:
        sdk("usdm_futures", symbol="NOSUCHUSDT")
    assert "Invalid symbol" in str(refused.value)


CCXT = {
    "usdm_futures": {"subType": "linear", "type": "swap"},
    "coinm_futures": {"subType": "inverse", "type": "swap"},
    "portfolio_um": {"subType": "linear", "type": "swap", "portfolioMargin": True},
    "portfolio_cm": {"subType": "inverse", "type": "swap", "portfolioMargin": True},
    "portfolio_margin": {"type": "spot", "portfolioMargin": True},
    "margin": {"type": "spot"},
}


MARKETS = {
    "usdm_futures": "linear",
    "coinm_futures": "inverse",
    "portfolio_um": "linear",
    "portfolio_cm": "inverse",
    "portfolio_margin": "spot",
    "margin": "spot",
}


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_ccxt_gets_the_documented_liquidations(ccxt_with, endpoint):
    day_ms = day_of(DOCUMENTED[endpoint][0].time_ms) * DAY_MS
    found = ccxt_with(MARKETS[endpoint]).fetch_my_liquidations(
        None, day_ms, None, {**CCXT[endpoint], "endTime": day_ms + DAY_MS - 1}
    )
    liquidations = [record for record in DOCUMENTED[endpoint] if record.close_type == "LIQUIDATION"]
    assert [row["info"]["orderId"] for row in found] == [record.id for record in liquidations]
    assert [row["timestamp"] for row in found] == [record.update_ms for record in liquidations]


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_ccxt_gets_the_liquidations_of_quiet_days(ccxt_with, simulator, endpoint):
    start_ms = cascade(simulator) - 2 * DAY_MS
    found = ccxt_with(MARKETS[endpoint]).fetch_my_liquidations(
        None, start_ms, 100, {**CCXT[endpoint], "endTime": start_ms + 2 * DAY_MS - 1}
    )
    expected = [
        row
        for row in truth(simulator, endpoint, start_ms, start_ms + 2 * DAY_MS)
        if row.get("clientOrderId") != "adl_autoclose"
    ]
    assert sorted((row["info"]["symbol"], row["info"]["orderId"]) for row in found) == sorted(
        (row["symbol"], row["orderId"]) for row in expected
    )


def test_ccxt_filters_by_a_symbol_that_is_not_ascii(ccxt_with, simulator):
    start_ms = cascade(simulator)
    found = ccxt_with("linear").fetch_my_liquidations(
        "币安人生/USDT:USDT", start_ms, 100, {"endTime": start_ms + DAY_MS - 1}
    )
    expected = [
        row["orderId"]
        for row in truth(simulator, "usdm_futures", start_ms, start_ms + DAY_MS)
        if row["symbol"] == "币安人生USDT" and row["clientOrderId"] != "adl_autoclose"
    ]
    assert expected
    assert sorted(row["info"]["orderId"] for row in found) == sorted(expected)


def test_ccxt_finds_the_markets_and_their_kinds(ccxt_with):
    exchange = ccxt_with("spot", "linear", "inverse")
    assert exchange.market("BTC/USDT:USDT")["linear"]
    assert exchange.market("BTC/USD:BTC")["inverse"]
    assert exchange.market("BNB/BTC")["spot"]


def test_ccxt_understands_a_ban(ccxt_with):
    import ccxt

    exchange = ccxt_with("linear")
    with Simulator(Settings(seed=7, weight_limits=(("futures", 1),), tolerated_429s=0)) as strict:
        exchange.urls["api"]["fapiPrivate"] = f"{strict.url}/fapi/v1"
        with pytest.raises(ccxt.DDoSProtection, match="banned until"):
            exchange.fetch_my_liquidations(None, None, None, CCXT["usdm_futures"])
