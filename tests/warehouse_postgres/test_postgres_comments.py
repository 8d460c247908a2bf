"""Comments in PostgreSQL: made with the tables, or by the next load of their owner; no load needs them."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.warehouse.comments import describe
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

COLUMNS = (
    "SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute "
    "WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
)
TABLE = "SELECT obj_description(%s::regclass, 'pg_class')"


def said(table):
    return {column.name: describe(table, column) for column in table}


def without_comments(postgres):
    """Leave the table as earlier releases made it."""
    for column in LIQUIDATIONS:
        postgres.query(f"COMMENT ON COLUMN {LIQUIDATIONS.name}.{column.name} IS NULL")
    postgres.query(f"COMMENT ON TABLE {LIQUIDATIONS.name} IS NULL")


@pytest.mark.parametrize("table", [LIQUIDATIONS, WINDOWS], ids=lambda table: table.name)
def test_a_load_comments_on_the_tables_that_it_creates(postgres, lake, row, table):
    postgres.load(lake.lay([row(1)]))
    assert dict(postgres.query(COLUMNS, table.name)) == said(table)
    assert postgres.query(TABLE, table.name) == [(table.doc,)]


def test_the_next_load_comments_on_tables_of_an_earlier_release_and_leaves_the_owners_comments(
    postgres, lake, row
):
    postgres.load(lake.lay([row(1)]))
    without_comments(postgres)
    postgres.query("COMMENT ON COLUMN binance_liquidations.side IS 'mine'")
    postgres.query("COMMENT ON INDEX binance_liquidations_pkey IS 'not of a column'")
    postgres.load(lake.lay([row(2)], day=11))
    assert dict(postgres.query(COLUMNS, LIQUIDATIONS.name)) == said(LIQUIDATIONS) | {"side": "mine"}
    assert postgres.query(TABLE, LIQUIDATIONS.name) == [(LIQUIDATIONS.doc,)]


def test_a_load_that_finds_comments_on_everything_writes_none(postgres, lake, row):
    manifest = lake.lay([row(1)])
    postgres.load(manifest)
    before = postgres.written()
    postgres.load(manifest)
    assert postgres.written() == before


def test_who_does_not_own_the_table_loads_without(postgres, lake, row, monkeypatch):
    postgres.load(lake.lay([row(1)]))
    without_comments(postgres)
    postgres.query("CREATE ROLE loader LOGIN")
    try:
        names = f"{LIQUIDATIONS.name}, {WINDOWS.name}"
        postgres.query(f"GRANT SELECT, INSERT, UPDATE ON {names} TO loader")
        postgres.set_connection(monkeypatch, login="loader")
        assert postgres.load(lake.lay([row(2)], day=11)).inserted == 1
        assert set(dict(postgres.query(COLUMNS, LIQUIDATIONS.name)).values()) == {None}
    finally:
        postgres.query("DROP OWNED BY loader")
        postgres.query("DROP ROLE loader")
