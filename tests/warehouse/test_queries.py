"""The queries: small histories with a known answer, asked in a session whose time zone is not UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from support.lakehouse import Lake, Warehouse, row
from support.other_kinds import FLOWS, LOANS, flow, loan

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.queries import (
    NOTIONALS,
    NOW,
    QUERIES,
    VIEWS,
    create_view,
    create_views,
)
from airflow_provider_binance_liq.warehouse.tables import (
    CAPITAL_FLOWS,
    LIQUIDATIONS,
    ROW_TABLES,
    WINDOWS,
    filled_by,
)

DAY = 24 * 3600 * 1000
#: 2026-10-10T00:00:00Z, where New Delhi has half past five
TENTH = 1791590400000
HOUR = 3600 * 1000
ZONE = "Asia/Kolkata"
#: what the clock says in the queries that have one
CLOCK = "TIMESTAMP WITH TIME ZONE '2026-11-20 12:00:00+00'"
ADL = '"adl_autoclose"'
OTHER = '"settlement_autoclose-1"'
TWO = "a sentence for people\n2 rows are kept"
CAPITAL_FLOW = "accounts liquidated elsewhere have no record; GET /sapi/v1/margin/capital-flow has them"


def quoted(**fields):
    return {name: f'"{value}"' for name, value in fields.items()}


def fees(lake):
    """Lay down a day of capital flows and one of loans, with fees and without."""
    flows = [
        flow(1, type="LIQUIDATION_FEE", amount="-0.1"),
        flow(2, type="LIQUIDATION_FEE", amount="-0.000000000000000002", timestamp=TENTH + DAY - 1),
        flow(3, type="LIQUIDATION_FEE", amount="-3", asset="BNB"),
        flow(4, type="SELL_LIQUIDATION"),
    ]
    loans = [
        loan(1),
        loan(2),
        loan(3, liquidationFee=""),
        loan(4, collateralCoin="ETH", liquidationFee="0.5"),
    ]
    return lake.lay(flows, endpoint=FLOWS, account="lender"), lake.lay(
        loans, endpoint=LOANS, account="lender"
    )


def lay(lake):
    """Lay down a history of all endpoints, with windows that are doubtful or far between."""
    usdm = [
        row(1, TENTH, **quoted(cumQuote="100.5")),
        row(2, TENTH + DAY - 1, **quoted(cumQuote="200.25")),
        row(3, TENTH + 5 * HOUR, **quoted(symbol="ETHBTC", cumQuote="0.5")),
        row(4, TENTH + 5 * HOUR + 1, **quoted(cumQuote="50"), clientOrderId=ADL),
        row(5, TENTH + 6 * HOUR - 1, **quoted(cumQuote="9"), clientOrderId=OTHER),
        # Neither a sum nor an average price: nobody knows what it was worth.
        row(6, TENTH + HOUR // 2, **quoted(executedQty="1")),
    ]
    coinm = [
        # The exchange states what three contracts are worth.
        row(1, TENTH, **quoted(symbol="BTCUSD_PERP", executedQty="3", cumBase="0.026", cumQuote="300"))
    ]
    cm = [
        # It does not here: one contract of 100 USD, but for the digits that it cut off.
        row(
            1,
            TENTH + 2 * HOUR,
            **quoted(symbol="BTCUSD_PERP", executedQty="1", cumBase="0.00882854", avgPrice="11326.9"),
        )
    ]
    um = [row(1, TENTH + 2 * HOUR, **quoted(symbol="BTCUSDT_261225", cumQuote="10.91321"))]
    margin = [
        row(1, TENTH, **quoted(symbol="BNBBTC", executedQty="31.39", avgPrice="0.00388359")),
        row(2, TENTH, **quoted(symbol="BNBBTC", executedQty="12345678901.12345678", avgPrice="0.00000001")),
        # More than DuckDB can multiply.
        row(3, TENTH, **quoted(symbol="BNBBTC", executedQty="99999999999.5", avgPrice="1")),
    ]
    papi = [row(1, TENTH, **quoted(symbol="BTCFDUSD", executedQty="0.5", avgPrice="20000"))]
    after = [row(7, TENTH + DAY, **quoted(cumQuote="1")), row(8, TENTH + DAY + 1, **quoted(cumQuote="2"))]
    beyond = lake.lay(cm, endpoint="portfolio_cm", account="fund", complete=False)
    caveat = lake.lay(papi, endpoint="portfolio_margin", account="fund")
    return [
        lake.lay(usdm),
        lake.lay(after, day=11),
        lake.lay([], day=15),
        lake.lay([], day=20, filters=ManifestFilters(("BTCUSDT",), "ADL")),
        lake.lay([], day=22, filters=ManifestFilters(("BTCUSDT",), "ADL")),
        lake.lay(coinm, endpoint="coinm_futures"),
        replace(
            beyond,
            proof=replace(
                beyond.proof,
                caveats=("a sentence for people", "2 rows are kept"),
                premises=(StatedPremise("within_retention", "assumed"),),
                incomplete_reasons=("within_retention",),
            ),
        ),
        lake.lay(um, endpoint="portfolio_um", account="fund"),
        lake.lay(margin, endpoint="margin"),
        replace(caveat, proof=replace(caveat.proof, caveats=(CAPITAL_FLOW,))),
        *fees(lake),
    ]


def at(day, hour=0):
    return datetime(2026, 10, day, hour, tzinfo=UTC)


TABLES = {table.name for table in (*ROW_TABLES.values(), WINDOWS)}
#: two days before the clock
NOT_YET = datetime(2026, 11, 18, 12, tzinfo=UTC)


def until(source, day):
    """Until when a stretch that begins on that day of October can be fetched, and the whole days left."""
    last = at(day) + timedelta(days=90)
    return 90, source, last, (last - datetime(2026, 11, 20, 12, tzinfo=UTC)).days


D10, D11 = date(2026, 10, 10), date(2026, 10, 11)
EXTRACTED = datetime(2026, 11, 11, tzinfo=UTC)
MARGIN = Decimal("0.1219058901") + Decimal("123.4567890112345678")
#: query → its rows over that history
ANSWERS = {
    "daily_notional": [
        (D10, "desk", "coinm_futures", "BTCUSD_PERP", 1, Decimal(300), 0),
        (D10, "desk", "margin", "BNBBTC", 3, MARGIN, 1),
        (D10, "desk", "usdm_futures", "BTCUSDT", 3, Decimal("300.75"), 1),
        (D10, "desk", "usdm_futures", "ETHBTC", 1, Decimal("0.5"), 0),
        (D10, "fund", "portfolio_cm", "BTCUSD_PERP", 1, Decimal("99.999989726"), 0),
        (D10, "fund", "portfolio_margin", "BTCFDUSD", 1, Decimal(10000), 0),
        (D10, "fund", "portfolio_um", "BTCUSDT_261225", 1, Decimal("10.91321"), 0),
        (D11, "desk", "usdm_futures", "BTCUSDT", 2, Decimal(3), 0),
    ],
    "adl_share": [
        (D10, "coinm_futures", "BTCUSD_PERP", 1, 0, 0, Decimal(300), Decimal(0), Decimal(0), 0),
        (D10, "margin", "BNBBTC", 3, 0, 0, MARGIN, Decimal(0), Decimal(0), 1),
        (D10, "portfolio_cm", "BTCUSD_PERP", 1, 0, 0, Decimal("99.999989726"), Decimal(0), Decimal(0), 0),
        (D10, "portfolio_margin", "BTCFDUSD", 1, 0, 0, Decimal(10000), Decimal(0), Decimal(0), 0),
        (D10, "portfolio_um", "BTCUSDT_261225", 1, 0, 0, Decimal("10.91321"), Decimal(0), Decimal(0), 0),
        (D10, "usdm_futures", "BTCUSDT", 3, 1, 1, Decimal("300.75"), Decimal(50), Decimal(9), 1),
        (D10, "usdm_futures", "ETHBTC", 1, 0, 0, Decimal("0.5"), Decimal(0), Decimal(0), 0),
        (D11, "usdm_futures", "BTCUSDT", 2, 0, 0, Decimal(3), Decimal(0), Decimal(0), 0),
    ],
    "cascades": [
        (1, "fund", at(10, 0), 1, 0, 1, Decimal(10000), 0),
        # BTCUSDT, the one without a price, COIN-M, and three quoted in BTC.
        (2, "desk", at(10, 0), 6, 0, 3, Decimal("400.5"), 4),
        (3, "desk", at(10, 23), 1, 0, 1, Decimal("200.25"), 0),
        (4, "fund", at(10, 2), 2, 0, 2, Decimal("110.913199726"), 0),
        (5, "desk", at(10, 5), 2, 1, 2, Decimal(50), 1),
        (6, "desk", at(11, 0), 2, 0, 1, Decimal(3), 0),
    ],
    "window_caveats": [
        (
            "fund", "portfolio_cm", at(10), at(11), "", "", False, True, TWO, 1, EXTRACTED,
            "within_retention", "within_retention", "",
        ),
        (
            "fund", "portfolio_margin", at(10), at(11), "", "", True, False, CAPITAL_FLOW, 1, EXTRACTED,
            "", "", "",
        ),
    ],
    "relabelled": [],
    "window_gaps": [
        ("desk", "usdm_futures", "", "", at(12), at(15), "missing"),
        ("desk", "usdm_futures", "BTCUSDT", "ADL", at(21), at(22), "missing"),
        ("fund", "portfolio_cm", "", "", at(10), at(11), "unproven"),
    ],
    "recoverable": [
        ("desk", "coinm_futures", "", "", "missing", False, at(11), NOT_YET, *until("documented", 11)),
        ("desk", "margin", "", "", "missing", False, at(11), NOT_YET, *until("assumed", 11)),
        ("desk", "usdm_futures", "", "", "missing", False, at(12), at(15), *until("assumed", 12)),
        ("desk", "usdm_futures", "", "", "missing", False, at(16), NOT_YET, *until("assumed", 16)),
        ("fund", "portfolio_cm", "", "", "unproven", False, at(10), at(11), *until("assumed", 10)),
        ("fund", "portfolio_cm", "", "", "missing", False, at(11), NOT_YET, *until("assumed", 11)),
        ("fund", "portfolio_margin", "", "", "missing", False, at(11), NOT_YET, *until("assumed", 11)),
        ("fund", "portfolio_um", "", "", "missing", False, at(11), NOT_YET, *until("assumed", 11)),
        ("lender", "flexible_loan", "", "", "missing", False, at(11), NOT_YET, *until("assumed", 11)),
        ("lender", FLOWS, "", "", "missing", False, at(11), NOT_YET, *until("documented", 11)),
    ],
    "missing_rows": [],
    "missing_capital_flows": [],
    "missing_loan_liquidations": [],
    "capital_flow_fees": [
        (D10, "lender", FLOWS, "BNB", 1, Decimal(-3)),
        (D10, "lender", FLOWS, "USDT", 2, Decimal("-0.100000000000000002")),
    ],
    "loan_fees": [
        (D10, "lender", LOANS, "USDT", "BTC", 3, 2, Decimal("2.4")),
        (D10, "lender", LOANS, "USDT", "ETH", 1, 1, Decimal("0.5")),
    ],
}  # fmt: skip


def proven(account, endpoint, first, last, source="assumed"):
    return account, endpoint, "", "", "proven", False, at(first), at(last), 90, source, None, None


ANSWERS["coverage"] = sorted(
    [
        *ANSWERS["recoverable"],
        proven("desk", "coinm_futures", 10, 11, "documented"),
        proven("desk", "margin", 10, 11),
        proven("desk", "usdm_futures", 10, 12),
        proven("desk", "usdm_futures", 15, 16),
        proven("fund", "portfolio_margin", 10, 11),
        proven("fund", "portfolio_um", 10, 11),
        proven("lender", FLOWS, 10, 11, "documented"),
        proven("lender", LOANS, 10, 11),
    ],
    key=lambda one: (*one[:4], one[6]),
)


def days(account, endpoint, counts):
    """Tell each whole day until the one before the windows need not be there yet."""
    start = None
    for number in range(10, 49):
        state, *found = counts.get(number, ("missing", 0, 0, 0))
        before = counts.get(number - 1, ("missing",))[0] if number > 10 else None
        start = at(1) + timedelta(days=number - 1) if state != before else start
        kept = None if state == "proven" else start + timedelta(days=90)
        yield (D10 + timedelta(days=number - 10), account, endpoint, state, False, kept, *found)


ANSWERS["days"] = sorted(
    [
        *days("desk", "coinm_futures", {10: ("proven", 1, 0, 0)}),
        *days("desk", "margin", {10: ("proven", 3, 0, 0)}),
        *days(
            "desk",
            "usdm_futures",
            {10: ("proven", 4, 1, 1), 11: ("proven", 2, 0, 0), 15: ("proven", 0, 0, 0)},
        ),
        *days("fund", "portfolio_cm", {10: ("unproven", 1, 0, 0)}),
        *days("fund", "portfolio_margin", {10: ("proven", 1, 0, 0)}),
        *days("fund", "portfolio_um", {10: ("proven", 1, 0, 0)}),
    ]
)


def ask(warehouse, sql, zone=ZONE):
    import duckdb

    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        return connection.execute(sql.replace(NOW, CLOCK)).fetchall()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A warehouse with the histories, for the tests that only read."""
    directory = tmp_path_factory.mktemp("loaded")
    warehouse = Warehouse(directory / "liquidations.duckdb")
    warehouse.load(*lay(Lake(directory / "lake")))
    return warehouse


