"""What the documentation leaves open: each reading of it can be chosen, and changes what is answered."""

from __future__ import annotations

import pytest
from caller import NOW_MS
from support.rows import number_of, numbered_row

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import ExplicitHistory, Settings, make_row
from airflow_provider_binance_liq.simulator.symbols import day_of

START_MS = NOW_MS - 10_000_000
WHOLE = {"startTime": START_MS, "endTime": NOW_MS}
HOUR_MS = 3_600_000
TYPED = [name for name, endpoint in ENDPOINTS.items() if endpoint.takes_auto_close_type]
BY_NUMBER = [name for name, endpoint in ENDPOINTS.items() if not endpoint.is_by_time]
PAPI = [name for name, endpoint in ENDPOINTS.items() if endpoint.family.name == "papi"]


def rows_at(endpoint, *offsets_ms, **values):
    return [
        numbered_row(endpoint, number, START_MS + offset_ms, **values)
        for number, offset_ms in enumerate(offsets_ms)
    ]


def history(endpoint, *rows):
    return ExplicitHistory({endpoint: list(rows)})


def sized(endpoint, rows):
    return {ENDPOINTS[endpoint].pager.size_parameter: rows}


def ids(answer):
    return sorted(map(number_of, answer.rows))


# --- bounds and spans


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"start_bound": "exclusive"}, [1, 2]),
        ({"end_bound": "exclusive"}, [0, 1]),
        ({"start_bound": "exclusive", "end_bound": "exclusive"}, [1]),
    ],
)
def test_each_bound_is_inclusive_or_exclusive(start, endpoint, knobs, expected):
    caller = start(history(endpoint, *rows_at(endpoint, 0, 500, 1000)), **knobs)
    assert ids(caller.ask(endpoint, startTime=START_MS, endTime=START_MS + 1000)) == expected


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_equal_bounds_may_be_answered_without_rows(start, endpoint):
    caller = start(history(endpoint, *rows_at(endpoint, 0)), equal_bounds="empty")
    answer = caller.ask(endpoint, startTime=START_MS, endTime=START_MS)
    assert (answer.status, answer.rows) == (200, [])
    assert ids(caller.ask(endpoint, startTime=START_MS, endTime=START_MS + 1)) == [0]


def test_equal_bounds_of_an_exclusive_exchange_hold_nothing(start):
    caller = start(history("usdm_futures", *rows_at("usdm_futures", 0)), start_bound="exclusive")
    assert caller.ask("usdm_futures", startTime=START_MS, endTime=START_MS).rows == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("over_span", "expected"), [("empty", []), ("clamp_start", [1, 2]), ("clamp_end", [0, 1])]
)
def test_too_long_an_interval_may_be_answered_in_silence(start, endpoint, over_span, expected):
    rows = rows_at(endpoint, 0, HOUR_MS, 2 * HOUR_MS)
    caller = start(history(endpoint, *rows), max_span_hours=1, over_span=over_span)
    assert ids(caller.ask(endpoint, startTime=START_MS, endTime=START_MS + 2 * HOUR_MS)) == expected
    assert ids(caller.ask(endpoint, startTime=START_MS, endTime=START_MS + HOUR_MS)) == [0, 1]


# --- filters and the limit


@pytest.mark.parametrize("endpoint", TYPED)
@pytest.mark.parametrize(("stage", "expected"), [("before_limit", [0, 1]), ("after_limit", [])])
def test_filters_choose_before_or_after_the_limit(start, endpoint, stage, expected):
    markers = ["adl_autoclose", "adl_autoclose", "autoclose-1", "autoclose-2"]
    rows = [
        make_row(endpoint, orderId=number, time=START_MS + number, clientOrderId=marker)
        for number, marker in enumerate(markers)
    ]
    caller = start(history(endpoint, *rows), filter_stage=stage, keep="newest")
    assert ids(caller.ask(endpoint, autoCloseType="ADL", limit=2, **WHOLE)) == expected
    assert ids(caller.ask(endpoint, autoCloseType="ADL", limit=4, **WHOLE)) == [0, 1]


def test_a_symbol_is_such_a_filter_on_numbered_pages_too(start):
    rows = [
        make_row(
            "margin", orderId=n, time=START_MS + n, isIsolated=True, symbol=("ETHUSDT", "BTCUSDT")[n % 2]
        )
        for n in range(4)
    ]
    asked = {"isolatedSymbol": "BTCUSDT", "size": 2, **WHOLE}
    before = start(history("margin", *rows)).ask("margin", **asked)
    after = start(history("margin", *rows), filter_stage="after_limit").ask("margin", **asked)
    assert (ids(before), before.json["total"]) == ([1, 3], 2)
    assert (ids(after), after.json["total"]) == ([3], 4)


