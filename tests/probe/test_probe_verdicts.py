"""The probe's verdicts against the simulator's settings: what it says is so, and no more is said."""

from __future__ import annotations

import random
from dataclasses import fields

import pytest
from histories import BY_NUMBER, BY_TIME, DAY_MS, HOUR_MS, NOW_MS, SYMBOLS, rich
from support.covering import covering, one_of_each_paging

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS
from airflow_provider_binance_liq.simulator import Settings, make_row

INSTANTS = {"time": "created", "updateTime": "updated", "order_id": "order_id"}
WEEK_MS = 7 * DAY_MS


def truth(code, settings, endpoint):
    """What the settings make of a premise; None where they make nothing of it."""
    by = settings.sort_field == settings.filter_by
    stages = settings.filter_stage == "before_limit" or endpoint == "portfolio_margin"
    if ENDPOINTS[endpoint].is_by_time:
        # The newest rows up to endTime are the same whether startTime is applied before or afterwards.
        stages &= settings.start_stage == "before_limit" or (by and settings.keep == "newest")
    inclusive = (settings.start_bound, settings.end_bound) == ("inclusive", "inclusive")
    return {
        "start_inclusive": settings.start_bound == "inclusive",
        "end_inclusive": settings.end_bound == "inclusive",
        "equal_bounds": settings.equal_bounds == "allow" and inclusive,
        "filter_before_limit": stages,
        "cut_by_filtered_instant": by,
        "span_refused": settings.over_span == "refuse",
        "total_is_whole": settings.total == "whole" and settings.total_cap is None,
        "isolated_rows": settings.isolated_rows == "answered",
    }.get(code)


def check_against_the_settings(probed, endpoint):
    settings = probed.exchange.settings
    for code, found in probed.endpoint.premises.items():
        if found.verdict != "cannot_be_told":
            held = truth(code, settings, endpoint)
            default = Settings(seed=settings.seed)
            knobs = {one.name: getattr(settings, one.name) for one in fields(settings)}
            other = {name: value for name, value in knobs.items() if value != getattr(default, name)}
            assert held is None or (found.verdict == "observed") == held, f"{code}: {found} under {other}"
    assert probed.spent <= probed.plan.weight


# --- which instant, which end, which bound


@covering("endpoint, filter_by, keep", BY_TIME, ["time", "updateTime"], ["oldest", "newest"])
def test_the_filter_and_the_cut_are_reported_on_every_endpoint(probe, endpoint, filter_by, keep):
    probed = probe(endpoint, rich(endpoint), filter_by=filter_by, keep=keep)
    assert probed.learnt.filtered_by == probed.learnt.cut_by == INSTANTS[filter_by]
    assert probed.learnt.cut_side == keep
    assert probed.verdict("cut_by_filtered_instant") == "observed"
    assert probed.verdict("filter_before_limit") == "observed"
    check_against_the_settings(probed, endpoint)


@covering(
    "filter_by, sort_by, keep, order",
    ["time", "updateTime"],
    ["time", "updateTime", "order_id"],
    ["oldest", "newest"],
    ["ascending", "descending", "shuffled"],
    together=2,
)
def test_a_cut_by_something_else_than_what_filters_is_refuted(probe, filter_by, sort_by, keep, order):
    probed = probe(
        "usdm_futures", rich("usdm_futures"), filter_by=filter_by, sort_by=sort_by, keep=keep, order=order
    )
    assert (probed.learnt.filtered_by, probed.learnt.cut_by) == (INSTANTS[filter_by], INSTANTS[sort_by])
    assert probed.learnt.cut_side == keep
    expected = "observed" if filter_by == sort_by else "refuted"
    assert probed.verdict("cut_by_filtered_instant") == expected


@covering(
    "endpoint, start_bound, end_bound",
    WITH_ORDERS,
    ["inclusive", "exclusive"],
    ["inclusive", "exclusive"],
    also=lambda endpoint, *_: endpoint == "usdm_futures",
)
def test_each_bound_is_reported(probe, endpoint, start_bound, end_bound):
    probed = probe(endpoint, rich(endpoint), start_bound=start_bound, end_bound=end_bound)
    assert (probed.learnt.start_bound, probed.learnt.end_bound) == (start_bound, end_bound)
    for code, bound in (("start_inclusive", start_bound), ("end_inclusive", end_bound)):
        assert probed.verdict(code) == ("observed" if bound == "inclusive" else "refuted")
    check_against_the_settings(probed, endpoint)