def test_every_query_has_an_answer_to_hold_it_against():
    assert set(ANSWERS) == set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_answers_value_for_value(loaded, name):
    assert ask(loaded, QUERIES[name].sql) == ANSWERS[name]


def test_the_views_answer_the_same_and_see_what_is_loaded_after_them(warehouse, lake):
    first, *rest = lay(lake)
    warehouse.load(first)
    warehouse.load(*fees(lake))
    for statement in 2 * create_views(TABLES):
        warehouse.query(statement.replace(NOW, CLOCK))
    warehouse.load(*rest)
    found = {name: ask(warehouse, f"FROM {query.view}") for name, query in QUERIES.items()}
    assert found == ANSWERS


def test_empty_tables_give_no_rows(warehouse, lake):
    warehouse.load(*(lake.lay([], endpoint=endpoint) for endpoint in ("usdm_futures", FLOWS, LOANS)))
    warehouse.query("DELETE FROM binance_liquidation_windows")
    assert {name for name in QUERIES if ask(warehouse, QUERIES[name].sql)} == set()


def test_views_are_made_of_the_tables_that_are_there_and_say_what_they_answer(warehouse, lake):
    warehouse.load(fees(lake)[0])
    for statement in create_views({CAPITAL_FLOWS.name, WINDOWS.name}):
        warehouse.query(statement)
    views = dict(warehouse.query("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"))
    names = {"window_caveats", "window_gaps", "recoverable", "coverage"}
    names |= {"capital_flow_fees", "missing_capital_flows"}
    assert views == {QUERIES[name].view: QUERIES[name].answers for name in names}


