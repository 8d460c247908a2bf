"""A warehouse that the last release has loaded into gains columns by the statements of the next load."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from lakes import lakehouse

from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

row, LOADED_AT = lakehouse.row, lakehouse.LOADED_AT
OLD = tuple(column.name for column in WINDOWS if not column.added)
CODES = tuple(column.name for column in WINDOWS.added)


def stating(manifest):
    stated = (StatedPremise("end_inclusive", "assumed"), StatedPremise("two_types", "observed", "extraction"))
    return replace(manifest, proof=replace(manifest.proof, premises=stated))


def make_older(engine):
    """Take the columns away that the last release did not have."""
    kept = ", ".join(OLD)
    if engine.warehouse.name == "clickhouse":
        versions = "binance_liquidation_window_versions"
        engine.execute(f"CREATE OR REPLACE VIEW {WINDOWS.name} AS SELECT {kept} FROM {versions} FINAL")
        for name in CODES:
            engine.execute(f"ALTER TABLE {versions} DROP COLUMN {name}")
        return
    engine.execute(f"CREATE TABLE older AS SELECT {kept} FROM {WINDOWS.name}")
    engine.execute(f"DROP TABLE {WINDOWS.name}")
    engine.execute(f"ALTER TABLE older RENAME TO {WINDOWS.name}")


def asked(engine):
    found = engine.execute(f"SELECT {', '.join(CODES)} FROM {WINDOWS.name} ORDER BY window_start")
    return [tuple(one) for one in found]


@pytest.fixture
def earlier(engine, lake):
    manifest = stating(lake.lay([row(1)]))
    engine.load(manifest, at=LOADED_AT)
    make_older(engine)
    return manifest


def test_its_windows_table_gains_the_columns_and_its_rows_stay_as_they_are(engine, lake, earlier):
    rows = engine.rows(LIQUIDATIONS)
    engine.load(stating(lake.lay([row(2)], day=11)), at=LOADED_AT)
    assert asked(engine) == [(None, None, None), ("end_inclusive,two_types", "two_types", "")]
    assert engine.rows(LIQUIDATIONS)[:1] == rows
    assert len(engine.rows(LIQUIDATIONS)) == 2


def test_loading_the_same_manifest_again_states_what_the_last_release_did_not(engine, lake, earlier):
    engine.load(earlier, at=LOADED_AT + timedelta(days=1))
    assert asked(engine) == [("end_inclusive,two_types", "two_types", "")]
    (loaded_at,) = {tuple(one) for one in engine.execute(f"SELECT loaded_at FROM {WINDOWS.name}")}
    assert loaded_at[0].astimezone(LOADED_AT.tzinfo).day == LOADED_AT.day