@pytest.mark.parametrize(("stage", "expected"), [("before_limit", [1, 2]), ("after_limit", [1])])
def test_the_start_chooses_before_or_after_the_limit(start, stage, expected):
    rows = rows_at("usdm_futures", -2000, -1000, 0, 1000)
    caller = start(history("usdm_futures", *rows), start_stage=stage, keep="oldest")
    asked = {"startTime": START_MS - 1000, "endTime": NOW_MS}
    assert ids(caller.ask("usdm_futures", limit=2, **asked)) == expected
    assert ids(caller.ask("usdm_futures", limit=4, **asked)) == [1, 2, 3]


@pytest.mark.parametrize(("keep", "kept"), [("newest", [9, 7]), ("oldest", [3, 1])])
def test_truncation_may_go_by_the_order_id(start, keep, kept):
    rows = [make_row("usdm_futures", orderId=n, time=START_MS + at) for at, n in enumerate([9, 1, 7, 3])]
    caller = start(history("usdm_futures", *rows), sort_by="order_id", keep=keep)
    assert ids(caller.ask("usdm_futures", limit=2, **WHOLE)) == sorted(kept)


# --- numbered pages


@pytest.mark.parametrize("endpoint", BY_NUMBER)
@pytest.mark.parametrize(
    ("knobs", "totals"), [({}, [25, 25, 25]), ({"total_cap": 15}, [15] * 3), ({"total": "page"}, [10, 10, 5])]
)
def test_the_total_is_whole_capped_or_the_pages_own(start, endpoint, knobs, totals):
    caller = start(history(endpoint, *rows_at(endpoint, *range(25))), **knobs)
    pages = [caller.ask(endpoint, **sized(endpoint, 10), current=number, **WHOLE) for number in (1, 2, 3)]
    assert [page.json["total"] for page in pages] == totals
    assert sorted(number for page in pages for number in ids(page)) == list(range(25))


@pytest.mark.parametrize("endpoint", BY_NUMBER)
def test_a_numbered_page_may_be_shorter_than_asked_for(start, endpoint):
    caller = start(history(endpoint, *rows_at(endpoint, *range(25))), size_cap=20)
    pages = [caller.ask(endpoint, **sized(endpoint, 100), current=number, **WHOLE) for number in (1, 2)]
    assert [len(page.rows) for page in pages] == [20, 5]
    assert {page.json["total"] for page in pages} == {25}


# --- rows that are there or not


@pytest.mark.parametrize("endpoint", TYPED)
def test_rows_of_neither_type_are_answered_or_hidden(start, endpoint):
    rows = rows_at(endpoint, 0, clientOrderId="settlement_autoclose-1")
    assert ids(start(history(endpoint, *rows)).ask(endpoint, **WHOLE)) == [0]
    assert ids(start(history(endpoint, *rows), other_type="hidden").ask(endpoint, **WHOLE)) == []


def test_isolated_rows_may_need_their_symbol(start):
    rows = [make_row("margin", orderId=n, time=START_MS, isIsolated=bool(n)) for n in range(2)]
    caller = start(history("margin", *rows), isolated_rows="hidden")
    assert ids(caller.ask("margin", **WHOLE)) == [0]
    assert ids(caller.ask("margin", isolatedSymbol="BTCUSDT", **WHOLE)) == [1]


@pytest.mark.parametrize("late_rows", [1, 11, 150])
def test_rows_appear_while_an_interval_is_read(start, late_rows):
    caller = start(history("usdm_futures", *rows_at("usdm_futures", *range(160))), late_rows=late_rows)
    first, second = (caller.ask("usdm_futures", limit=100, **WHOLE) for _ in range(2))
    assert len(first.rows) == min(100, 160 - late_rows)
    assert ids(second) == list(range(60, 160))
    assert len(caller.simulator.truth("usdm_futures", start_ms=START_MS, end_ms=NOW_MS)) == 160


def test_rows_appear_after_the_request_that_the_knob_names(start):
    caller = start(history("margin", *rows_at("margin", 0, 1, 2)), late_rows=2, late_requests=2)
    assert [len(caller.ask("margin", **WHOLE).rows) for _ in range(3)] == [1, 1, 3]


@pytest.mark.parametrize("endpoint", TYPED)
def test_a_share_of_the_rows_was_updated_before_it_was_created(start, endpoint):
    early = {}
    for share in (0.0, 0.5, 1.0):
        caller = start(update_before_share=share, cascade_rows=200, tie_rows=20)
        (day,) = caller.simulator.cascade_days(NOW_MS - 8 * DAY_MS, NOW_MS - DAY_MS)[:1]
        start_ms = (day.toordinal() - 719_163) * DAY_MS
        answer = caller.ask(endpoint, startTime=start_ms, endTime=start_ms + DAY_MS - 1, limit=100)
        early[share] = sum(row["updateTime"] < row["time"] for row in answer.rows)
        assert {day_of(row["updateTime"]) for row in answer.rows} <= {day_of(start_ms), day_of(start_ms) + 1}
    assert early[0.0] == 0 < early[0.5] < early[1.0]


