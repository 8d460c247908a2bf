"""Which rows an answer holds: filters, truncation, order and numbered pages, under every knob."""

from __future__ import annotations

import json

import pytest
from caller import NOW_MS
from support.rows import number_of, numbered_row

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import ExplicitHistory, make_row
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED
from airflow_provider_binance_liq.simulator.symbols import day_of

START_MS = NOW_MS - 10_000_000
BY_TIME = [name for name, endpoint in ENDPOINTS.items() if endpoint.is_by_time]
BY_NUMBER = [name for name, endpoint in ENDPOINTS.items() if not endpoint.is_by_time]


def history_of(endpoint: str, count: int, **values: object) -> ExplicitHistory:
    """Rows a second apart, with order ids that fall while time rises."""
    rows = [
        numbered_row(endpoint, 10_000 - number, START_MS + 1000 * number, **values) for number in range(count)
    ]
    return ExplicitHistory({endpoint: rows})


def ids(answer) -> list[int]:
    return [number_of(row) for row in answer.rows]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_documented_rows_come_exactly_as_documented(caller, endpoint):
    for record in DOCUMENTED[endpoint]:
        day_ms = day_of(record.time_ms) * DAY_MS
        answer = caller.ask(endpoint, startTime=day_ms, endTime=day_ms + DAY_MS - 1)
        rows = b",".join(row.body for row in DOCUMENTED[endpoint])
        whole = b'{"rows":[%s],"total":%d}' % (rows, len(DOCUMENTED[endpoint]))
        assert answer.status == 200
        assert answer.body == (b"[%s]" % rows if endpoint in BY_TIME else whole)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_empty_window_is_an_empty_answer(caller, endpoint):
    answer = caller.ask(endpoint, startTime=0, endTime=DAY_MS)
    assert answer.body == (b"[]" if endpoint in BY_TIME else b'{"rows":[],"total":0}')


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_answer_spells_rows_as_the_truth_does(start, endpoint):
    caller = start(cascade_rows=50)
    restricted = ENDPOINTS[endpoint].restriction is not None
    size = ENDPOINTS[endpoint].pager.size_parameter
    for day in range(day_of(NOW_MS) - 8, day_of(NOW_MS)):
        window = {"start_ms": day * DAY_MS, "end_ms": (day + 1) * DAY_MS}
        answer = caller.ask(
            endpoint, startTime=window["start_ms"], endTime=window["end_ms"] - 1, **{size: 100}
        )
        truth = caller.simulator.truth(endpoint, **window)
        assert len(answer.rows) == len(truth) or (len(answer.rows) > len(truth) and restricted)
        assert all(row in answer.body for row in truth)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_both_ends_of_the_interval_are_inclusive(start, endpoint):
    caller = start(history_of(endpoint, 5))
    answer = caller.ask(endpoint, startTime=START_MS + 1000, endTime=START_MS + 3000)
    assert sorted(ids(answer), reverse=True) == [9999, 9998, 9997]


@pytest.mark.parametrize(("keep", "kept"), [("oldest", range(100)), ("newest", range(20, 120))])
def test_the_limit_cuts_at_the_side_that_is_not_kept(start, keep, kept):
    caller = start(history_of("usdm_futures", 120), keep=keep)
    answer = caller.ask("usdm_futures", startTime=START_MS, endTime=NOW_MS, limit=100)
    assert ids(answer) == [10_000 - number for number in kept]


@pytest.mark.parametrize(
    ("endpoint", "size"), [(name, one.pager.default_page_size) for name, one in ENDPOINTS.items()]
)
def test_without_a_limit_the_documented_number_of_rows_comes(start, endpoint, size):
    caller = start(history_of(endpoint, size + 10))
    assert len(caller.ask(endpoint, startTime=START_MS, endTime=NOW_MS).rows) == size


