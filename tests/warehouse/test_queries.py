"""The queries: small histories with a known answer, asked in a session whose time zone is not UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from lakehouse import row

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.queries import NOTIONALS, QUERIES, VIEWS, create_view
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

DAY = 24 * 3600 * 1000
#: 2026-10-10T00:00:00Z, where New Delhi has half past five
TENTH = 1791590400000
HOUR = 3600 * 1000
ZONE = "Asia/Kolkata"
ADL = '"adl_autoclose"'
OTHER = '"settlement_autoclose-1"'
BEYOND = (
    "the window begins before 2026-08-22T00:00:00Z, and the exchange keeps 90 days (as documented), so an "
    "answer would not prove that nothing is missing"
)
TWO = f"{BEYOND}\n2 rows are kept"
CAPITAL_FLOW = "accounts liquidated elsewhere have no record; GET /sapi/v1/margin/capital-flow has them"


def quoted(**fields):
    return {name: f'"{value}"' for name, value in fields.items()}


def lay(lake):
    """Lay down a history of all six endpoints, with windows that are doubtful or far between."""
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
        replace(beyond, proof=replace(beyond.proof, caveats=(BEYOND, "2 rows are kept"))),
        lake.lay(um, endpoint="portfolio_um", account="fund"),
        lake.lay(margin, endpoint="margin"),
        replace(caveat, proof=replace(caveat.proof, caveats=(CAPITAL_FLOW,))),
    ]


def at(day, hour=0):
    return datetime(2026, 10, day, hour, tzinfo=UTC)


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
    "window_doubts": [
        ("fund", "portfolio_cm", at(10), at(11), "", "", False, True, TWO, 1, EXTRACTED),
        ("fund", "portfolio_margin", at(10), at(11), "", "", True, False, CAPITAL_FLOW, 1, EXTRACTED),
    ],
    "window_gaps": [
        ("desk", "usdm_futures", "", "", at(12), at(15)),
        ("desk", "usdm_futures", "BTCUSDT", "ADL", at(21), at(22)),
    ],
}  # fmt: skip


def ask(warehouse, sql):
    import duckdb

    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(f"SET TimeZone = '{ZONE}'")
        return connection.execute(sql).fetchall()


@pytest.fixture
def loaded(warehouse, lake):
    warehouse.load(*lay(lake))
    return warehouse


def test_every_query_has_an_answer_to_hold_it_against():
    assert set(ANSWERS) == set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_answers_value_for_value(loaded, name):
    assert ask(loaded, QUERIES[name].sql) == ANSWERS[name]


def test_the_views_answer_the_same_and_see_what_is_loaded_after_them(warehouse, lake):
    first, *rest = lay(lake)
    warehouse.load(first)
    for statement in (*VIEWS.values(), *VIEWS.values()):
        warehouse.query(statement)
    warehouse.load(*rest)
    found = {name: ask(warehouse, f"FROM {query.view}") for name, query in QUERIES.items()}
    assert found == ANSWERS


@pytest.mark.parametrize("name", QUERIES)
def test_empty_tables_give_no_rows(warehouse, lake, name):
    warehouse.load(lake.lay([]))
    assert ask(warehouse, QUERIES[name].sql) == []


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
    assert ask(warehouse, QUERIES["window_gaps"].sql) == [("desk", "usdm_futures", "", "", at(2), at(3))]


def test_what_the_extracting_operator_says_of_retention_is_recognised(warehouse, lake):
    from airflow_provider_binance_liq.core.endpoints import get_endpoint
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator

    operator = LiquidationsToObjectStorageOperator(
        task_id="extract",
        endpoint="coinm_futures",
        destination="file:///lake",
        beyond_retention="extract",
    )
    doubt = operator._retention(get_endpoint("coinm_futures"), Window(0, DAY))
    old = lake.lay([], endpoint="coinm_futures", complete=False)
    warehouse.load(replace(old, proof=replace(old.proof, caveats=(doubt,))))
    assert doubt
    ((*_, beyond, caveats, _, _),) = ask(warehouse, QUERIES["window_doubts"].sql)
    assert (beyond, caveats) == (True, doubt)


def test_a_window_without_proof_is_doubtful_even_if_nothing_says_why(warehouse, lake):
    warehouse.load(lake.lay([], complete=False), lake.lay([], day=11))
    ((*_, start, _, _, _, complete, beyond, caveats, _, _),) = ask(warehouse, QUERIES["window_doubts"].sql)
    assert (start, complete, beyond, caveats) == (at(10), False, False, "")


def test_a_notional_is_made_of_columns_that_the_endpoint_fills():
    fills = {column.name: column.endpoints for column in LIQUIDATIONS}
    for endpoint, made_of in NOTIONALS.items():
        assert [name for name in made_of.split(" * ") if endpoint not in fills[name]] == []


def test_hours_of_the_same_size_share_their_place(warehouse, lake):
    warehouse.load(lake.lay([row(n, TENTH + n * HOUR, **quoted(cumQuote="5")) for n in range(3)]))
    assert [place for place, *_ in ask(warehouse, QUERIES["cascades"].sql)] == [1, 1, 1]


def test_a_query_that_there_is_not_is_refused_by_name():
    with pytest.raises(InvalidRequest, match="no query 'daily'; there are daily_notional, "):
        create_view("daily")
