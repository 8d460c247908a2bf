"""A warehouse that the last release has loaded into gains columns by the statements of the next load."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from lakes import lakehouse

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

# The quick suite checks the same laws on DuckDB.
pytestmark = pytest.mark.slow

row, LOADED_AT = lakehouse.row, lakehouse.LOADED_AT
OLD = tuple(column.name for column in WINDOWS if not column.added)
CODES = tuple(column.name for column in WINDOWS.added)


def stating(manifest, *reasons):
    stated = (StatedPremise("end_inclusive", "assumed"), StatedPremise("two_types", "observed", "extraction"))
    proof = replace(
        manifest.proof,
        premises=stated,
        incomplete_reasons=reasons,
        complete=not reasons and manifest.proof.complete,
    )
    return replace(manifest, proof=proof)


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


# --- claims of 0.1.0, which did not say what they rest on ------------------------------------------------

LATER = "2026-11-12T00:00:00Z"
EARLIER = "2026-11-10T00:00:00Z"


def claims(engine):
    found = engine.execute(f"SELECT complete, premises, incomplete_reasons FROM {WINDOWS.name}")
    return [(bool(complete), premises, reasons) for complete, premises, reasons in found]


def claimed_by_0_1_0(engine, manifest):
    engine.load(manifest, at=LOADED_AT)
    make_older(engine)


@pytest.mark.parametrize(
    ("endpoint", "rows", "reason"),
    [("margin", [row(1)], "isolated_rows"), ("portfolio_margin", [], "recorded_by_endpoint")],
)
def test_what_the_rules_of_today_call_incomplete_does_not_stand_against_a_later_extraction(
    engine, lake, endpoint, rows, reason
):
    claimed_by_0_1_0(engine, lake.lay(rows, endpoint=endpoint))
    later = stating(lake.lay([row(2)], endpoint=endpoint, extracted_at=LATER), reason)
    load = engine.prepare(later, at=LOADED_AT)
    # A retry of the merge changes nothing.
    for step in ("stage", "merge", "merge", "clean"):
        engine.run(load[step])
    assert claims(engine) == [(False, "end_inclusive,two_types", reason)]
    # And a proof counts before it, whenever it was extracted.
    engine.load(stating(lake.lay([row(3)], endpoint=endpoint, extracted_at=EARLIER)), at=LOADED_AT)
    assert claims(engine) == [(True, "end_inclusive,two_types", "")]


@pytest.mark.parametrize(
    ("endpoint", "symbols"), [("usdm_futures", ()), ("margin", ("BTCUSDT",)), ("portfolio_margin", ())]
)
def test_what_the_rules_of_today_call_complete_stands_against_a_later_extraction_that_is_not(
    engine, lake, endpoint, symbols
):
    same = {"endpoint": endpoint, "filters": ManifestFilters(symbols)}
    claimed_by_0_1_0(engine, lake.lay([row(1)], **same))
    later = stating(lake.lay([], extracted_at=LATER, **same), "within_retention")
    engine.load(later, at=LOADED_AT)
    assert claims(engine) == [(True, None, None)]


def test_an_earlier_extraction_replaces_no_later_one_of_0_1_0(engine, lake):
    claimed_by_0_1_0(engine, lake.lay([row(1)], endpoint="margin"))
    earlier = stating(lake.lay([], endpoint="margin", extracted_at=EARLIER), "isolated_rows")
    engine.load(earlier, at=LOADED_AT)
    assert claims(engine) == [(True, None, None)]


def test_a_window_that_states_its_premises_is_taken_at_its_word(engine, lake):
    engine.load(stating(lake.lay([row(1)], endpoint="margin")), at=LOADED_AT)
    later = stating(lake.lay([row(2)], endpoint="margin", extracted_at=LATER), "isolated_rows")
    engine.load(later, at=LOADED_AT)
    assert claims(engine) == [(True, "end_inclusive,two_types", "")]