def test_a_query_is_found_by_the_name_that_it_had_in_an_earlier_release():
    assert create_view("window_doubts") == create_view("window_caveats")
    assert f"VIEW {QUERIES['window_caveats'].view} AS" in create_view("window_doubts")


def test_the_views_that_every_release_has_need_no_other_tables_than_those_of_orders():
    of_others = {*ROW_TABLES.values()} - {LIQUIDATIONS}
    without = {query.view for query in QUERIES.values() if of_others.isdisjoint(query.tables)}
    assert set(VIEWS) == without


def test_a_window_inside_another_one_makes_no_gap(warehouse, lake):
    week = lake.lay([], day=1)
    week = replace(week, window=replace(week.window, end="2026-10-08T00:00:00Z"))
    warehouse.load(week, lake.lay([], day=3), lake.lay([], day=8))
    assert ask(warehouse, QUERIES["window_gaps"].sql) == []


def test_windows_of_other_accounts_and_endpoints_cover_nothing(warehouse, lake):
    warehouse.load(
        lake.lay([], day=1),
        lake.lay([], day=3),
        lake.lay([], day=2, account="fund"),
        lake.lay([], day=2, endpoint="margin"),
    )
    assert ask(warehouse, QUERIES["window_gaps"].sql) == [
        ("desk", "usdm_futures", "", "", at(2), at(3), "missing")
    ]


