"""The law of merging is stated in Python and in SQL: both say the same of every pair of windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.warehouse import duckdb as engine
from airflow_provider_binance_liq.warehouse import sql, tables
from airflow_provider_binance_liq.warehouse.precedence import WindowVersion, window_replaces
from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

AT = datetime(2026, 11, 11, tzinfo=UTC)
COLUMNS = "endpoint, symbols, object_rows, object_sha256, complete, extracted_at, premises"


def versions():
    """Every version of a window that the law can tell apart."""
    for endpoint, by_symbol, rows, complete, later, sha256, has_premises in product(
        ENDPOINTS, (False, True), (0, 1), (False, True), (0, 1), ("a", "b"), (False, True)
    ):
        yield WindowVersion(
            endpoint=endpoint,
            by_symbol=by_symbol,
            rows=rows,
            sha256=sha256,
            complete=complete,
            extracted_at=AT + timedelta(hours=later),
            has_premises=has_premises,
        )


def stored(version):
    return (
        version.endpoint,
        "BTCUSDT" if version.by_symbol else "",
        version.rows,
        version.sha256,
        version.complete,
        f"{version.extracted_at:%Y-%m-%d %H:%M:%S}+00",
        "" if version.has_premises else None,
    )


def test_sql_and_python_agree_on_which_window_replaces_which():
    import duckdb

    found = list(versions())
    sources = [(number, one) for number, one in enumerate(found) if one.has_premises]
    with duckdb.connect() as connection:
        types = "number INT, endpoint VARCHAR, symbols VARCHAR, object_rows BIGINT, object_sha256 VARCHAR, "
        types += "complete BOOLEAN, extracted_at TIMESTAMPTZ, premises VARCHAR"
        connection.execute(f"CREATE TABLE versions ({types})")
        values = ", ".join(["(?, ?, ?, ?, ?, ?, ?::TIMESTAMPTZ, ?)"] * len(found))
        given = [value for number, one in enumerate(found) for value in (number, *stored(one))]
        connection.execute(f"INSERT INTO versions VALUES {values}", given)
        replaced = connection.execute(
            "SELECT source.number, target.number FROM versions AS source JOIN versions AS target\n"
            "    ON source.endpoint = target.endpoint AND source.symbols = target.symbols\n"
            f"WHERE source.premises IS NOT NULL AND ({window_replaces()})"
        ).fetchall()
        ((none,),) = connection.execute(
            f"SELECT count(*) FROM versions AS source LEFT JOIN versions AS target ON target.number < 0\n"
            f"WHERE {window_replaces()}"
        ).fetchall()
    assert none == len(found)
    assert set(replaced) == {
        (number, other)
        for number, source in sources
        for other, target in enumerate(found)
        if (source.endpoint, source.by_symbol) == (target.endpoint, target.by_symbol)
        and source.replaces(target)
    }


# --- tables as values ------------------------------------------------------------------------------------

EVERY = [*ROW_TABLES.values(), WINDOWS]


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.name)
def test_a_tables_key_and_what_orders_it_are_columns_that_are_never_null(table):
    required = {column.name for column in table if column.required}
    assert {*table.key, table.event_time, table.selective, *table.partitioned_by} <= required
    assert {*table.partitioned_by, table.selective} <= set(table.key)
    assert len(set(table.names)) == len(table.names)


@pytest.mark.parametrize("table", ROW_TABLES.values(), ids=ROW_TABLES)
def test_a_table_of_rows_has_what_every_merge_needs(table):
    assert table.key[:2] == ("account", "endpoint")
    assert {"raw", "object_sha256", "extracted_at", "loaded_at"} <= set(table.names)
    assert all(column.fields for column in table.of("row"))


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.name)
def test_a_table_is_one_that_duckdb_makes(table):
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(sql.create_table(table, engine.TYPES))
        made = connection.execute(f"SELECT column_name FROM (DESCRIBE {table.name})").fetchall()
    assert tuple(name for (name,) in made) == table.names


def test_every_endpoint_has_a_table_of_rows():
    assert {tables.row_table(name) for name in ENDPOINTS} <= set(ROW_TABLES.values())
    for table in ROW_TABLES.values():
        for column in table:
            assert set(tables.filled_by(table, column)) <= set(tables.endpoints_of(table))