@pytest.mark.parametrize("endpoint", ["usdm_futures", "margin"])
def test_a_limit_over_100_is_refused_or_clamped(start, endpoint):
    size = ENDPOINTS[endpoint].pager.size_parameter
    asked = {"startTime": START_MS, "endTime": NOW_MS, size: 101}
    assert start(history_of(endpoint, 120)).ask(endpoint, **asked).code == -1130
    clamped = start(history_of(endpoint, 120), limit_over_max="clamp").ask(endpoint, **asked)
    assert len(clamped.rows) == 100


@pytest.mark.parametrize(
    ("order", "expected"),
    [("ascending", [3, 1, 2]), ("descending", [2, 1, 3]), ("order_id", [1, 2, 3])],
)
@pytest.mark.parametrize("endpoint", ["usdm_futures", "margin"])
def test_rows_come_in_the_wanted_order(start, endpoint, order, expected):
    times = {3: 1000, 1: 2000, 2: 3000}
    rows = [make_row(endpoint, orderId=order_id, time=START_MS + at) for order_id, at in times.items()]
    caller = start(ExplicitHistory({endpoint: rows}), order=order)
    assert ids(caller.ask(endpoint, startTime=START_MS, endTime=NOW_MS)) == expected


def test_shuffled_rows_are_the_same_rows_and_shuffled_alike_each_time(start):
    caller = start(history_of("usdm_futures", 50), order="shuffled")
    first, second = (ids(caller.ask("usdm_futures", startTime=START_MS, endTime=NOW_MS)) for _ in range(2))
    assert first == second != sorted(first)
    assert sorted(first) == list(range(9951, 10_001))


def test_only_margin_is_documented_to_descend(start):
    for endpoint in ENDPOINTS:
        answer = start(history_of(endpoint, 3)).ask(endpoint, startTime=START_MS, endTime=NOW_MS)
        falling = [10_000, 9999, 9998]
        assert ids(answer) == (falling[::-1] if ENDPOINTS[endpoint].pager.newest_first else falling)


def test_the_filter_reads_the_instant_that_the_knob_names(start):
    rows = [make_row("usdm_futures", orderId=1, time=START_MS, updateTime=START_MS + 40)]
    for filter_by, hits in (("time", [1, 0]), ("updateTime", [0, 1])):
        caller = start(ExplicitHistory({"usdm_futures": rows}), filter_by=filter_by)
        windows = [(START_MS, START_MS + 10), (START_MS + 11, START_MS + 50)]
        for (begin, end), hit in zip(windows, hits, strict=True):
            assert len(caller.ask("usdm_futures", startTime=begin, endTime=end).rows) == hit
            assert len(caller.simulator.truth("usdm_futures", start_ms=begin, end_ms=end + 1)) == hit


def test_truncation_sorts_by_the_instant_that_the_knob_names(start):
    rows = [
        make_row("usdm_futures", orderId=1, time=START_MS, updateTime=START_MS + 60),
        make_row("usdm_futures", orderId=2, time=START_MS + 1, updateTime=START_MS + 1),
    ]
    for sort_by, kept in (("time", 2), ("updateTime", 1)):
        caller = start(ExplicitHistory({"usdm_futures": rows}), sort_by=sort_by, keep="newest")
        answer = caller.ask("usdm_futures", startTime=START_MS, endTime=START_MS + 100, limit=1)
        assert ids(answer) == [kept]


def test_a_symbol_beyond_ascii_filters_when_it_is_percent_encoded(caller):
    day = caller.simulator.cascade_days(NOW_MS - 8 * DAY_MS, NOW_MS - DAY_MS)[0]
    start_ms = (day.toordinal() - 719_163) * DAY_MS
    answer = caller.ask(
        "usdm_futures", symbol="币安人生USDT", startTime=start_ms, endTime=start_ms + DAY_MS - 1
    )
    assert {row["symbol"] for row in answer.rows} == {"币安人生USDT"}
    assert "币安人生".encode() in answer.body


