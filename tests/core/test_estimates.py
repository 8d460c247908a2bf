"""The law of the lower bound: what is estimated is sent where nothing is asked twice, and never less."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples
from support.model_exchange import ModelExchange, drive, make_order

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.estimates import (
    LEAST_SHARE,
    MOST_SHARE,
    EndpointCost,
    WindowSeries,
    estimate,
    least_minutes,
    pool_costs,
)
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.paging import plan
from airflow_provider_binance_liq.core.units import DAY_MS, MINUTE_MS
from airflow_provider_binance_liq.core.weights import PoolLimit
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidRequest
from airflow_provider_binance_liq.extraction.reader import Filters

START = 1_790_812_800_000  # 2026-10-01
USDM, COINM, MARGIN = map(get_endpoint, ("usdm_futures", "coinm_futures", "margin"))

endpoints = st.sampled_from(list(ENDPOINTS.values()))
#: each of them lets one request of any endpoint through
shares = st.floats(0.034, MOST_SHARE)


def days(number, every_ms=DAY_MS):
    return WindowSeries(Window(START, START + number * DAY_MS), every_ms)


@st.composite
def serieses(draw, longest_ms=400 * DAY_MS, most=200):
    length = draw(st.integers(1, longest_ms))
    every = draw(st.integers(max(1, length // most), 2 * length))
    return WindowSeries(Window(START, START + length), every)


def laid_out(series):
    starts = range(series.whole.start_ms, series.whole.end_ms, series.every_ms)
    return [Window(start, min(start + series.every_ms, series.whole.end_ms)) for start in starts]


def asked_of(endpoint, number):
    if endpoint.kind.symbol is None:  # its rows cannot be filtered by one
        number = 0
    return Filters.of(endpoint, [f"S{index}USDT" for index in range(number)], None).per_request(endpoint)


# --- series ---------------------------------------------------------------------------------------------


@given(serieses(), st.integers(-DAY_MS, 401 * DAY_MS))
def test_a_series_counts_what_it_would_lay_out(series, offset):
    windows, instant = laid_out(series), START + offset
    assert series.count == len(windows)
    lengths = [window.end_ms - window.start_ms for window in windows]
    assert series.lengths() == {length: lengths.count(length) for length in lengths}
    assert series.starting_before(instant) == sum(window.start_ms < instant for window in windows)
    assert series.ending_after(instant) == sum(window.end_ms > instant for window in windows)


@pytest.mark.parametrize("every", [0, -1])
def test_a_window_without_a_length_is_refused(every):
    with pytest.raises(InvalidInterval, match="at least 1 ms"):
        WindowSeries(Window(0, 1), every)


def test_windows_of_a_minute_over_all_of_time_are_only_counted():
    series = WindowSeries(Window(0, 253_402_300_800_000), MINUTE_MS)
    assert estimate(USDM, series).windows == 253_402_300_800_000 // MINUTE_MS


# --- requests and weight --------------------------------------------------------------------------------


@given(endpoints, serieses(), st.integers(0, 12), st.integers(1, 9), shares, st.integers(0, 2000))
def test_requests_are_no_fewer_than_windows_and_weigh_what_each_costs(
    endpoint, series, symbols, accounts, share, rows
):
    asked = asked_of(endpoint, symbols)
    cost = estimate(
        endpoint, series, asked=asked, accounts=accounts, share=share, expected_rows=rows
    )  # fmt: skip
    assert cost.requests >= cost.spans * len(asked) >= cost.windows * len(asked) >= series.count * accounts
    assert cost.requests * endpoint.pager.page_size >= cost.windows * len(asked) * rows
    assert cost.weight == cost.requests * endpoint.request_weight(symbol=asked[0] is not None)
    assert cost.minutes * cost.allowed >= cost.weight
    alone = estimate(endpoint, series, asked=asked, share=share, expected_rows=rows)
    assert (cost.windows, cost.requests) == (alone.windows * accounts, alone.requests * accounts)


@given(endpoints, serieses())
def test_a_window_is_asked_for_in_the_spans_that_it_is_split_into(endpoint, series):
    spans = [span for window in laid_out(series) for span in window.split(endpoint.max_span_ms)]
    assert estimate(endpoint, series).spans == estimate(endpoint, series).requests == len(spans)


@pytest.mark.parametrize(("every_days", "windows", "requests"), [(1, 90, 90), (6, 15, 15), (7, 13, 25)])
def test_a_week_is_longer_than_one_request_may_span(every_days, windows, requests):
    # Twelve weeks in two spans each, and a rest of six days.
    cost = estimate(USDM, days(90, every_days * DAY_MS))
    assert (cost.windows, cost.requests) == (windows, requests)


@pytest.mark.parametrize(
    ("rows", "requests"), [(0, 1), (1, 1), (99, 1), (100, 1), (101, 2), (1000, 10), (1001, 11)]
)
def test_a_cascade_takes_a_request_for_each_hundred_rows(rows, requests):
    assert estimate(USDM, days(1), expected_rows=rows).requests == requests


@pytest.mark.parametrize(("rows", "requests"), [(0, 5), (500, 5), (501, 6)])
def test_rows_of_a_long_window_may_lie_in_any_of_its_spans(rows, requests):
    assert estimate(USDM, days(30, 30 * DAY_MS), expected_rows=rows).requests == requests


@pytest.mark.parametrize("symbols", [0, 1, 2, 10])
@pytest.mark.parametrize("name", ["usdm_futures", "coinm_futures", "portfolio_um", "portfolio_cm"])
def test_symbols_are_asked_for_all_at_once(name, symbols):
    endpoint = get_endpoint(name)
    cost = estimate(endpoint, days(1), asked=asked_of(endpoint, symbols))
    assert (cost.requests, cost.weight) == (1, 50)


@pytest.mark.parametrize(
    ("name", "symbols", "requests"),
    [("margin", 0, 1), ("margin", 1, 1), ("margin", 10, 10), ("portfolio_margin", 10, 1)],
)
def test_numbered_pages_are_asked_for_apart_where_there_is_a_parameter(name, symbols, requests):
    endpoint = get_endpoint(name)
    cost = estimate(endpoint, days(1), asked=asked_of(endpoint, symbols))
    assert (cost.requests, cost.weight) == (requests, requests)


@pytest.mark.parametrize("name", ["usdm_futures", "margin"])
@pytest.mark.parametrize("rows", [0, 1, 49, 89, 95, 100, 101, 250, 1000])
@pytest.mark.parametrize("keep", ["oldest", "newest"])
def test_paging_never_asks_less_than_estimated(name, rows, keep):
    endpoint = get_endpoint(name)
    window = Window(START, START + DAY_MS)
    orders = [make_order("BTCUSDT", index, START + 1000 * index) for index in range(rows)]
    exchange = ModelExchange(orders, keep=keep)
    found, _ = drive(plan(endpoint, window), exchange)
    assert len(found) == rows
    least = estimate(endpoint, days(1), expected_rows=rows).requests
    assert least <= len(exchange.asked) <= 2 * least + 3
    # Exactly so many where no page has to be proven by another one.
    if not endpoint.is_by_time or rows < 50:
        assert len(exchange.asked) == least


# --- minutes --------------------------------------------------------------------------------------------


@given(endpoints, serieses(), shares, shares, st.integers(1, 50))
def test_a_larger_share_never_takes_longer(endpoint, series, one, other, accounts):
    less, more = sorted((one, other))
    slow = estimate(endpoint, series, accounts=accounts, share=less)
    fast = estimate(endpoint, series, accounts=accounts, share=more)
    assert (slow.requests, slow.weight) == (fast.requests, fast.weight)
    assert slow.minutes >= fast.minutes >= 1


def minutes_spent(weights, limit, share):
    """How many minutes of the exchange's a budget needs to let requests of these weights go in turn."""
    budget, now = PoolLimit(limit, share), START
    for weight in weights:
        now = budget.ready_at(now, weight)
        budget.send("one", now, weight)
        budget.answer("one", now)
    return (now - START) // MINUTE_MS + 1