@covering("endpoint, said", WITH_ORDERS, ["allow", "refuse", "empty"])
def test_equal_bounds_are_reported(probe, endpoint, said):
    probed = probe(endpoint, rich(endpoint), equal_bounds=said)
    told = {"allow": "works", "refuse": "refused", "empty": "empty"}[said]
    assert probed.learnt.equal_bounds == told
    if endpoint in BY_TIME:
        assert probed.verdict("equal_bounds") == ("observed" if told == "works" else "refuted")


# --- filters and the limit


@covering("endpoint, keep", [*BY_TIME, "margin"], ["oldest", "newest"])
def test_filters_after_the_limit_are_reported(probe, endpoint, keep):
    probed = probe(endpoint, rich(endpoint), filter_stage="after_limit", keep=keep)
    assert probed.verdict("filter_before_limit") == "refuted"
    assert probed.learnt.symbol_filter == "after_limit"
    assert probed.learnt.time_filter == "before_limit"
    if endpoint in BY_TIME:
        assert probed.learnt.type_filter == "after_limit"


def test_a_start_that_chooses_after_the_limit_is_reported_where_it_matters(probe):
    oldest = probe("usdm_futures", rich("usdm_futures"), start_stage="after_limit", keep="oldest")
    assert oldest.learnt.time_filter == "after_limit"
    assert oldest.verdict("filter_before_limit") == "refuted"
    newest = probe("usdm_futures", rich("usdm_futures"), start_stage="after_limit", keep="newest")
    check_against_the_settings(newest, "usdm_futures")


def test_without_rows_before_and_behind_the_time_filter_stays_unknown(probe):
    at = NOW_MS - HOUR_MS
    rows = [
        make_row("usdm_futures", orderId=n, time=at + n, symbol=SYMBOLS["usdm_futures"][n % 2])
        for n in range(2)
    ]
    probed = probe("usdm_futures", rows)
    assert probed.learnt.time_filter is None
    assert probed.verdict("filter_before_limit") == "cannot_be_told"
    assert "autoCloseType: undecided" in probed.endpoint.premises["filter_before_limit"].detail


# --- spans and retention


@covering(
    "endpoint, over_span, days", WITH_ORDERS, ["refuse", "empty", "clamp_start", "clamp_end"], [7, 20, 60]
)
def test_too_long_a_span_is_reported(probe, endpoint, over_span, days):
    probed = probe(endpoint, rich(endpoint), max_span_hours=24 * days, over_span=over_span)
    answer = {"refuse": "refused", "empty": "empty"}.get(over_span, "clamped")
    shortest = {7: 30, 20: 30, 60: 90}[days]
    assert probed.learnt.span_answer == answer
    assert probed.learnt.too_long_span_ms == shortest * DAY_MS
    assert probed.learnt.longest_span_ms >= WEEK_MS - 1
    assert probed.verdict("span_refused") == ("observed" if answer == "refused" else "refuted")


@pytest.mark.parametrize(
    ("hours", "over_span"),
    [(6, "clamp_start"), (24, "clamp_start"), (100, "clamp_start"), (24, "clamp_end"), (100, "clamp_end")],
)
def test_a_span_below_a_week_that_is_cut_short_is_reported(probe, hours, over_span):
    rows = [
        make_row("usdm_futures", orderId=n, time=NOW_MS - HOUR_MS * n, updateTime=NOW_MS - HOUR_MS * n + 9)
        for n in range(1, 160, 3)
    ]
    probed = probe("usdm_futures", rows, max_span_hours=hours, over_span=over_span)
    assert probed.verdict("span_refused") == "refuted"
    assert probed.learnt.longest_span_ms is None


@one_of_each_paging(WITH_ORDERS)
def test_a_span_below_a_week_that_is_refused_is_reported_even_without_rows(probe, endpoint):
    probed = probe(endpoint, [], max_span_hours=6)
    assert probed.verdict("span_refused") == "observed"
    assert probed.learnt.span_answer == "refused"
    assert probed.verdict("end_inclusive") == "cannot_be_told"


def test_an_instant_that_is_known_finds_what_silence_on_long_spans_hides(probe):
    rows = rich("usdm_futures")
    hidden = probe("usdm_futures", rows, max_span_hours=6, over_span="empty")
    assert {one.verdict for one in hidden.endpoint.premises.values()} == {"cannot_be_told"}
    found = probe("usdm_futures", rows, max_span_hours=6, over_span="empty", near_ms=NOW_MS - HOUR_MS)
    assert found.learnt.span_answer == "empty"
    assert found.verdict("span_refused") == "refuted"