def unproven(manifest, *reasons):
    proof = replace(manifest.proof, complete=False, incomplete_reasons=reasons)
    return replace(manifest, proof=proof)


def test_an_empty_day_that_is_not_proven_covers_nothing(warehouse, lake):
    days = [lake.lay([], day=number) for number in (1, 2, 3, 4)]
    warehouse.load(days[0], unproven(days[1], "isolated_rows"), unproven(days[2], "two_types"), days[3])
    assert ask(warehouse, QUERIES["window_gaps"].sql) == [
        ("desk", "usdm_futures", "", "", at(2), at(4), "unproven")
    ]


def test_a_day_that_is_not_proven_is_covered_by_another_window_that_is(warehouse, lake):
    week = lake.lay([], day=1)
    week = replace(week, window=replace(week.window, end="2026-10-08T00:00:00Z"))
    warehouse.load(week, unproven(lake.lay([], day=3), "two_types"))
    assert ask(warehouse, QUERIES["window_gaps"].sql) == []


def as_of(warehouse, instant):
    sql = QUERIES["recoverable"].sql.replace(NOW, f"TIMESTAMP WITH TIME ZONE '{instant}+00'")
    return [(*one[4:8], one[-1]) for one in ask(warehouse, sql)]


def test_what_is_older_than_the_exchange_keeps_is_lost_by_the_instant(warehouse, lake):
    warehouse.load(lake.lay([], day=1), lake.lay([], day=3))
    # 90 days after the second of October.
    assert as_of(warehouse, "2026-12-31 00:00:00")[0] == ("missing", False, at(2), at(3), 0)
    assert as_of(warehouse, "2026-12-31 06:00:00")[:2] == [
        ("missing", True, at(2), at(2, 6), -1),
        ("missing", False, at(2, 6), at(3), 0),
    ]
    assert as_of(warehouse, "2027-01-01 00:00:00")[0] == ("missing", True, at(2), at(3), -1)