def test_the_close_type_filter_leaves_out_what_is_neither(start):
    markers = ["autoclose-1", "adl_autoclose", "settlement_autoclose-1"]
    rows = [
        make_row("usdm_futures", orderId=number, time=START_MS + number, clientOrderId=marker)
        for number, marker in enumerate(markers)
    ]
    caller = start(ExplicitHistory({"usdm_futures": rows}))
    window = {"startTime": START_MS, "endTime": NOW_MS}
    assert ids(caller.ask("usdm_futures", **window)) == [0, 1, 2]
    assert ids(caller.ask("usdm_futures", autoCloseType="LIQUIDATION", **window)) == [0]
    assert ids(caller.ask("usdm_futures", autoCloseType="ADL", **window)) == [1]


def test_the_isolated_symbol_filter_leaves_cross_margin_out(start):
    rows = [make_row("margin", orderId=number, time=START_MS, isIsolated=bool(number)) for number in range(2)]
    caller = start(ExplicitHistory({"margin": rows}))
    asked = {"startTime": START_MS, "endTime": NOW_MS}
    assert ids(caller.ask("margin", isolatedSymbol="BTCUSDT", **asked)) == [1]
    assert len(caller.ask("margin", **asked).rows) == 2


@pytest.mark.parametrize("endpoint", BY_NUMBER)
def test_numbered_pages_are_slices_of_one_order_with_their_total(start, endpoint):
    caller, size = start(history_of(endpoint, 25)), ENDPOINTS[endpoint].pager.size_parameter
    pages = [
        caller.ask(endpoint, startTime=START_MS, endTime=NOW_MS, current=current, **{size: 10})
        for current in range(1, 5)
    ]
    assert [len(page.rows) for page in pages] == [10, 10, 5, 0]
    assert {page.json["total"] for page in pages} == {25}
    assert len({order_id for page in pages for order_id in ids(page)}) == 25


@pytest.mark.parametrize(
    ("drift", "total", "second_page"),
    [("total", 26, range(10, 20)), ("shift", 26, range(9, 19)), ("repeat", 25, range(9, 19))],
)
def test_numbered_pages_drift_as_wanted(start, drift, total, second_page):
    caller = start(history_of("portfolio_margin", 25), drift=drift)
    asked = {"startTime": START_MS, "endTime": NOW_MS, "size": 10}
    assert caller.ask("portfolio_margin", **asked).json["total"] == 25
    answer = caller.ask("portfolio_margin", current=2, **asked)
    assert answer.json["total"] == total
    assert ids(answer) == [10_000 - number for number in second_page]


def test_equal_bounds_are_a_millisecond_or_refused(start):
    asked = {"startTime": START_MS, "endTime": START_MS}
    assert len(start(history_of("usdm_futures", 3)).ask("usdm_futures", **asked).rows) == 1
    answer = start(history_of("usdm_futures", 3), equal_bounds="refuse").ask("usdm_futures", **asked)
    assert answer.json["msg"].startswith("Mandatory parameter 'endTime' was not sent")


@pytest.mark.parametrize(
    ("endpoint", "hours", "code"),
    [
        ("usdm_futures", 168, -4165),
        ("portfolio_um", 168, -4165),
        ("portfolio_margin", 168, -4165),
        ("coinm_futures", 168, -4088),
        ("margin", 168, -4047),
        ("usdm_futures", 6, -1127),
        ("margin", 6, -1127),
    ],
)
def test_too_long_an_interval_is_refused_by_the_familys_code(start, endpoint, hours, code):
    caller = start(max_span_hours=hours)
    span_ms = hours * 3_600_000
    assert caller.ask(endpoint, startTime=NOW_MS - span_ms, endTime=NOW_MS).status == 200
    assert caller.ask(endpoint, startTime=NOW_MS - span_ms - 1, endTime=NOW_MS).code == code


def test_beyond_retention_is_silence_or_a_refusal(start):
    asked = {"startTime": START_MS, "endTime": NOW_MS}
    kept_days = (NOW_MS - START_MS - 1500) / DAY_MS
    quiet = start(history_of("usdm_futures", 5), retention_days=kept_days)
    assert ids(quiet.ask("usdm_futures", **asked)) == [9998, 9997, 9996]
    strict = start(history_of("usdm_futures", 5), retention_days=kept_days, beyond_retention="refuse")
    assert strict.ask("usdm_futures", **asked).code == -4166


