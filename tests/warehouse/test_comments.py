"""Comments in the database say what the page says, and an owner's own stay."""

from __future__ import annotations

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.warehouse.comments import describe, missing_comments
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, ROW_TABLES, WINDOWS

COLUMNS = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ?"
TABLES = "SELECT table_name, comment FROM duckdb_tables() ORDER BY 1"


def said(table):
    return {column.name: describe(table, column) for column in table}


@pytest.mark.parametrize(
    ("column", "comment"),
    [
        ("symbol", "Symbol, as sent; it may be non-ASCII."),
        ("price", "Limit price of the order. [quote asset per base asset]"),
        ("is_isolated", "Isolated margin account. Only on margin."),
        ("cum_quote", "Amount filled. [quote asset] Only on usdm_futures, coinm_futures, portfolio_um."),
        ("loaded_at", said(WINDOWS)["loaded_at"]),
    ],
)
def test_a_comment_says_what_a_column_is_its_unit_and_which_endpoints_fill_it(column, comment):
    assert said(LIQUIDATIONS)[column] == comment


def test_an_apostrophe_is_written_as_sql_writes_it():
    statements = "".join(missing_comments(ROW_TABLES["binance_margin_capital_flows"], ()))
    assert "'The exchange''s note.'" in statements


def test_a_load_comments_on_the_tables_that_it_creates(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    assert warehouse.query(TABLES) == [(table.name, table.doc) for table in (WINDOWS, LIQUIDATIONS)]
    for table in (LIQUIDATIONS, WINDOWS):
        assert dict(warehouse.query(COLUMNS, table.name)) == said(table)


def without_comments(warehouse):
    """Leave the table as earlier releases made it."""
    warehouse.query("COMMENT ON TABLE binance_liquidations IS NULL")
    for column in LIQUIDATIONS:
        warehouse.query(f"COMMENT ON COLUMN binance_liquidations.{column.name} IS NULL")


def test_the_next_load_comments_on_tables_of_an_earlier_release_and_leaves_the_owners_comments(
    lake, warehouse
):
    warehouse.load(lake.lay([row(1)]))
    without_comments(warehouse)
    warehouse.query("COMMENT ON COLUMN binance_liquidations.side IS 'mine'")
    warehouse.query("CREATE INDEX by_time ON binance_liquidations (updated_at)")
    warehouse.load(lake.lay([row(2)], day=11))
    assert dict(warehouse.query(COLUMNS, "binance_liquidations")) == said(LIQUIDATIONS) | {"side": "mine"}
    assert dict(warehouse.query(TABLES))["binance_liquidations"] == LIQUIDATIONS.doc


def test_a_table_with_a_comment_of_its_owner_is_left_alone(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    without_comments(warehouse)
    warehouse.query("COMMENT ON TABLE binance_liquidations IS 'ours'")
    warehouse.load(lake.lay([row(2)], day=11))
    assert set(dict(warehouse.query(COLUMNS, "binance_liquidations")).values()) == {None}
    assert dict(warehouse.query(TABLES))["binance_liquidations"] == "ours"


def test_a_column_that_a_table_gains_gets_its_comment(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    warehouse.query(f"CREATE TABLE old AS SELECT * EXCLUDE (premises) FROM {WINDOWS.name}")
    warehouse.query(f"DROP TABLE {WINDOWS.name}")
    warehouse.query(f"ALTER TABLE old RENAME TO {WINDOWS.name}")
    warehouse.query(f"COMMENT ON TABLE {WINDOWS.name} IS 'ours'")
    warehouse.load(lake.lay([row(1)]))
    assert dict(warehouse.query(COLUMNS, WINDOWS.name))["premises"] == said(WINDOWS)["premises"]
    assert dict(warehouse.query(TABLES))[WINDOWS.name] == "ours"


def test_a_load_that_finds_comments_on_everything_writes_none(lake, warehouse):
    manifest = lake.lay([row(1)])
    warehouse.load(manifest)
    before = warehouse.written()
    warehouse.load(manifest)
    assert warehouse.written() == before