# --- symbols


def symbols_of(caller):
    return {one["symbol"] for one in caller.send("/fapi/v1/exchangeInfo").json["symbols"]}


@pytest.mark.parametrize(("said", "code"), [("answered", None), ("refused", -1121)])
def test_a_delisted_symbol_is_not_listed_and_answered_or_refused(start, said, code):
    rows = rows_at("usdm_futures", 0, symbol="HNTUSDT")
    caller = start(history("usdm_futures", *rows), delisted_symbols=("HNTUSDT",), delisted_filter=said)
    assert "HNTUSDT" not in symbols_of(caller)
    assert "BTCUSDT" in symbols_of(caller)
    answer = caller.ask("usdm_futures", symbol="HNTUSDT", **WHOLE)
    assert (answer.json["code"] if code else ids(answer)) == (code or [0])
    assert caller.ask("usdm_futures", symbol="BTCUSDT", **WHOLE).rows == []
    assert ids(caller.ask("usdm_futures", **WHOLE)) == [0]


def test_a_delivered_contract_is_refused_where_what_is_not_listed_is(start):
    caller = start(delisted_filter="refused")
    assert caller.ask("usdm_futures", symbol="BTCUSDT_200925", **WHOLE).code == -1121
    assert start().ask("usdm_futures", symbol="BTCUSDT_200925", **WHOLE).rows == []


@pytest.mark.parametrize("path", ["/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo", "/api/v3/exchangeInfo"])
def test_exchange_info_may_fail(start, path):
    caller = start(exchange_info="fails")
    assert [caller.send(path).status for _ in range(3)] == [503, 503, 503]
    assert caller.ask("usdm_futures", **WHOLE).status == 200


# --- permissions


def permissions(caller):
    return caller.signed("/sapi/v1/account/apiRestrictions", b"timestamp=%d" % NOW_MS).json


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_key_that_may_only_read_suffices_or_not(start, endpoint):
    enough = start(history(endpoint, *rows_at(endpoint, 0)), key="read_only")
    assert ids(enough.ask(endpoint, **WHOLE)) == [0]
    told = permissions(enough)
    assert (told["enableReading"], told["enableFutures"], told["enablePortfolioMarginTrading"]) == (
        True,
        False,
        False,
    )
    refused = start(history(endpoint, *rows_at(endpoint, 0)), key="read_only", read_only="refused")
    answer = refused.ask(endpoint, **WHOLE)
    assert answer.status == (200 if ENDPOINTS[endpoint].family.name == "sapi" else 401)
    trading = start(history(endpoint, *rows_at(endpoint, 0)), read_only="refused")
    assert ids(trading.ask(endpoint, **WHOLE)) == [0]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_key_without_permission_is_refused_everywhere(start, endpoint):
    caller = start(key="none")
    assert caller.ask(endpoint, **WHOLE).code == -2015
    assert permissions(caller)["enableReading"] is False


@pytest.mark.parametrize("endpoint", PAPI)
@pytest.mark.parametrize(
    ("said", "status", "code"), [("refused_2015", 401, -2015), ("refused_21001", 400, -21001)]
)
def test_papi_may_refuse_a_classic_account(start, endpoint, said, status, code):
    caller = start(portfolio_margin=said)
    answer = caller.ask(endpoint, **WHOLE)
    assert (answer.status, answer.code) == (status, code)
    assert permissions(caller)["enablePortfolioMarginTrading"] is False
    assert caller.ask("usdm_futures", **WHOLE).status == 200


@pytest.mark.parametrize("endpoint", PAPI)
def test_papi_may_answer_a_classic_account_without_rows(start, endpoint):
    caller = start(history(endpoint, *rows_at(endpoint, 0)), portfolio_margin="empty")
    answer = caller.ask(endpoint, **WHOLE)
    assert (answer.status, answer.rows) == (200, [])


def test_risk_based_liquidation_adjustment_leaves_no_record(start):
    rows = {name: rows_at(name, 0) for name in ("portfolio_margin", "portfolio_um")}
    caller = start(ExplicitHistory(rows), risk_based=True)
    assert caller.ask("portfolio_margin", **WHOLE).json == {"rows": [], "total": 0}
    assert ids(caller.ask("portfolio_um", **WHOLE)) == [0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("late_rows", 151), ("total_cap", 0), ("size_cap", 0), ("update_before_share", 1.5),
        ("late_requests", -1), ("over_span", "clamp"), ("start_bound", "open"), ("key", "admin"),
    ],
)  # fmt: skip
def test_a_choice_that_there_is_not_is_refused_with_a_specific_error(name, value):
    with pytest.raises(ValueError, match=f"simulator setting {name} has to be"):
        Settings(**{name: value})
