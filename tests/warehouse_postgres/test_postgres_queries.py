"""The queries answer the same in PostgreSQL as in DuckDB, whatever the session's time zone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.lakehouse import row

# Its history and its answers are those of DuckDB's tests; the directory is on the path for `lakehouse`.
from warehouse.test_queries import (
    ANSWERS,
    CLOCK,
    HOUR,
    MOMENTS,
    TABLES,
    TENTH,
    ZONE,
    as_the_task_tells,
    fees,
    lay,
    quoted,
    some_history,
)
from warehouse.test_queries import ask as ask_duckdb

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED
from airflow_provider_binance_liq.warehouse.queries import NOW, QUERIES, VIEWS, create_views


def ask(postgres, query):
    with postgres.connect() as connection:
        connection.execute(f"SET TimeZone = '{ZONE}'")
        return connection.execute(query.replace(NOW, CLOCK)).fetchall()


@pytest.fixture(scope="module")
def loaded(database, tmp_path_factory):
    """Load the history once: to ask changes nothing."""
    from support import lakehouse

    database.empty()
    with pytest.MonkeyPatch.context() as monkeypatch:
        database.set_connection(monkeypatch)
        database.load(*lay(lakehouse.Lake(tmp_path_factory.mktemp("lake"))))
    return database


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_answers_value_for_value(loaded, name):
    assert ask(loaded, QUERIES[name].sql) == ANSWERS[name]


@pytest.mark.slow
def test_the_views_answer_the_same_and_see_what_is_loaded_after_them(postgres, lake):
    first, *rest = lay(lake)
    postgres.load(first)
    postgres.load(*fees(lake))
    for statement in 2 * create_views(TABLES):
        postgres.query(statement.replace(NOW, CLOCK))
    postgres.load(*rest)
    found = {name: ask(postgres, f"SELECT * FROM {query.view}") for name, query in QUERIES.items()}
    assert found == ANSWERS


@pytest.mark.slow
def test_a_row_that_a_later_extraction_does_not_have_is_listed(postgres, lake):
    earlier = [row(1), row(2, **quoted(symbol="ETHUSDT")), row(3, **quoted(symbol="SOLUSDT"))]
    only = ManifestFilters(("BTCUSDT", "ETHUSDT"))
    postgres.load(lake.lay(earlier))
    postgres.load(lake.lay([row(1)], extracted_at="2026-11-12T00:00:00Z"))
    postgres.load(lake.lay([], filters=only, extracted_at="2026-11-13T00:00:00Z"))
    listed = ask(postgres, QUERIES["missing_rows"].sql)
    assert [(*one[2:4], one[-2].day, one[-1]) for one in listed] == [
        ("ETHUSDT", 2, 12, True),
        ("SOLUSDT", 3, 12, True),
    ]


@pytest.mark.slow
def test_the_view_and_the_task_report_the_same_of_the_same_windows(postgres, lake):
    manifests = list(some_history(lake, seed=7))
    postgres.load(*manifests)
    for now in MOMENTS:
        sql = QUERIES["recoverable"].sql.replace(NOW, f"TIMESTAMP WITH TIME ZONE '{now.isoformat()}'")
        assert sorted(ask(postgres, sql)) == as_the_task_tells(manifests, now)


def test_every_documented_row_is_valued_the_same(postgres, duckdb, lake):
    manifests = [
        lake.lay([record.body.decode() for record in records], endpoint=endpoint)
        for endpoint, records in DOCUMENTED.items()
    ]
    postgres.load(*manifests)
    duckdb.load(*manifests)
    for query in QUERIES.values():
        assert ask(postgres, query.sql) == ask_duckdb(duckdb, query.sql)


def amounts(greatest):
    """Some have more decimals, or are greater, than what can be multiplied; sums stay within 22 digits."""
    wide, deep = st.decimals(0, greatest, places=10), st.decimals(0, 9, places=18)
    return st.one_of(st.none(), wide.map(str), deep.map(str))


@pytest.mark.slow
@given(
    orders=st.lists(
        st.tuples(
            st.sampled_from(["usdm_futures", "portfolio_cm", "margin"]),
            st.sampled_from(["BTCUSDT", "ETHBTC", "BTCUSD_PERP", "币安人生USDC"]),
            st.sampled_from(["autoclose-1", "adl_autoclose", "x"]),
            st.integers(-30 * HOUR, 30 * HOUR),
            amounts(10**12),
            amounts(10**12),
            amounts(10**9),
        ),
        max_size=12,
    )
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_orders_are_valued_the_same(postgres, tmp_path_factory, orders):
    from support import lakehouse

    directory = tmp_path_factory.mktemp("any")
    lake, duckdb = lakehouse.Lake(directory), lakehouse.Warehouse(directory / "any.duckdb")
    postgres.query("DROP TABLE IF EXISTS binance_liquidations, binance_liquidation_windows")
    manifests = []
    for number, (endpoint, symbol, order, after, *values) in enumerate(orders):
        fields = dict(
            zip(("cumQuote" if after % 2 else "cumBase", "executedQty", "avgPrice"), values, strict=True)
        )
        known = quoted(**{name: value for name, value in fields.items() if value is not None})
        line = lakehouse.row(number, TENTH + after, **quoted(symbol=symbol, clientOrderId=order), **known)
        manifests.append(lake.lay([line], endpoint=endpoint, day=number + 1))
    for one in (postgres, duckdb):
        one.load(*manifests, lake.lay([], day=20))

    # Texts sort by the database's collation: here by bytes, as in DuckDB.
    for query in QUERIES.values():
        if query.view in VIEWS:
            assert ask(postgres, query.sql) == ask_duckdb(duckdb, query.sql)
