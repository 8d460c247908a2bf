"""Weight, 429 and 418 on an address that others share."""

from __future__ import annotations

import pytest
from caller import NOW_MS, NOW_S

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.simulator.limits import LONGEST_BAN_MS, Limits, documented_limit
from airflow_provider_binance_liq.simulator.settings import Settings

WINDOW = {"startTime": NOW_MS - 1000, "endTime": NOW_MS}
NEXT_MINUTE_S = (NOW_S // 60 + 1) * 60


@pytest.mark.parametrize(
    ("endpoint", "parameters", "weight"),
    [
        ("usdm_futures", {}, 50),
        ("usdm_futures", {"symbol": "BTCUSDT"}, 20),
        ("coinm_futures", {}, 50),
        ("coinm_futures", {"symbol": "BTCUSD_PERP"}, 20),
        ("portfolio_um", {}, 50),
        ("portfolio_cm", {"symbol": "BTCUSD_PERP"}, 20),
        ("portfolio_margin", {}, 1),
        ("margin", {"isolatedSymbol": "BTCUSDT"}, 1),
    ],
)
def test_a_request_costs_its_documented_weight_and_says_what_is_used(caller, endpoint, parameters, weight):
    header = "x-sapi-used-ip-weight-1m" if endpoint == "margin" else "x-mbx-used-weight-1m"
    for times in (1, 2):
        assert caller.ask(endpoint, **WINDOW, **parameters).headers[header] == str(times * weight)
    assert [request.weight for request in caller.simulator.requests] == [weight, weight]


def test_fapi_and_dapi_share_one_counter_and_the_others_have_their_own(caller):
    used = [
        caller.ask(endpoint, **WINDOW).headers.get("x-mbx-used-weight-1m")
        for endpoint in ("usdm_futures", "coinm_futures", "portfolio_um", "portfolio_cm", "portfolio_margin")
    ]
    assert used == ["50", "100", "50", "100", "101"]
    assert caller.send("/fapi/v1/time").headers["x-mbx-used-weight-1m"] == "101"
    assert caller.send("/api/v3/time").headers["x-mbx-used-weight-1m"] == "1"


def test_a_refused_request_costs_as_well(caller):
    assert caller.ask("usdm_futures", **WINDOW, colour="red").code == -1104
    assert caller.ask("usdm_futures", **WINDOW).headers["x-mbx-used-weight-1m"] == "100"


def test_the_counter_starts_anew_with_the_utc_minute(caller, clock):
    caller.ask("usdm_futures")
    clock.now_s = NEXT_MINUTE_S - 0.001
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "100"
    clock.now_s = NEXT_MINUTE_S
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "50"


def test_minutes_can_be_shortened(start, clock):
    caller = start(minute_seconds=2.0)
    clock.now_s = NOW_S // 2 * 2
    caller.ask("usdm_futures")
    clock.now_s += 1.9
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "100"
    clock.now_s += 0.2
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "50"


def test_others_on_the_address_spend_from_the_same_budget(start, clock):
    caller = start(other_traffic=1200)
    clock.now_s = NEXT_MINUTE_S
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "50"
    clock.now_s += 30
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "700"


def test_other_addresses_have_budgets_of_their_own(caller):
    caller.ask("usdm_futures")
    caller.source = "127.0.0.2"
    assert caller.ask("usdm_futures").headers["x-mbx-used-weight-1m"] == "50"


def test_exactly_the_limit_is_served_and_the_next_is_429_until_the_minute_ends(start, clock):
    caller = start(weight_limits=(("futures", 100),))
    assert [caller.ask("usdm_futures").status for _ in range(3)] == [200, 200, 429]
    clock.now_s = NEXT_MINUTE_S
    assert caller.ask("usdm_futures").status == 200
    assert not caller.simulator.requests[-1].during_hold


def test_going_on_after_429_bans_every_family(start):
    caller = start(weight_limits=(("futures", 50),), tolerated_429s=2)
    assert [caller.ask("usdm_futures").status for _ in range(5)] == [200, 429, 429, 418, 418]
    assert caller.ask("margin").status == 418
    assert caller.send("/papi/v1/ping").status == 418
    stats = caller.simulator.stats
    assert (stats.throttled, stats.banned, stats.during_ban) == (2, 4, 3)
    assert stats.highest_share == 4.0


def test_a_ban_says_until_when_and_each_request_during_it_doubles_it(start, clock):
    caller = start(weight_limits=(("futures", 50),), tolerated_429s=0, ban_seconds=10.0)
    caller.ask("usdm_futures")
    untils = [
        int(caller.ask("usdm_futures").json["msg"].partition("banned until ")[2][:13]) - NOW_MS
        for _ in range(3)
    ]
    assert untils == [10_000, 20_000, 40_000]
    clock.now_s += 41
    clock.now_s = max(clock.now_s, NEXT_MINUTE_S)
    assert caller.ask("usdm_futures").status == 200


def test_a_ban_never_grows_beyond_three_days():
    limits = Limits(Settings(seed=7))
    untils = [limits.ban("127.0.0.1", NOW_MS) - NOW_MS for _ in range(40)]
    assert untils[0] == 120_000
    assert untils[-1] == LONGEST_BAN_MS


@pytest.mark.parametrize(
    ("knob", "endpoint", "says"),
    [
        (None, "margin", True),
        (None, "usdm_futures", False),
        (True, "usdm_futures", True),
        (False, "margin", False),
    ],
)
def test_retry_after_comes_where_it_is_documented_or_wanted(start, knob, endpoint, says):
    caller = start(weight_limits=(("futures", 1), ("sapi", 0)), tolerated_429s=1, retry_after=knob)
    throttled, banned = caller.ask(endpoint), caller.ask(endpoint)
    assert (throttled.status, banned.status) == (429, 418)
    assert throttled.code == banned.code == -1003
    left_s = int(NEXT_MINUTE_S - NOW_S)
    assert throttled.headers.get("retry-after") == (str(left_s) if says else None)
    assert banned.headers.get("retry-after") == ("120" if says else None)


def test_a_ban_may_keep_its_end_to_itself(start):
    caller = start(weight_limits=(("futures", 1),), tolerated_429s=0, ban_until_in_body=False)
    answer = caller.ask("usdm_futures")
    assert (answer.status, "until" in answer.json["msg"]) == (418, False)


def test_limits_are_those_of_the_table_unless_overridden():
    limits = {name: documented_limit(endpoint.weight_pool) for name, endpoint in ENDPOINTS.items()}
    assert limits == {name: endpoint.family.weight_limit for name, endpoint in ENDPOINTS.items()}
    assert (limits["usdm_futures"], limits["portfolio_margin"], limits["margin"]) == (2400, 6000, 12_000)
    assert documented_limit("sapi:restrictions") == 12_000
    assert documented_limit("api") == 6000
    assert Limits(Settings(weight_limits=(("sapi", 5),))).limit("sapi:margin") == 5


def test_requests_remember_what_a_test_asks_for(start, clock):
    caller = start(weight_limits=(("futures", 100),))
    caller.ask("usdm_futures", symbol="币安人生USDT")
    caller.ask("usdm_futures")
    caller.ask("usdm_futures")
    caller.ask("usdm_futures")
    first, _, throttled, after = caller.simulator.requests
    assert (first.endpoint, first.account, first.path) == ("usdm_futures", "demo", "/fapi/v1/forceOrders")
    assert (first.weight, first.used_weight, first.weight_limit, first.at_ms) == (20, 20, 100, NOW_MS)
    assert first.params["symbol"] == "币安人生USDT"
    assert len(first.params["signature"]) == 64
    assert (throttled.status, throttled.during_hold, after.during_hold) == (429, False, True)
    caller.simulator.forget_requests()
    assert caller.simulator.requests == ()


def test_an_endpoint_that_allows_one_request_a_second_refuses_the_next_one_within_it(caller):
    assert caller.ask("flexible_loan", **WINDOW).status == 200
    caller.clock.now_s -= ENDPOINTS["flexible_loan"].min_interval_ms / 1000  # which the caller waits itself
    assert caller.ask("flexible_loan", **WINDOW).status == 429


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_clock_that_is_set_back_makes_no_request_come_too_soon(caller, endpoint):
    assert caller.ask(endpoint, **WINDOW).status == 200
    caller.clock.now_s -= 3600
    assert caller.ask(endpoint, startTime=caller.now_ms - 1000, endTime=caller.now_ms).status == 200