@examples(50)
@given(endpoints, st.integers(1, 60), st.integers(0, 3), shares)
def test_one_endpoints_minutes_are_those_that_the_budget_lets_it_take(endpoint, number, symbols, share):
    cost = estimate(endpoint, days(number), asked=asked_of(endpoint, symbols), share=share)
    weights = [cost.request_weight] * cost.requests
    assert cost.minutes == minutes_spent(weights, endpoint.family.weight_limit, share)


@examples(100)
@given(st.data(), shares)
def test_a_pools_minutes_are_never_more_than_the_budget_takes(data, share):
    names = ("portfolio_um", "portfolio_cm", "portfolio_margin")
    costs = [
        estimate(
            get_endpoint(name),
            days(data.draw(st.integers(1, 60))),
            asked=asked_of(get_endpoint(name), data.draw(st.integers(0, 3))),
            share=share,
        )
        for name in names
    ]
    (pool,) = pool_costs(costs)
    weights = [cost.request_weight for cost in costs for _ in range(cost.requests)]
    taken = minutes_spent(data.draw(st.permutations(weights)), 6000, share)
    assert max(cost.minutes for cost in costs) <= pool.minutes <= taken


def test_a_request_is_not_spread_over_two_minutes():
    # 72 of 2,400 a minute: one request of 50, and 22 that nothing can use.
    cost = estimate(USDM, days(10), share=0.03)
    assert (cost.allowed, cost.weight, cost.minutes) == (72, 500, 10)