def test_without_a_limit_of_spans_nothing_is_claimed_but_what_was_whole(probe):
    probed = probe("usdm_futures", rich("usdm_futures"))
    assert probed.verdict("span_refused") == "cannot_be_told"
    assert probed.learnt.span_answer == "whole"
    assert 87 * DAY_MS < probed.learnt.longest_span_ms <= 90 * DAY_MS


@one_of_each_paging(WITH_ORDERS)
def test_how_far_back_rows_are_answered_is_learnt_and_not_taken_for_a_proof(probe, endpoint):
    whole = probe(endpoint, rich(endpoint))
    assert whole.learnt.retention_days_seen == 88
    cut = probe(endpoint, rich(endpoint), retention_days=30)
    assert cut.learnt.retention_days_seen == 20
    assert {whole.verdict("within_retention"), cut.verdict("within_retention")} == {"cannot_be_told"}


@pytest.mark.parametrize(("days", "verdict"), [(30, "refuted"), (90, "cannot_be_told")])
def test_a_refusal_of_what_is_too_old_is_reported(probe, days, verdict):
    probed = probe("usdm_futures", rich("usdm_futures"), retention_days=days, beyond_retention="refuse")
    assert probed.verdict("within_retention") == verdict
    assert days <= probed.learnt.retention_refused_days <= days + 8


@pytest.mark.parametrize("seed", [25, 3])
def test_rows_that_are_forgotten_between_two_questions_refute_nothing(probe, seed):
    probed = probe("usdm_futures", seeded=True, seed=seed, retention_days=60, cascade_every=0)
    for code in ("span_refused", "two_types", "filter_before_limit", "cut_by_filtered_instant"):
        assert probed.verdict(code) != "refuted", probed.endpoint.premises[code]
    assert probed.learnt.longest_span_ms >= WEEK_MS
    assert probed.spent <= probed.plan.weight


def test_a_start_that_is_too_old_is_not_taken_for_too_long_a_span(probe):
    knobs = {"retention_days": 60, "beyond_retention": "refuse", "cascade_every": 3, "cascade_rows": 20}
    probed = probe("margin", seeded=True, seed=25, **knobs)
    assert probed.verdict("span_refused") == "cannot_be_told"
    assert probed.verdict("within_retention") == "refuted"
    assert 60 <= probed.learnt.retention_refused_days <= 67
    assert probed.learnt.too_long_span_ms is None


@one_of_each_paging(WITH_ORDERS)
def test_too_long_a_span_is_reported_where_old_ones_are_refused_too(probe, endpoint):
    knobs = {"retention_days": 60, "beyond_retention": "refuse", "max_span_hours": 24 * 7}
    probed = probe(endpoint, rich(endpoint), **knobs)
    assert probed.verdict("span_refused") == "observed"
    assert probed.learnt.too_long_span_ms == 30 * DAY_MS
    assert probed.verdict("within_retention") == "refuted"


# --- numbered pages


TOTALS = {
    "whole": ({}, 130, "cannot_be_told"),
    "up to more than there are": ({"total_cap": 1000}, 130, "cannot_be_told"),
    "the page's": ({"total": "page"}, 130, "refuted"),
    "the only page's": ({"total": "page"}, 2, "refuted"),
    "up to a page": ({"total_cap": 100}, 130, "refuted"),
    "up to less than a page": ({"total_cap": 5}, 7, "refuted"),
    "of smaller pages": ({"size_cap": 50}, 130, "cannot_be_told"),
}


@covering("endpoint, counted", BY_NUMBER, TOTALS)
def test_what_the_total_counts_is_reported(probe, endpoint, counted):
    knobs, rows, verdict = counted
    given = [make_row(endpoint, orderId=n, time=NOW_MS - HOUR_MS * n) for n in range(1, rows + 1)]
    probed = probe(endpoint, given, **knobs)
    assert probed.verdict("total_is_whole") == verdict
    assert probed.learnt.total_seen == (None if verdict == "refuted" else rows)
    assert probed.learnt.page_rows_seen == min(rows, knobs.get("size_cap") or 100)


@pytest.mark.parametrize("stage", ["before_limit", "after_limit"])
def test_a_filter_by_isolated_symbol_is_reported_by_isolated_rows_alone(probe, stage):
    rows = rich("margin", isIsolated=False)
    at = NOW_MS - 6 * HOUR_MS
    pair = [
        make_row("margin", orderId=5 + n, symbol=SYMBOLS["margin"][n], time=at + 10 * n, isIsolated=not n)
        for n in range(2)
    ]
    probed = probe("margin", [*rows, *pair], filter_stage=stage)
    assert probed.learnt.symbol_filter == stage


