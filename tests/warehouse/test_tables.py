"""The two tables: their keys, their types, and the refusal of a table that is another one."""

from __future__ import annotations

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.exceptions import StorageError, WarehouseError

TYPES = {
    "account": "VARCHAR",
    "endpoint": "VARCHAR",
    "symbol": "VARCHAR",
    "order_id": "BIGINT",
    "close_type": "VARCHAR",
    "pair": "VARCHAR",
    "status": "VARCHAR",
    "side": "VARCHAR",
    "position_side": "VARCHAR",
    "client_order_id": "VARCHAR",
    "order_type": "VARCHAR",
    "orig_type": "VARCHAR",
    "time_in_force": "VARCHAR",
    "price": "DECIMAL(38,18)",
    "avg_price": "DECIMAL(38,18)",
    "orig_qty": "DECIMAL(38,18)",
    "executed_qty": "DECIMAL(38,18)",
    "quantity_unit": "VARCHAR",
    "cum_base": "DECIMAL(38,18)",
    "cum_quote": "DECIMAL(38,18)",
    "stop_price": "DECIMAL(38,18)",
    "reduce_only": "BOOLEAN",
    "close_position": "BOOLEAN",
    "price_protect": "BOOLEAN",
    "working_type": "VARCHAR",
    "good_till": "TIMESTAMP WITH TIME ZONE",
    "is_isolated": "BOOLEAN",
    "created_at": "TIMESTAMP WITH TIME ZONE",
    "updated_at": "TIMESTAMP WITH TIME ZONE",
    "raw": "VARCHAR",
    "object_sha256": "VARCHAR",
    "extracted_at": "TIMESTAMP WITH TIME ZONE",
    "loaded_at": "TIMESTAMP WITH TIME ZONE",
}
KEYS = {
    "binance_liquidations": ["account", "endpoint", "symbol", "order_id"],
    "binance_liquidation_windows": [
        "account", "endpoint", "window_start", "window_end", "symbols", "auto_close_type",
    ],
}  # fmt: skip


def test_a_first_load_makes_the_file_its_directory_and_both_tables(lake, warehouse):
    assert not warehouse.path.parent.exists()
    warehouse.load(lake.lay([]))
    assert {name for (name,) in warehouse.query("SHOW TABLES")} == set(KEYS)


def test_the_columns_have_exact_types(lake, warehouse):
    warehouse.load(lake.lay([]))
    found = warehouse.query("SELECT column_name, column_type FROM (DESCRIBE binance_liquidations)")
    assert dict(found) == TYPES


@pytest.mark.parametrize("table", KEYS)
def test_the_natural_key_is_the_primary_key(lake, warehouse, table):
    warehouse.load(lake.lay([]))
    query = (
        "SELECT constraint_column_names FROM duckdb_constraints() "
        "WHERE table_name = ? AND constraint_type = 'PRIMARY KEY'"
    )
    assert warehouse.query(query, table) == [(KEYS[table],)]


def test_one_order_id_in_two_symbols_accounts_or_endpoints_is_as_many_rows(lake, warehouse):
    summary = warehouse.load(
        lake.lay([row(7, symbol='"BTCUSDT"'), row(7, symbol='"ETHUSDT"')]),
        lake.lay([row(7)], account="fund"),
        lake.lay([row(7)], endpoint="portfolio_um"),
    )
    assert summary.inserted == 4
    assert warehouse.values("endpoint, account, symbol, order_id") == [
        ("portfolio_um", "desk", "BTCUSDT", "7"),
        ("usdm_futures", "desk", "BTCUSDT", "7"),
        ("usdm_futures", "desk", "ETHUSDT", "7"),
        ("usdm_futures", "fund", "BTCUSDT", "7"),
    ]


def test_each_window_is_a_row_with_what_its_manifest_says(lake, warehouse):
    manifest = lake.lay([row(1), row(2)], filters=ManifestFilters(("BTCUSDT", "ETHUSDT"), "ADL"))
    warehouse.load(manifest)
    (found,) = warehouse.windows()
    assert found == (
        "desk",
        "usdm_futures",
        "2026-10-10 00:00:00+00",
        "2026-10-11 00:00:00+00",
        "BTCUSDT,ETHUSDT",
        "ADL",
        "true",
        "1",
        "1",
        "50",
        "a page shorter than 100",
        "",
        manifest.object.uri,
        "2",
        str(manifest.object.bytes),
        manifest.object.sha256,
        "2026-11-11 00:00:00+00",
        "0.1.0",
        "2026-11-20 12:00:00+00",
        "",
        "",
        "",
    )


def test_an_empty_window_is_a_row_so_that_it_is_not_taken_for_one_not_fetched(lake, warehouse):
    assert warehouse.load(lake.lay([]), lake.lay([], day=11)).to_dict() == {
        "windows": 2,
        "windows_skipped": 0,
        "rows": 0,
        "inserted": 0,
        "updated": 0,
        "unchanged": 0,
        "missing": 0,
    }
    assert warehouse.windows("window_start, object_rows, complete") == [
        ("2026-10-10 00:00:00+00", "0", "true"),
        ("2026-10-11 00:00:00+00", "0", "true"),
    ]
    assert warehouse.values() == []


