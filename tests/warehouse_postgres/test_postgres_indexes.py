"""Indexes: made with the tables or by the next load into older ones, used, and never needed to load."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.exceptions import WarehouseBusy
from airflow_provider_binance_liq.warehouse.postgres.indexes import indexes_of
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

TABLE = LIQUIDATIONS.name
NAMED = "SELECT indexname::text FROM pg_indexes WHERE tablename = 'binance_liquidations' ORDER BY 1"
WANTED = [
    ("binance_liquidations_object",),
    ("binance_liquidations_pkey",),
    ("binance_liquidations_updated_at",),
]


def drop(postgres):
    """Leave the table as earlier releases made it."""
    postgres.query(f"DROP INDEX {', '.join(indexes_of(LIQUIDATIONS))}")


def test_they_are_made_with_the_tables(postgres, lake):
    postgres.load(lake.lay([]))
    assert postgres.query(NAMED) == WANTED


def test_the_next_load_makes_them_in_tables_of_an_earlier_release(postgres, lake, row):
    postgres.load(lake.lay([row(1)]))
    drop(postgres)
    postgres.load(lake.lay([row(2)], day=11))
    assert postgres.query(NAMED) == WANTED


def test_a_load_that_brings_nothing_makes_them_too(postgres, lake, row):
    manifest = lake.lay([row(1)])
    postgres.load(manifest)
    drop(postgres)
    assert postgres.load(manifest).windows_skipped == 1
    assert postgres.query(NAMED) == WANTED


def test_an_index_of_somebody_else_that_begins_with_the_same_columns_does(postgres, lake, row):
    postgres.load(lake.lay([row(1)]))
    drop(postgres)
    postgres.query(f"CREATE INDEX theirs ON {TABLE} (updated_at, symbol)")
    postgres.query(f"CREATE INDEX partly ON {TABLE} (object_sha256, account, endpoint) WHERE order_id > 5")
    postgres.query(f"CREATE INDEX other ON {TABLE} (account, endpoint, object_sha256)")
    postgres.load(lake.lay([row(2)], day=11))
    made = {name for (name,) in postgres.query(NAMED)} - {"theirs", "partly", "other"}
    assert made == {"binance_liquidations_pkey", "binance_liquidations_object"}


def test_who_does_not_own_the_table_loads_without(postgres, lake, row, monkeypatch):
    postgres.load(lake.lay([row(1)]))
    drop(postgres)
    postgres.query("CREATE ROLE loader LOGIN")
    try:
        postgres.query(f"GRANT SELECT, INSERT, UPDATE ON {TABLE}, binance_liquidation_windows TO loader")
        postgres.set_connection(monkeypatch, login="loader")
        assert postgres.load(lake.lay([row(2)], day=11)).inserted == 1
        assert postgres.query(NAMED) == [("binance_liquidations_pkey",)]
    finally:
        postgres.query("DROP OWNED BY loader")
        postgres.query("DROP ROLE loader")


@pytest.mark.slow
def test_who_writes_to_the_table_is_waited_for_and_not_for_ever(postgres, lake, row):
    postgres.load(lake.lay([row(1)]))
    drop(postgres)
    writer = postgres.connect()
    writer.autocommit = False
    with writer:
        writer.execute(f"UPDATE {TABLE} SET pair = 'BTCUSDT'")
        with pytest.raises(WarehouseBusy):
            postgres.load(lake.lay([row(2)], day=11), wait_s=0.3)
        writer.rollback()
    assert postgres.load(lake.lay([row(2)], day=11)).inserted == 1
    assert postgres.query(NAMED) == WANTED


@pytest.mark.slow
def test_a_load_into_a_table_without_statistics_looks_rows_up_by_their_key_alone(postgres, lake, row):
    def rows(day, count):
        return [row(day * 10_000 + number, 1791590400000 + day * 86_400_000) for number in range(count)]

    for day in range(1, 4):
        postgres.load(lake.lay(rows(day, 10_000), day=day))
    # Of these, one moves in time, so that all are staged and looked up.
    postgres.load(lake.lay([*rows(4, 100), row(10_000, 1791590400000 + 4 * 86_400_000)], day=4))
    # By time it asks only whether there are any, of which there were none.
    read = (
        "SELECT coalesce(sum(idx_tup_read), 0)::bigint FROM pg_stat_user_indexes WHERE indexrelname = ANY(%s)"
    )
    assert postgres.query(read, list(indexes_of(LIQUIDATIONS))) == [(0,)]


ASKED = {
    "binance_liquidations_object": "account = 'desk' AND endpoint = 'usdm_futures' AND object_sha256 = 'x'",
    "binance_liquidations_updated_at": "updated_at >= '2026-10-10' AND updated_at < '2026-10-11'",
}


@pytest.mark.slow
@pytest.mark.parametrize(("index", "where"), ASKED.items(), ids=ASKED)
def test_a_question_reads_what_it_is_about(postgres, lake, row, index, where):
    hour_ms = 3_600_000
    rows = [row(number, 1791590400000 + number * hour_ms) for number in range(2_000)]
    postgres.load(lake.lay(rows))
    postgres.query(f"ANALYZE {TABLE}")
    plan = "\n".join(line for (line,) in postgres.query(f"EXPLAIN SELECT * FROM {TABLE} WHERE {where}"))
    assert index in plan
    assert "Seq Scan" not in plan
