"""Whoever reads Iceberg reads these tables: PyIceberg's scan, and DuckDB on the very files of a snapshot."""

from __future__ import annotations

from decimal import Decimal

import duckdb as library
import pytest
from support.icehouse import TABLES
from support.lakehouse import row

from airflow_provider_binance_liq.warehouse.queries import NOW, QUERIES, VIEWS
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, endpoints_of

pytestmark = pytest.mark.slow


@pytest.fixture
def manifests(lake):
    orders = [
        row(
            9007199254740993 + n,
            1791590400000 + n,
            symbol=symbol,
            avgPrice='"1.000000000000000001"',
            cumQuote='"2.5"',
        )
        for n, symbol in enumerate(['"BTCUSDT"', '"币安人生USDT"', '"ETHUSDT"'])
    ]
    first = [lake.lay(orders, endpoint=endpoint) for endpoint in endpoints_of(LIQUIDATIONS)]
    newer = lake.lay([*orders[:2], row(7)], extracted_at="2026-11-12T00:00:00Z")
    return [first, [newer, lake.lay([], day=12)]]


@pytest.fixture
def both(iceberg, duckdb, manifests):
    for one in manifests:
        assert iceberg.load(one) == duckdb.load(one)
    return iceberg, duckdb


@pytest.mark.parametrize("name", TABLES)
def test_duckdb_reads_the_parquet_files_of_a_snapshot_by_itself(both, name):
    iceberg, duckdb = both
    files = [file.removeprefix("file://") for file in iceberg.files(name)]
    with library.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT COLUMNS(*)::VARCHAR FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL", [files]
        ).fetchall()
        types = connection.execute(
            "DESCRIBE FROM read_parquet(?, hive_partitioning = false)", [files]
        ).fetchall()
    assert found == duckdb.query(f"SELECT COLUMNS(*)::VARCHAR FROM {name} ORDER BY ALL")
    assert [one[:2] for one in types] == [one[:2] for one in duckdb.query(f"DESCRIBE {name}")]


def test_a_scan_gives_exact_values_to_arrow(both):
    iceberg, _ = both
    found = iceberg.table().scan("symbol = '币安人生USDT' and endpoint = 'margin'").to_arrow().to_pylist()
    assert [(one["order_id"], one["avg_price"]) for one in found] == [
        (9007199254740994, Decimal("1.000000000000000001"))
    ]
    assert found[0]["updated_at"].isoformat() == "2026-10-10T00:00:00.001000+00:00"


def test_every_query_of_orders_and_windows_runs_on_a_scan(both):
    for query in (query for query in QUERIES.values() if query.view in VIEWS):
        sql = query.sql.replace(NOW, "TIMESTAMP WITH TIME ZONE '2026-11-20 12:00:00+00'")
        told = [one.query(f"SELECT COLUMNS(*)::VARCHAR FROM ({sql})") for one in both]
        assert told[0] == told[1], query.name


def test_what_was_there_at_an_earlier_snapshot_can_still_be_read(iceberg, manifests):
    first, second = manifests
    iceberg.load(first)
    then = iceberg.table().current_snapshot().snapshot_id
    iceberg.load(second)
    assert iceberg.table().scan(snapshot_id=then).to_arrow().num_rows == 18
    assert iceberg.table().scan().to_arrow().num_rows == 19
