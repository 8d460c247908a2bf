"""PostgreSQL tables of the last release gain columns: under a lock, once, and nothing in them is changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.exceptions import WarehouseBusy, WarehouseError

# The quick suite checks the same laws on DuckDB.
pytestmark = pytest.mark.slow

CODES = ("premises", "observed_premises", "incomplete_reasons")
#: the windows table, as version 0.1.0 made it
OF_0_1_0 = """
CREATE TABLE binance_liquidation_windows (
    account text NOT NULL,
    endpoint text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    symbols text NOT NULL,
    auto_close_type text NOT NULL,
    complete boolean NOT NULL,
    pages bigint NOT NULL,
    requests bigint NOT NULL,
    weight bigint NOT NULL,
    method text NOT NULL,
    caveats text NOT NULL,
    object_uri text NOT NULL,
    object_rows bigint NOT NULL,
    object_bytes bigint NOT NULL,
    object_sha256 text NOT NULL,
    extracted_at timestamp with time zone NOT NULL,
    provider_version text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    PRIMARY KEY (account, endpoint, window_start, window_end, symbols, auto_close_type)
)"""
ASKED = f"SELECT {', '.join(CODES)} FROM binance_liquidation_windows ORDER BY window_start"


def stating(manifest):
    stated = (StatedPremise("end_inclusive", "assumed"), StatedPremise("two_types", "observed", "extraction"))
    return replace(manifest, proof=replace(manifest.proof, premises=stated))


@pytest.fixture
def earlier(postgres, lake, row):
    """A database that the last release has loaded a window into."""
    manifest = stating(lake.lay([row(1)]))
    postgres.load(manifest)
    postgres.query("CREATE TABLE kept AS SELECT * FROM binance_liquidation_windows")
    postgres.query("".join(f"ALTER TABLE kept DROP COLUMN {name};" for name in CODES))
    postgres.query("DROP TABLE binance_liquidation_windows")
    postgres.query(OF_0_1_0)
    postgres.query("INSERT INTO binance_liquidation_windows SELECT * FROM kept")
    postgres.query("DROP TABLE kept")
    return manifest


def test_a_table_of_the_last_release_gains_the_columns_and_its_rows_stay_as_they_are(
    postgres, lake, row, earlier
):
    before = postgres.values()
    windows = postgres.query("SELECT * FROM binance_liquidation_windows")
    postgres.load(stating(lake.lay([row(2)], day=11)))
    assert postgres.values()[:1] == before
    found = postgres.query("SELECT * FROM binance_liquidation_windows ORDER BY window_start")
    assert [one[:19] for one in found][:1] == windows
    assert postgres.query(ASKED) == [(None, None, None), ("end_inclusive,two_types", "two_types", "")]


def test_loading_the_same_manifest_again_states_what_the_last_release_did_not(postgres, earlier):
    assert postgres.load(earlier).windows_skipped == 1
    assert postgres.query(ASKED) == [("end_inclusive,two_types", "two_types", "")]


def test_loads_that_meet_at_the_old_table_all_come_in(postgres, lake, row, earlier):
    manifests = [stating(lake.lay([row(number)], day=number)) for number in range(11, 17)]
    with ThreadPoolExecutor(len(manifests)) as pool:
        summaries = list(pool.map(postgres.load, manifests))
    assert [one.inserted for one in summaries] == [1] * len(manifests)
    assert len(postgres.query(ASKED)) == 7


def test_a_reader_who_holds_the_old_table_is_waited_for_and_not_for_ever(postgres, lake, row, earlier):
    reader = postgres.connect()
    reader.autocommit = False
    with reader:
        reader.execute("SELECT count(*) FROM binance_liquidation_windows")
        with pytest.raises(WarehouseBusy):
            postgres.load(lake.lay([row(2)], day=11), wait_s=0.3)
        timer = threading.Timer(0.3, reader.rollback)
        timer.start()
        assert postgres.load(lake.lay([row(2)], day=11)).inserted == 1
        timer.join()


def test_a_user_who_does_not_own_the_old_table_learns_who_can_change_it(
    postgres, lake, row, earlier, monkeypatch
):
    postgres.query("CREATE ROLE loader LOGIN")
    try:
        rights = "SELECT, INSERT, UPDATE"
        postgres.query(f"GRANT {rights} ON binance_liquidations, binance_liquidation_windows TO loader")
        postgres.set_connection(monkeypatch, login="loader")
        with pytest.raises(WarehouseError, match="must be owner of table binance_liquidation_windows"):
            postgres.load(lake.lay([row(2)], day=11))
    finally:
        postgres.query("DROP OWNED BY loader")
        postgres.query("DROP ROLE loader")


def test_a_column_of_somebody_else_is_left_alone(postgres, lake, row):
    postgres.load(lake.lay([row(1)]))
    for table in ("binance_liquidations", "binance_liquidation_windows"):
        postgres.query(f"ALTER TABLE {table} ADD COLUMN note text")
        postgres.query(f"UPDATE {table} SET note = 'looked at'")
    later = "2026-11-12T00:00:00Z"
    postgres.load(lake.lay([row(1, reduceOnly="true"), row(2)], extracted_at=later), lake.lay([], day=11))
    assert postgres.values("order_id, reduce_only, note") == [("1", "true", "looked at"), ("2", None, None)]
    notes = postgres.query("SELECT note FROM binance_liquidation_windows ORDER BY window_start")
    assert notes == [("looked at",), (None,)]