@pytest.mark.parametrize("endpoint", ["usdm_futures", "margin"])
def test_a_gzip_object_loads_as_a_plain_one_does(lake, warehouse, endpoint):
    rows = [row(1, qty='"1"'), row(2)]
    warehouse.load(lake.lay(rows, endpoint=endpoint, compression="gzip"))
    assert warehouse.values("raw") == [(one,) for one in rows]


# --- other tables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP COLUMN pair", "pair is absent where VARCHAR belongs"),
        ("ALTER price TYPE DOUBLE", "price is DOUBLE where DECIMAL(38,18) belongs"),
        ("ALTER price TYPE DECIMAL(18,8)", "price is DECIMAL(18,8) where DECIMAL(38,18) belongs"),
        ("RENAME COLUMN side TO direction", "side is absent where VARCHAR belongs"),
    ],
)
def test_a_table_with_other_columns_is_refused_with_a_specific_error(lake, warehouse, change, said):
    warehouse.load(lake.lay([row(1)]))
    # A table cannot be altered beside its primary key, so one without is put in its place.
    warehouse.query("CREATE TABLE other AS FROM binance_liquidations")
    warehouse.query(f"ALTER TABLE other {change}")
    warehouse.query("DROP TABLE binance_liquidations")
    warehouse.query("ALTER TABLE other RENAME TO binance_liquidations")
    with pytest.raises(WarehouseError) as caught:
        warehouse.load(lake.lay([row(2)], day=11))
    assert f"the table binance_liquidations is not as this version makes it: {said}" in str(caught.value)
    assert warehouse.query("SELECT order_id FROM binance_liquidations") == [(1,)]
    assert len(warehouse.windows()) == 1


def test_a_windows_table_of_someone_else_is_refused_with_a_specific_error(lake, warehouse):
    warehouse.path.parent.mkdir()
    warehouse.query("CREATE TABLE binance_liquidation_windows (account VARCHAR)")
    with pytest.raises(WarehouseError, match="binance_liquidation_windows is not as this version makes it"):
        warehouse.load(lake.lay([row(1)]))
    assert warehouse.query("SHOW TABLES") == [("binance_liquidation_windows",)]


def test_tables_of_others_in_the_same_file_are_left_alone(lake, warehouse):
    warehouse.path.parent.mkdir()
    warehouse.query("CREATE TABLE trades AS SELECT 42 AS id")
    warehouse.load(lake.lay([row(1)]))
    assert warehouse.query("SELECT id FROM trades") == [(42,)]


def test_the_users_own_views_and_indexes_survive_a_load(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    warehouse.query("CREATE VIEW adl AS SELECT * FROM binance_liquidations WHERE close_type = 'ADL'")
    warehouse.query("CREATE INDEX by_time ON binance_liquidations (updated_at)")
    warehouse.load(lake.lay([row(1, 1791590400001), row(2, clientOrderId='"adl_autoclose"')], day=11))
    assert warehouse.query("SELECT order_id FROM adl") == [(2,)]


# --- files that are none ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("not_held")
def test_a_file_that_is_no_database_is_refused_and_kept(lake, warehouse):
    warehouse.path.parent.mkdir()
    warehouse.path.write_bytes(b"somebody's letters\n" * 1000)
    with pytest.raises(
        WarehouseError,
        match="not a valid DuckDB database file; give another path, or remove the file",
    ):
        warehouse.load(lake.lay([row(1)]))
    assert warehouse.path.read_bytes() == b"somebody's letters\n" * 1000


@pytest.mark.usefixtures("not_held")
def test_a_directory_in_place_of_the_file_can_be_mended(lake, warehouse):
    warehouse.path.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be read or written"):
        warehouse.load(lake.lay([row(1)]))


@pytest.mark.usefixtures("not_held")
def test_a_directory_that_cannot_be_made_can_be_mended(lake, warehouse):
    warehouse.path.parent.write_text("a file where the directory belongs")
    with pytest.raises(StorageError, match="cannot be created"):
        warehouse.load(lake.lay([row(1)]))


@pytest.mark.parametrize("database", ["/tmp/a\0.duckdb", "md:a\0"])
def test_a_database_with_a_nul_in_its_name_is_refused(database):
    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB

    with pytest.raises(WarehouseError, match="has a NUL in it"):
        DuckDB(database)


@pytest.mark.parametrize("database", ["", "  ", ":memory:", ":memory:shared"])
def test_a_database_that_would_be_gone_after_the_task_is_refused(database):
    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB

    with pytest.raises(WarehouseError, match="would be gone after the task"):
        DuckDB(database)


@pytest.mark.parametrize(
    "database",
    [
        "s3://key:s3cr3t@bucket/x.duckdb",
        "postgresql://user:s3cr3t@host/db",
        "x.duckdb?motherduck_token=s3cr3t",
    ],
)
def test_a_database_that_is_neither_a_path_nor_motherducks_is_refused_without_its_secret(database):
    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB

    with pytest.raises(WarehouseError, match="give a path or an md: URL") as caught:
        DuckDB(database)
    assert "s3cr3t" not in str(caught.value)


def test_a_path_below_the_home_directory_is_the_users(lake, tmp_path, monkeypatch):
    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
    from airflow_provider_binance_liq.warehouse.load import load

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    load(DuckDB("~/own.duckdb"), [lake.lay([row(1)])])
    assert (tmp_path / "own.duckdb").exists()
    assert not (tmp_path / "~").exists()