def test_late_rows_appear_when_their_delay_is_over_but_are_in_the_truth_at_once(start, clock):
    rows = [make_row("usdm_futures", orderId=1, time=NOW_MS - 1000)]
    caller = start(ExplicitHistory({"usdm_futures": rows}), late_share=1.0, late_seconds=30.0)
    asked = {"startTime": NOW_MS - 2000, "endTime": NOW_MS}
    assert ids(caller.ask("usdm_futures", **asked)) == []
    assert len(caller.simulator.truth("usdm_futures", start_ms=NOW_MS - 2000, end_ms=NOW_MS)) == 1
    clock.now_s += 29.5
    assert ids(caller.ask("usdm_futures", **asked)) == [1]


def test_what_has_not_happened_yet_is_not_answered(start, clock):
    caller = start(ExplicitHistory({"usdm_futures": [make_row("usdm_futures", time=NOW_MS + 5000)]}))
    asked = {"startTime": NOW_MS, "endTime": NOW_MS + DAY_MS}
    assert caller.ask("usdm_futures", **asked).rows == []
    clock.now_s += 6
    assert len(caller.ask("usdm_futures", **asked).rows) == 1


def test_without_start_the_days_before_the_end_are_answered(start):
    rows = [make_row("usdm_futures", orderId=days, time=NOW_MS - days * DAY_MS) for days in (1, 6, 8)]
    caller = start(ExplicitHistory({"usdm_futures": rows}))
    assert ids(caller.ask("usdm_futures", endTime=NOW_MS)) == [6, 1]
    assert ids(caller.ask("usdm_futures")) == [6, 1]


def test_an_account_sees_only_its_own_rows(start):
    first, second = (make_row("usdm_futures", orderId=number, time=START_MS) for number in (0, 1))
    rows = {"usdm_futures@demo": [first], "usdm_futures@desk": [second]}
    caller = start(ExplicitHistory(rows), accounts=("demo", "desk"))
    asked = {"startTime": START_MS, "endTime": NOW_MS}
    assert ids(caller.ask("usdm_futures", **asked)) == [0]
    caller.account = "desk"
    assert ids(caller.ask("usdm_futures", **asked)) == [1]


def test_clocks_pings_and_lists_of_symbols_need_no_key(start):
    caller = start(clock_offset_ms=-250)
    for path in ("/fapi/v1/time", "/dapi/v1/time", "/api/v3/time"):
        assert caller.send(path, key="").json == {"serverTime": NOW_MS - 250}
    for path in ("/fapi/v1/ping", "/dapi/v1/ping", "/api/v3/ping", "/papi/v1/ping"):
        assert caller.send(path, key="").body == b"{}"
    for path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo", "/api/v3/exchangeInfo"):
        assert caller.send(path, key="").json["symbols"]


def test_exchange_info_reports_the_limit_and_the_length_of_the_minute(start):
    plain = start().send("/fapi/v1/exchangeInfo").json["rateLimits"]
    assert plain == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
    ]
    short = start(minute_seconds=2.0, weight_limits=(("futures", 300),)).send("/dapi/v1/exchangeInfo").json
    assert short["rateLimits"][0] | {"rateLimitType": ""} == {
        "rateLimitType": "",
        "interval": "SECOND",
        "intervalNum": 2,
        "limit": 300,
    }


def test_permissions_of_a_key_are_told_to_its_owner(caller):
    path = "/sapi/v1/account/apiRestrictions"
    assert caller.signed(path, b"timestamp=%d" % NOW_MS).json["enableReading"] is True
    assert caller.signed(path, b"timestamp=%d&symbol=BTCUSDT" % NOW_MS).code == -1104
    assert caller.send(path, b"timestamp=%d" % NOW_MS).code == -1102


def test_json_is_compact_utf_8(caller):
    answer = caller.send("/fapi/v1/exchangeInfo")
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.body.decode() == json.dumps(answer.json, ensure_ascii=False, separators=(",", ":"))
