"""Knowledge only grows in PostgreSQL, as in DuckDB: whatever is loaded, and in whatever order."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from support.lakehouse import LOADED_AT

from airflow_provider_binance_liq.core.manifest import ManifestFilters

# The quick suite checks the same laws on DuckDB.
pytestmark = pytest.mark.slow

AT = 1791590400000
NEWER = "2026-11-12T00:00:00Z"


def test_loading_again_changes_nothing(postgres, lake, row):
    manifests = [lake.lay([row(1), row(2)], day=9), lake.lay([row(3)]), lake.lay([], day=11)]
    first = postgres.load(*manifests)
    before = postgres.dump()

    again = postgres.load(manifests, at=LOADED_AT + timedelta(days=1))

    assert (first.inserted, again.windows_skipped, again.rows) == (3, 3, 0)
    assert postgres.dump() == before


@pytest.mark.slow
def test_every_order_of_loads_ends_the_same_as_in_duckdb(postgres, duckdb, lake, row):
    manifests = [
        lake.lay([row(1, AT, price='"1"'), row(2, AT, price='"1"'), row(3, AT + 1, price='"1"')]),
        lake.lay([row(1, AT + 1, price='"2"'), row(2, AT, price='"2"')], extracted_at=NEWER),
        lake.lay([row(2, AT - 1, price='"3"'), row(3, AT, price='"3"')], day=11, extracted_at=NEWER),
    ]
    ends = []
    for order in permutations(manifests):
        postgres.empty()
        duckdb.empty()
        for manifest in order:
            assert postgres.load(manifest) == duckdb.load(manifest)
        ends.append(postgres.values("order_id, price, object_sha256"))
        assert ends[-1] == duckdb.values("order_id, price, object_sha256")

    assert all(end == ends[0] for end in ends)


def test_an_empty_window_and_filtered_ones_are_windows_too(postgres, duckdb, lake, row):
    filters = ManifestFilters(("币USDT", "BTCUSDT"), "ADL")
    for one in (postgres, duckdb):
        one.load(lake.lay([]), lake.lay([row()], filters=filters, complete=False))
    query = "SELECT * FROM binance_liquidation_windows ORDER BY symbols"

    assert postgres.query(query) == duckdb.query(query)
    assert len(postgres.query(query)) == 2


@pytest.mark.parametrize("schema", ["liquidations", 'Desk "7" of; it\'s %s', "币安"])
def test_tables_are_in_the_schema_that_was_named(postgres, lake, row, schema, monkeypatch):
    quoted = '"' + schema.replace('"', '""') + '"'
    postgres.query(f"CREATE SCHEMA {quoted}")
    monkeypatch.setattr(postgres, "schema", schema)
    try:
        postgres.load(lake.lay([row()]))

        assert postgres.query(f"SELECT order_id FROM {quoted}.binance_liquidations") == [(1,)]
        assert postgres.query("SELECT to_regclass('public.binance_liquidations')") == [(None,)]
    finally:
        postgres.query(f"DROP SCHEMA {quoted} CASCADE")


def test_without_a_schema_the_search_path_decides(postgres, lake, row, monkeypatch):
    postgres.query("CREATE SCHEMA reports")
    postgres.set_connection(monkeypatch, extra={"options": "-c search_path=nowhere,reports,public"})
    try:
        postgres.load(lake.lay([row()]))

        assert postgres.query("SELECT order_id FROM reports.binance_liquidations") == [(1,)]
    finally:
        postgres.query("DROP SCHEMA reports CASCADE")


@pytest.mark.parametrize("newer_driver", [True, False])
def test_neither_the_users_defaults_nor_the_connections_extra_change_what_is_loaded(
    postgres, duckdb, lake, row, monkeypatch, newer_driver
):
    from airflow.providers.postgres.hooks import postgres as hooks

    line = row(symbol='"币USDT"', status='"a\\\\b"', price='"0.000000000000000001"')
    defaults = (
        "-c default_transaction_isolation=serializable -c default_transaction_read_only=on "
        "-c timezone=America/St_Johns -c datestyle=SQL,DMY -c intervalstyle=sql_standard "
        "-c extra_float_digits=-15 -c standard_conforming_strings=off -c client_encoding=LATIN1"
    )
    postgres.set_connection(monkeypatch, extra={"cursor": "dictcursor", "options": defaults})
    monkeypatch.setattr(hooks, "USE_PSYCOPG3", newer_driver)

    for one in (postgres, duckdb):
        one.load(lake.lay([line], account="账户"))
        one.load(lake.lay([line], account="账户", extracted_at=NEWER))

    query = "SELECT * FROM binance_liquidations"
    assert postgres.query(query) == duckdb.query(query)


def test_the_older_driver_loads_the_same(postgres, duckdb, lake, row, monkeypatch):
    from airflow.providers.postgres.hooks import postgres as hooks

    monkeypatch.setattr(hooks, "USE_PSYCOPG3", False)
    postgres.set_connection(monkeypatch, extra={"cursor": "dictcursor"})
    lines = [row(number, status='"\\\\N\\t币\\u00e9"') for number in range(2000)]

    for one in (postgres, duckdb):
        one.load(lake.lay(lines), lake.lay([row(1, AT + 1)], day=11), lake.lay([], day=12))
        assert one.load(lake.lay(lines[1:], extracted_at=NEWER)).missing == 1

    query = "SELECT * FROM binance_liquidations ORDER BY order_id"
    assert postgres.query(query) == duckdb.query(query)