def test_small_requests_fill_what_large_ones_leave():
    large = EndpointCost(USDM, 3, 3, 3, 50, 72)
    small = EndpointCost(USDM, 3, 3, 3, 20, 72)
    (pool,) = pool_costs([large, small])
    assert (pool.weight, pool.minutes) == (210, 3)


def test_a_large_request_takes_the_place_of_a_small_one_at_least():
    # Three minutes hold at most seven small ones beside the large one, though the weight of nine would fit.
    large = EndpointCost(USDM, 1, 1, 1, 50, 79)
    small = EndpointCost(USDM, 9, 9, 9, 20, 79)
    (pool,) = pool_costs([large, small])
    assert (pool.weight, pool.minutes) == (230, 4)


# --- pools ----------------------------------------------------------------------------------------------


def test_fapi_and_dapi_share_one_budget():
    alone = estimate(USDM, days(480))
    assert (alone.weight, alone.minutes) == (24_000, 20)
    (pool,) = pool_costs([alone, estimate(COINM, days(480))])
    assert (pool.name, pool.limit, pool.allowed) == ("futures", 2400, 1200)
    assert (pool.requests, pool.weight, pool.minutes) == (960, 48_000, 40)


@given(st.lists(endpoints, min_size=1, unique_by=lambda one: one.name), serieses(), shares, st.integers(1, 4))
def test_pools_add_up_to_their_endpoints_and_the_slowest_counts(chosen, series, share, accounts):
    costs = [estimate(endpoint, series, share=share, accounts=accounts) for endpoint in chosen]
    pools = pool_costs(costs)
    assert [pool.name for pool in pools] == list(dict.fromkeys(one.weight_pool for one in chosen))
    assert sum(pool.requests for pool in pools) == sum(cost.requests for cost in costs)
    assert sum(pool.weight for pool in pools) == sum(cost.weight for cost in costs)
    for pool in pools:
        members = [cost.minutes for cost in costs if cost.endpoint.weight_pool == pool.name]
        assert max(members) <= pool.minutes <= sum(members)
    assert least_minutes(pools) == max(pool.minutes for pool in pools)


def test_nothing_takes_no_time():
    assert pool_costs([]) == ()
    assert least_minutes([]) == 0