def test_isolated_rows_are_reported(probe):
    rows = rich("margin")
    assert probe("margin", rows).verdict("isolated_rows") == "observed"
    cross = rich("margin", isIsolated=False)
    assert probe("margin", cross).verdict("isolated_rows") == "cannot_be_told"
    mixed = [
        *cross,
        make_row("margin", orderId=77, symbol="BTCUSDT", time=NOW_MS - 9 * HOUR_MS, isIsolated=True),
    ]
    hidden = probe("margin", mixed, isolated_rows="hidden")
    assert hidden.verdict("isolated_rows") == "refuted"


# --- what is said of every row


@one_of_each_paging(BY_TIME)
def test_what_is_said_of_every_row_is_never_proven_by_some(probe, endpoint):
    premises = probe(endpoint, rich(endpoint)).endpoint.premises
    for code in ("two_types", "symbols_listed", "update_after_time", "rows_settled"):
        assert premises[code].verdict == "cannot_be_told"
        assert premises[code].rows >= 7
        assert "says nothing about others" in premises[code].detail


@one_of_each_paging(BY_TIME)
def test_one_row_of_a_third_type_refutes(probe, endpoint):
    other = make_row(endpoint, orderId=5, time=NOW_MS - HOUR_MS * 30, clientOrderId="settlement_autoclose-1")
    probed = probe(endpoint, [*rich(endpoint), other])
    assert probed.verdict("two_types") == "refuted"
    hidden = probe(endpoint, [*rich(endpoint), other], other_type="hidden")
    assert hidden.verdict("two_types") == "cannot_be_told"


@one_of_each_paging(BY_TIME)
def test_one_row_that_was_updated_before_it_was_created_refutes(probe, endpoint):
    at = NOW_MS - HOUR_MS * 30
    early = make_row(endpoint, orderId=5, time=at, updateTime=at - 1)
    probed = probe(endpoint, [*rich(endpoint), early])
    assert probed.verdict("update_after_time") == "refuted"
    check_against_the_settings(probed, endpoint)


@covering("endpoint, filter_said", BY_TIME, ["answered", "refused"])
def test_one_row_of_a_symbol_that_is_not_listed_refutes(probe, endpoint, filter_said):
    gone = SYMBOLS[endpoint][1]
    probed = probe(endpoint, rich(endpoint), delisted_symbols=(gone,), delisted_filter=filter_said)
    assert probed.verdict("symbols_listed") == "refuted"
    assert probed.learnt.unlisted_symbol == filter_said
    check_against_the_settings(probed, endpoint)


def test_without_a_list_of_symbols_it_cannot_be_determined(probe):
    probed = probe("usdm_futures", rich("usdm_futures"), exchange_info="fails")
    assert probed.verdict("symbols_listed") == "cannot_be_told"
    assert probed.verdict("end_inclusive") == "observed"
    assert probed.spent <= probed.plan.weight


@covering("endpoint, late_rows", WITH_ORDERS, [1, 4])
def test_rows_that_appear_while_it_asks_refute_that_all_had_settled(probe, endpoint, late_rows):
    rows = [one for one in rich(endpoint) if NOW_MS - one.get("time", one.get("updatedTime")) < 6 * DAY_MS]
    probed = probe(endpoint, rows, late_rows=late_rows)
    assert probed.verdict("rows_settled") == "refuted"
    assert probed.endpoint.premises["rows_settled"].rows == late_rows


# --- what an account cannot show


@one_of_each_paging(WITH_ORDERS)
def test_without_rows_everything_is_said_to_be_unknown(probe, endpoint):
    probed = probe(endpoint, [])
    found = probed.endpoint.premises.values()
    assert {one.verdict for one in found} == {"cannot_be_told"}
    assert all(one.detail.startswith("the account has no rows") for one in found)
    assert probed.endpoint.access == "answered"


def test_an_account_under_risk_based_liquidation_adjustment_is_one_without_rows(probe):
    probed = probe("portfolio_margin", rich("portfolio_margin"), risk_based=True)
    for found in probed.endpoint.premises.values():
        assert (found.verdict, found.rows) == ("cannot_be_told", 0)
        assert found.detail.startswith("the account has no rows")


def test_rows_do_not_show_that_every_liquidation_is_recorded(probe):
    found = probe("portfolio_margin", rich("portfolio_margin")).endpoint.premises["recorded_by_endpoint"]
    assert found.verdict == "cannot_be_told"
    assert not found.detail.startswith("the account has no rows")