def test_the_stretches_of_the_view_are_those_of_the_core(warehouse, lake):
    from airflow_provider_binance_liq.core.horizon import Retention
    from airflow_provider_binance_liq.core.recoverable import expected_range, stretches
    from airflow_provider_binance_liq.core.windows import Window, epoch_ms

    proven, others = (1, 3, 4, 9), (5, 6, 11)
    warehouse.load(
        *(lake.lay([], day=number) for number in proven),
        *(unproven(lake.lay([], day=number), "two_types") for number in others),
    )
    now = datetime(2027, 1, 4, 7, 30, tzinfo=UTC)
    covered, held = (
        [Window.between(at(number), at(number + 1)) for number in numbers] for numbers in (proven, others)
    )
    found = stretches(
        covered,
        held,
        expected_range(epoch_ms(at(1)), epoch_ms(now), 2 * DAY),
        now_ms=epoch_ms(now),
        retention=Retention(90, "assumed"),
    )
    told = [
        (one.state, one.lost, one.window.start_ms, one.window.end_ms, one.left_ms(epoch_ms(now)) // DAY)
        for one in found
        if one.state != "proven"
    ]
    answered = as_of(warehouse, "2027-01-04 07:30:00")
    assert [(state, lost, epoch_ms(a), epoch_ms(b), left) for state, lost, a, b, left in answered] == told


def some_history(lake, seed):
    """Lay down windows of several filters, with and without a proof, at random."""
    random = Random(seed)
    doubts = (), ("isolated_rows",), ("recorded_by_endpoint", "isolated_rows"), ("isolated_rows", "two_types")
    filters = ManifestFilters(), ManifestFilters(("BTCUSDT",)), ManifestFilters((), "ADL")
    for endpoint in ("usdm_futures", "coinm_futures", "margin", "portfolio_margin"):
        for account in ("desk", "fund"):
            for only in random.sample(filters, random.randint(1, 3)):
                first = random.randint(1, 20)
                for number in random.sample(range(first, 29), random.randint(1, 29 - first)):
                    laid = lake.lay([], endpoint=endpoint, account=account, day=number, filters=only)
                    reasons = random.choice(doubts)
                    yield unproven(laid, *reasons) if reasons or random.random() < 0.3 else laid


def as_the_task_tells(manifests, now, *, proven=False):
    """Say what the coverage check tells of the same manifests, with its defaults."""
    from airflow_provider_binance_liq.core.windows import epoch_ms, to_datetime
    from airflow_provider_binance_liq.lake.verify.claims import read_claim
    from airflow_provider_binance_liq.lake.verify.coverage import Expectation, histories
    from airflow_provider_binance_liq.lake.verify.holdings import Holdings

    found = histories(Holdings(tuple(map(read_claim, manifests))), Expectation(epoch_ms(now)))
    return sorted(
        (
            one.series.account,
            one.series.endpoint,
            ",".join(one.series.symbols),
            one.series.auto_close_type,
            stretch.state,
            stretch.lost,
            to_datetime(stretch.window.start_ms),
            to_datetime(stretch.window.end_ms),
            one.coverage.retention.days,
            one.coverage.retention.source,
            to_datetime(stretch.recoverable_until_ms),
            stretch.left_ms(epoch_ms(now)) // DAY,
        )
        for one in found
        for stretch in one.coverage.found
        if (stretch.state == "proven") is proven
    )


#: while windows are not settled yet; across the end of daylight saving; while some are lost
MOMENTS = (
    datetime(2026, 10, 20, 13, 20, 0, 250_000, tzinfo=UTC),
    datetime(2026, 11, 20, 12, tzinfo=UTC),
    datetime(2027, 1, 10, 7, 30, tzinfo=UTC),
)


@pytest.mark.parametrize("seed", range(4))
def test_the_view_and_the_task_report_the_same_of_the_same_windows(warehouse, lake, seed):
    manifests = list(some_history(lake, seed))
    warehouse.load(*manifests)
    for now in MOMENTS:
        sql = QUERIES["recoverable"].sql.replace(NOW, f"TIMESTAMP WITH TIME ZONE '{now.isoformat()}'")
        assert sorted(ask(warehouse, sql, "America/New_York")) == as_the_task_tells(manifests, now)


def test_coverage_has_what_the_task_reports_for_proven_windows_too(warehouse, lake):
    manifests = list(some_history(lake, seed=11))
    warehouse.load(*manifests)
    for now in MOMENTS:
        clock = f"TIMESTAMP WITH TIME ZONE '{now.isoformat()}'"
        covered, recoverable = (
            ask(warehouse, QUERIES[name].sql.replace(NOW, clock)) for name in ("coverage", "recoverable")
        )
        assert [one for one in covered if one[4] != "proven"] == recoverable
        settled = now - timedelta(days=2)
        stretches = [
            (*one[:7], min(one[7], settled)) for one in covered if one[4] == "proven" and one[6] < settled
        ]
        assert stretches == [one[:8] for one in as_the_task_tells(manifests, now, proven=True)]


def test_coverage_reports_a_proven_window_that_ended_today_and_not_until_when_it_is_kept(warehouse, lake):
    warehouse.load(lake.lay([], day=1), lake.lay([], day=2))
    sql = QUERIES["coverage"].sql.replace(NOW, "TIMESTAMP WITH TIME ZONE '2026-10-03 06:00:00+00'")
    assert ask(warehouse, sql) == [proven("desk", "usdm_futures", 1, 3)]


def test_only_whole_days_are_reported_and_the_worst_part_of_a_day_counts(warehouse, lake):
    def between(day, first, last, **known):
        laid = lake.lay([], day=day, **known)
        window = replace(laid.window, start=f"2026-10-{first}:00:00Z", end=f"2026-10-{last}:00:00Z")
        return replace(laid, window=window)

    warehouse.load(
        between(1, "01T12", "03T06"),
        unproven(between(3, "03T06", "04T00"), "two_types"),
        between(5, "04T00", "05T03"),
        between(6, "05T04", "07T01"),
        between(1, "01T00", "03T00", filters=ManifestFilters(("BTCUSDT",))),
        lake.lay([], endpoint=LOANS),
    )
    found = ask(warehouse, QUERIES["days"].sql.replace(NOW, "TIMESTAMP WITH TIME ZONE '2026-10-08 12:00+00'"))
    assert [(one[0].day, *one[3:6]) for one in found] == [
        (2, "proven", False, None),
        (3, "unproven", False, at(3, 6) + timedelta(days=90)),
        (4, "proven", False, None),
        (5, "missing", False, at(5, 3) + timedelta(days=90)),
        (6, "proven", False, None),
    ]


def test_nothing_is_reported_for_what_ended_less_than_two_days_ago(warehouse, lake):
    warehouse.load(lake.lay([], day=1), unproven(lake.lay([], day=2), "two_types"), lake.lay([], day=4))
    assert as_of(warehouse, "2026-10-05 06:00:00") == [
        ("unproven", False, at(2), at(3), 86),
        ("missing", False, at(3), at(3, 6), 87),
    ]
    assert as_of(warehouse, "2026-10-03 12:00:00") == []


def test_a_day_that_fetching_would_not_prove_is_a_gap_and_not_recoverable(warehouse, lake):
    codes = ("recorded_by_endpoint", "isolated_rows")
    warehouse.load(lake.lay([], day=1), unproven(lake.lay([], day=2), *codes), lake.lay([], day=3))
    assert as_of(warehouse, "2026-10-05 12:00:00") == []
    ((*_, state),) = ask(warehouse, QUERIES["window_gaps"].sql)
    assert state == "unproven"


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Kolkata"])
def test_days_that_are_left_are_days_of_24_hours_in_every_time_zone(warehouse, lake, zone):
    warehouse.load(lake.lay([], day=10), lake.lay([], day=12))
    # 86 days and half an hour before the 9th of January; in between, New York sets its clocks back an hour.
    sql = QUERIES["recoverable"].sql.replace(NOW, "TIMESTAMP WITH TIME ZONE '2026-10-14 23:30:00+00'")
    assert [one[-1] for one in ask(warehouse, sql, zone)] == [86]


def test_no_sentence_decides_whether_a_window_is_beyond_retention(warehouse, lake):
    said = "the window begins before 2026-08-22T00:00:00Z, and the exchange keeps 90 days (as documented)"
    plain, beyond = lake.lay([], complete=False), lake.lay([], day=11)
    beyond = unproven(beyond, "isolated_rows", "within_retention")
    warehouse.load(replace(plain, proof=replace(plain.proof, caveats=(said,))), beyond)
    doubts = ask(warehouse, QUERIES["window_caveats"].sql)
    assert [one[7] for one in doubts] == [False, True]


def test_a_window_without_proof_is_doubtful_even_if_nothing_says_why(warehouse, lake):
    warehouse.load(lake.lay([], complete=False), lake.lay([], day=11))
    ((_, _, start, *_, complete, beyond, caveats, _, _, _, _, _),) = ask(
        warehouse, QUERIES["window_caveats"].sql
    )
    assert (start, complete, beyond, caveats) == (at(10), False, False, "")


def test_a_notional_is_made_of_columns_that_the_endpoint_fills():
    fills = {column.name: filled_by(LIQUIDATIONS, column) for column in LIQUIDATIONS}
    for endpoint, made_of in NOTIONALS.items():
        assert [name for name in made_of.split(" * ") if endpoint not in fills[name]] == []


def test_an_account_whose_label_was_changed_is_reported_with_its_orders(warehouse, lake):
    first = [row(n, TENTH + n * HOUR) for n in (1, 2, 3)]
    others = [
        row(1, TENTH + HOUR, **quoted(symbol="ETHUSDT")),
        row(2, TENTH + 5 * HOUR),
        row(3, TENTH + 3 * HOUR, time=str(TENTH)),
        row(9, TENTH + HOUR),
    ]
    warehouse.load(
        lake.lay(first, account="desk"),
        lake.lay([*first[:2], row(4)], account="desk renamed"),
        lake.lay(first[1:], account="a third"),
        lake.lay(others, account="of its own"),
        lake.lay(first, account="elsewhere", endpoint="coinm_futures"),
    )
    assert ask(warehouse, QUERIES["relabelled"].sql) == [
        ("usdm_futures", "a third", "desk", 2, at(10, 2), at(10, 3)),
        ("usdm_futures", "a third", "desk renamed", 1, at(10, 2), at(10, 2)),
        ("usdm_futures", "desk", "desk renamed", 2, at(10, 1), at(10, 2)),
    ]


def test_a_margin_record_has_no_instant_of_its_creation_and_is_reported_all_the_same(warehouse, lake):
    record = '{"symbol":"BNBBTC","orderId":5,"updatedTime":' + str(TENTH) + "}"
    warehouse.load(*(lake.lay([record], account=name, endpoint="margin") for name in ("desk", "fund")))
    assert [found[:4] for found in ask(warehouse, QUERIES["relabelled"].sql)] == [
        ("margin", "desk", "fund", 1),
    ]


def test_hours_of_the_same_size_share_their_place(warehouse, lake):
    warehouse.load(lake.lay([row(n, TENTH + n * HOUR, **quoted(cumQuote="5")) for n in range(3)]))
    assert [place for place, *_ in ask(warehouse, QUERIES["cascades"].sql)] == [1, 1, 1]


def test_a_query_that_there_is_not_is_refused_with_a_specific_error():
    with pytest.raises(InvalidRequest, match="unknown query 'daily'; choose one of daily_notional, "):
        create_view("daily")