def test_ninety_days_of_eight_endpoints_and_two_accounts():
    expected = {
        "usdm_futures": (180, 180, 180, 9000, 8),
        "coinm_futures": (180, 180, 180, 9000, 8),
        "portfolio_um": (180, 180, 180, 9000, 3),
        "portfolio_cm": (180, 180, 180, 9000, 3),
        "portfolio_margin": (180, 180, 180, 180, 1),
        "margin": (180, 180, 180, 180, 1),
        "margin_capital_flow": (180, 180, 180, 18_000, 3),
        "flexible_loan": (180, 180, 180, 72_000, 12),
    }
    costs = {name: estimate(ENDPOINTS[name], days(90), accounts=2) for name in expected}
    found = {name: (c.windows, c.spans, c.requests, c.weight, c.minutes) for name, c in costs.items()}
    assert found == expected
    pools = pool_costs(costs.values())
    assert {pool.name: (pool.allowed, pool.requests, pool.weight, pool.minutes) for pool in pools} == {
        "futures": (1200, 360, 18_000, 15),
        "papi": (3000, 540, 18_180, 7),
        "sapi:margin": (6000, 180, 180, 1),
        "sapi:margin_capital_flow": (6000, 180, 18_000, 3),
        "sapi:flexible_loan": (6000, 180, 72_000, 12),
    }
    assert least_minutes(pools) == 15


# --- retention ------------------------------------------------------------------------------------------


@given(endpoints, serieses(), st.integers(0, 500 * DAY_MS))
def test_beyond_retention_is_what_starts_before_the_oldest_instant_kept(endpoint, series, later):
    kept = Retention.of(endpoint)
    assert kept.days == 90
    assert (kept.source == "documented") == (endpoint.retention_days is not None)
    oldest_ms = kept.oldest_ms(START + later)
    assert oldest_ms == START + later - 90 * DAY_MS
    assert series.starting_before(oldest_ms) == sum(
        window.start_ms < oldest_ms for window in laid_out(series)
    )


@pytest.mark.parametrize(("past_ms", "beyond"), [(0, 0), (1, 1), (DAY_MS, 1), (DAY_MS + 1, 2)])
def test_a_window_that_starts_with_what_is_kept_is_not_beyond(past_ms, beyond):
    oldest_ms = Retention.of(USDM).oldest_ms(START + 90 * DAY_MS + past_ms)
    assert days(90).starting_before(oldest_ms) == beyond


def test_what_is_documented_outranks_what_is_assumed():
    month = replace(COINM, retention_days=30)
    kept = Retention.of(month)
    assert (kept.days, kept.source) == (30, "documented")
    assert days(90).starting_before(kept.oldest_ms(START + 90 * DAY_MS)) == 60


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, -1, 0.0099, 1.001, 50, math.nan, math.inf])
def test_a_share_out_of_its_range_is_refused(share):
    with pytest.raises(InvalidRequest, match=r"it takes a number from 0\.01 to 1"):
        estimate(MARGIN, days(1), share=share)


@pytest.mark.parametrize("share", [LEAST_SHARE, MOST_SHARE])
def test_a_share_at_the_end_of_its_range_is_taken(share):
    assert estimate(MARGIN, days(1), share=share).allowed == 12_000 * share


def test_a_share_that_no_request_fits_into_is_refused_and_the_one_named_is_taken():
    with pytest.raises(InvalidRequest, match=r"usdm_futures costs .* 50, .* 24 a minute; .* 0\.021 or more"):
        estimate(USDM, days(1), share=0.01)
    assert estimate(USDM, days(1), share=0.021).minutes == 1
    # A symbol's request is cheaper, and fits.
    assert estimate(USDM, days(1), asked=("BTCUSDT",), share=0.01).minutes == 1


def test_the_largest_numbers_that_are_no_slips_are_taken():
    assert estimate(USDM, days(1), accounts=10**9, expected_rows=10**9).requests == 10**9 * 10**7


@pytest.mark.parametrize(
    "wrong", [{"accounts": 0}, {"accounts": 10**9 + 1}, {"expected_rows": -1}, {"expected_rows": 10**9 + 1}]
)
def test_a_number_out_of_its_range_is_refused(wrong):
    with pytest.raises(InvalidRequest, match="it takes a number from"):
        estimate(USDM, days(1), **wrong)