@covering("count, endpoint", [1, 2, 3], BY_TIME)
def test_a_few_rows_that_agree_determine_bounds_and_no_cut(probe, endpoint, count):
    rows = [make_row(endpoint, orderId=n, time=NOW_MS - HOUR_MS + n * 1000) for n in range(count)]
    probed = probe(endpoint, rows)
    assert probed.learnt.filtered_by is None
    assert probed.verdict("end_inclusive") == "observed"
    assert probed.verdict("cut_by_filtered_instant") == "cannot_be_told"
    assert probed.learnt.cut_side == ("newest" if count > 1 else None)


@one_of_each_paging(BY_TIME)
def test_a_page_of_one_millisecond_claims_nothing_that_it_cannot_show(probe, endpoint):
    rows = [make_row(endpoint, orderId=n, time=NOW_MS - HOUR_MS) for n in range(130)]
    probed = probe(endpoint, rows)
    check_against_the_settings(probed, endpoint)
    assert probed.verdict("cut_by_filtered_instant") == "cannot_be_told"


# --- all together


def anyhow(endpoint, rng):
    """Up to twelve rows, some of them close together, with ids, types and symbols in no order."""
    begin = NOW_MS - rng.randrange(HOUR_MS, 80 * DAY_MS)
    draft = []
    for _ in range(rng.randrange(12)):
        age_ms = rng.choice([NOW_MS - begin - rng.randrange(100), rng.randrange(HOUR_MS, 90 * DAY_MS)])
        delay_ms = rng.choice([0, 0, 1, 2, rng.randrange(100)])
        draft.append((age_ms, delay_ms, rng.randrange(10_000), rng.randrange(2), rng.choice("LLA")))
    return rich(endpoint, draft)


KNOBS = {
    "filter_by": ["time", "updateTime"],
    "keep": ["oldest", "newest"],
    "sort_by": [None, "time", "updateTime", "order_id"],
    "order": [None, "ascending", "descending", "shuffled", "order_id"],
    "start_bound": ["inclusive", "exclusive"],
    "end_bound": ["inclusive", "exclusive"],
    "equal_bounds": ["allow", "refuse", "empty"],
    "filter_stage": ["before_limit", "after_limit"],
    "start_stage": ["before_limit", "after_limit"],
    "limit_over_max": ["refuse", "clamp"],
    "max_span_hours": [None, 24.0, 168.0, 480.0],
    "over_span": ["refuse", "empty", "clamp_start", "clamp_end"],
    "retention_days": [None, 30.0],
    "total": ["whole", "page"],
    "total_cap": [None, 5],
    "size_cap": [None, 3],
    "isolated_rows": ["answered", "hidden"],
    "other_type": ["answered", "hidden"],
    "late_rows": [0, 3],
    "numbers_as_strings": [False, True],
    "drift": ["none", "total", "shift", "repeat"],
}
#: what is no matter of an answer's rows, or of the seeded history alone
ELSEWHERE = {
    "seed", "accounts", "beyond_retention", "late_share", "late_seconds", "late_requests", "extra_fields",
    "omit_optional", "cascade_every", "cascade_rows", "tie_rows", "other_rows", "update_before_share",
    "weight_limits", "other_traffic", "minute_seconds", "tolerated_429s", "ban_seconds", "retry_after",
    "ban_until_in_body", "clock_offset_ms", "latency_ms", "delisted_symbols", "delisted_filter",
    "exchange_info", "key", "read_only", "portfolio_margin", "risk_based", "ids_after",
}  # fmt: skip


def some_of(name, count, quick=8):
    """Parametrise over numbers: the first of them in the quick suite, the others are slow."""
    slow = [pytest.param(number, marks=pytest.mark.slow) for number in range(quick, count)]
    return pytest.mark.parametrize(name, [*range(quick), *slow])


def test_every_knob_is_one_of_these():
    assert {one.name for one in fields(Settings)} == set(KNOBS) | ELSEWHERE


@some_of("number", 60)
@pytest.mark.parametrize("endpoint", ["usdm_futures", "margin"])
def test_whatever_the_exchange_is_no_verdict_contradicts_it(probe, endpoint, number):
    rng = random.Random(f"{endpoint}/{number}")
    knobs = {name: rng.choice(values) for name, values in KNOBS.items() if rng.random() < 0.4}
    probed = probe(endpoint, rich(endpoint), **knobs)
    check_against_the_settings(probed, endpoint)


@some_of("number", 30)
@pytest.mark.parametrize("endpoint", ["portfolio_cm", "portfolio_margin"])
def test_nor_does_one_where_rows_come_as_they_please(probe, endpoint, number):
    rng = random.Random(f"{endpoint}/{number}")
    knobs = {name: rng.choice(values) for name, values in KNOBS.items() if rng.random() < 0.25}
    check_against_the_settings(probe(endpoint, anyhow(endpoint, rng), **knobs), endpoint)
