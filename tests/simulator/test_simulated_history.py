"""The truth: seeded, forgetful of nothing, and as strange as the documentation allows."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import pytest
from support.seeded import OF_HISTORY

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import (
    Amount,
    ExplicitHistory,
    SeededHistory,
    Settings,
    Simulator,
    make_row,
)
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED, DOCUMENTED_DAYS
from airflow_provider_binance_liq.simulator.symbols import KINDS, LASTING, delivery_after

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.records import Record

FIRST_DAY = 20_500
DAYS = 28
SETTINGS = Settings(seed=7, cascade_rows=900)
EVERY_ENDPOINT = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)


def four_weeks(endpoint: Endpoint, settings: Settings = SETTINGS) -> list[Record]:
    start_ms = FIRST_DAY * DAY_MS
    return SeededHistory(settings).rows(endpoint, "demo", start_ms, start_ms + DAYS * DAY_MS, "time")


@pytest.fixture(scope="module")
def usdm() -> list[Record]:
    return four_weeks(ENDPOINTS["usdm_futures"])


def test_every_endpoint_of_the_table_has_fields_markets_and_documented_rows():
    assert set(ENDPOINTS) == set(KINDS) == set(DOCUMENTED)
    assert [name for name, rows in DOCUMENTED.items() if not rows] == []


@EVERY_ENDPOINT
def test_every_row_has_the_documented_fields_in_their_order(endpoint):
    start_ms = FIRST_DAY * DAY_MS
    history = SeededHistory(Settings(seed=7, cascade_rows=60))
    rows = history.rows(endpoint, "demo", start_ms, start_ms + 9 * DAY_MS, "time")
    assert rows
    assert {tuple(json.loads(row.body)) for row in rows} == {endpoint.fields}


def test_the_same_seed_gives_the_same_bytes(usdm):
    again = four_weeks(ENDPOINTS["usdm_futures"])
    assert [row.body for row in again] == [row.body for row in usdm]


@pytest.mark.parametrize("other", [{"seed": 8}, {"account": "desk"}, {"endpoint": "portfolio_um"}])
def test_another_seed_account_or_endpoint_has_a_history_of_its_own(other, usdm):
    start_ms = FIRST_DAY * DAY_MS
    history = SeededHistory(Settings(seed=other.get("seed", 7), cascade_rows=900))
    endpoint = ENDPOINTS[other.get("endpoint", "usdm_futures")]
    rows = history.rows(endpoint, other.get("account", "demo"), start_ms, start_ms + DAYS * DAY_MS, "time")
    assert [row.place for row in rows] != [row.place for row in usdm]


def test_a_part_of_a_window_holds_what_the_whole_holds_there(usdm):
    start_ms, end_ms = FIRST_DAY * DAY_MS + 12_345, (FIRST_DAY + 3) * DAY_MS + 54_321
    part = SeededHistory(SETTINGS).rows(ENDPOINTS["usdm_futures"], "demo", start_ms, end_ms, "time")
    assert [row.body for row in part] == [row.body for row in usdm if start_ms <= row.time_ms < end_ms]


def test_what_a_history_reads_of_the_settings_is_what_tests_share_one_by():
    read = set()

    class Watched:
        def __getattr__(self, name):
            read.add(name)
            return getattr(settings, name)

    settings, start_ms = Settings(seed=7, cascade_rows=150), FIRST_DAY * DAY_MS
    for endpoint in ENDPOINTS.values():
        SeededHistory(Watched()).rows(endpoint, "demo", start_ms, start_ms + 7 * DAY_MS, "time")
    assert read == set(OF_HISTORY)


def test_there_are_empty_days_quiet_days_and_a_cascade_every_week(usdm):
    sizes = Counter(row.time_ms // DAY_MS for row in usdm)
    per_day = [sizes[day] for day in range(FIRST_DAY, FIRST_DAY + DAYS)]
    assert per_day.count(0) >= 5
    assert sum(0 < size < 10 for size in per_day) >= 5
    assert [size for size in per_day if size > 100] == [900] * 4


def test_cascade_days_are_reported_and_are_the_same_everywhere():
    with Simulator(Settings(seed=7, cascade_rows=200)) as simulator:
        start_ms = FIRST_DAY * DAY_MS
        days = simulator.cascade_days(start_ms, start_ms + 14 * DAY_MS)
        assert len(days) == 2
        for endpoint in ENDPOINTS:
            day_ms = (days[0] - date(1970, 1, 1)).days * DAY_MS
            rows = simulator.truth(endpoint, start_ms=day_ms, end_ms=day_ms + DAY_MS)
            # Half of a ledger's entries are no liquidations.
            assert len(rows) == 200 or (ENDPOINTS[endpoint].restriction and 70 < len(rows) < 130)


def test_no_cascade_where_none_is_wanted():
    rows = four_weeks(ENDPOINTS["usdm_futures"], Settings(seed=7, cascade_every=0))
    assert 0 < len(rows) < 100


def test_a_cascade_lasts_minutes(usdm):
    times = sorted(row.time_ms for row in usdm)
    busiest = max(len([t for t in times if start <= t < start + 6 * 60_000]) for start in times[::100])
    assert busiest > 800


@pytest.mark.parametrize("field", ["time_ms", "update_ms"])
def test_many_rows_share_a_millisecond_but_never_100_of_one_symbol_and_close_type(usdm, field):
    tied = Counter(getattr(row, field) for row in usdm)
    alike = Counter((getattr(row, field), row.symbol, row.close_type) for row in usdm)
    assert max(tied.values()) >= 130
    assert max(alike.values()) <= 99


def test_rows_tied_beyond_a_page_are_all_of_symbols_that_exchange_info_lists(usdm):
    lasting = {market.symbol for market in LASTING["um"]}
    tied = Counter(row.time_ms for row in usdm)
    assert all(row.symbol in lasting for row in usdm if tied[row.time_ms] > 100)


def test_some_rows_lie_exactly_on_an_end_of_their_day(usdm):
    within = {row.time_ms % DAY_MS for row in usdm}
    assert {0, DAY_MS - 1} <= within


def test_updates_follow_creation_by_up_to_60_ms_and_some_at_once(usdm):
    delays = {row.update_ms - row.time_ms for row in usdm}
    assert delays == set(range(61))


def test_order_ids_pass_2_to_the_53_and_collide_between_symbols_but_not_within_one(usdm):
    ids = Counter(row.id for row in usdm)
    assert max(ids) > 2**53
    assert max(ids) < 2**63
    assert max(ids.values()) > 1
    assert len({(row.symbol, row.id) for row in usdm}) == len(usdm)


def test_symbols_beyond_ascii_and_with_a_delivery_date_are_among_them(usdm):
    symbols = {row.symbol for row in usdm}
    assert "币安人生USDT" in symbols
    assert any("_" in symbol for symbol in symbols)


def test_client_order_ids_distinguish_the_close_types(usdm):
    ids = {row.close_type: json.loads(row.body)["clientOrderId"] for row in usdm}
    assert set(ids) == {"LIQUIDATION", "ADL"}
    assert ids["ADL"] == "adl_autoclose"
    prefix, _, digits = ids["LIQUIDATION"].partition("-")
    assert (prefix, len(digits), digits.isdecimal()) == ("autoclose", 19, True)


def test_other_closes_appear_only_where_they_are_wanted():
    wanted = Settings(seed=7, cascade_rows=60, other_rows=5)
    for endpoint, prefix in (("usdm_futures", "settlement"), ("coinm_futures", "delivery")):
        others = [row for row in four_weeks(ENDPOINTS[endpoint], wanted) if row.close_type == "OTHER"]
        assert len(others) == 4 * 5
        assert all(f'"{prefix}_autoclose-'.encode() in row.body for row in others)


def test_last_fridays_of_quarters_are_days_of_delivery():
    assert delivery_after(date(2020, 8, 4)) == date(2020, 9, 25)
    assert delivery_after(date(2026, 9, 25)) == date(2026, 12, 25)
    assert delivery_after(date(2026, 12, 26)) == date(2027, 3, 26)


@EVERY_ENDPOINT
@pytest.mark.parametrize("field", ["time", "updateTime"])
def test_documented_days_hold_the_documented_rows_and_nothing_else(endpoint, field):
    for seed in range(3):
        history = SeededHistory(Settings(seed=seed, cascade_every=1, cascade_rows=50))
        for day in DOCUMENTED_DAYS[endpoint.name]:
            rows = history.rows(endpoint, "demo", day * DAY_MS, (day + 1) * DAY_MS, field)
            assert rows == list(DOCUMENTED[endpoint.name])


def test_strange_spellings_change_the_text_and_not_what_is_identified():
    plain = four_weeks(ENDPOINTS["usdm_futures"], Settings(seed=7, cascade_every=0))
    swapped = four_weeks(
        ENDPOINTS["usdm_futures"], Settings(seed=7, cascade_every=0, numbers_as_strings=True)
    )
    extended = four_weeks(ENDPOINTS["usdm_futures"], Settings(seed=7, cascade_every=0, extra_fields=True))
    short = four_weeks(ENDPOINTS["usdm_futures"], Settings(seed=7, cascade_every=0, omit_optional=True))
    assert [row.place for row in plain] == [row.place for row in swapped] == [row.place for row in short]
    assert all(isinstance(json.loads(row.body)["orderId"], str) for row in swapped)
    assert all(isinstance(json.loads(row.body)["avgPrice"], float) for row in swapped)
    assert set(json.loads(extended[0].body)) - set(ENDPOINTS["usdm_futures"].fields) == {
        "liquidationTier",
        "remark",
        "legs",
    }
    assert "stopPrice" not in json.loads(short[0].body)


def test_a_history_by_hand_is_served_as_given_to_everybody_or_to_one_account():
    raw = b'{ "symbol" : "BTCUSDT", "orderId": 5, "time": 2, "updateTime": 3 }'
    history = ExplicitHistory(
        {
            "usdm_futures": [make_row("usdm_futures", orderId=9, time=1, price=Amount("1.10"))],
            "usdm_futures@desk": [raw],
        }
    )
    with Simulator(Settings(seed=7, accounts=("demo", "desk")), history=history) as simulator:
        assert len(simulator.truth("usdm_futures", start_ms=0, end_ms=10)) == 1
        mine = simulator.truth("usdm_futures", account="desk", start_ms=0, end_ms=10)
        assert mine[1] == raw
        assert json.loads(mine[0])["price"] == "1.10"
        assert simulator.truth("usdm_futures", account="desk", start_ms=2, end_ms=2) == []
        assert simulator.truth("margin", account="desk", start_ms=0, end_ms=10) == []


def test_mistakes_in_a_history_by_hand_are_named():
    with pytest.raises(ValueError, match="unknown endpoint 'spot'"):
        ExplicitHistory({"spot": []})
    with pytest.raises(ValueError, match="no field colour"):
        make_row("margin", colour="red")


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep": "both"},
        {"tie_rows": 2000},
        {"late_share": 2},
        {"accounts": ()},
        {"minute_seconds": 0},
        {"weight_limits": (("spot", 1),)},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_with_a_specific_error(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)
