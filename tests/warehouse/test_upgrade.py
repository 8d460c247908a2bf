"""Tables of the last release are taken as they are: they gain columns, and nothing in them is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.queries import QUERIES, VIEWS

#: the windows table, as version 0.1.0 made it
OF_0_1_0 = """
CREATE TABLE binance_liquidation_windows (
    account VARCHAR NOT NULL,
    endpoint VARCHAR NOT NULL,
    window_start TIMESTAMP WITH TIME ZONE NOT NULL,
    window_end TIMESTAMP WITH TIME ZONE NOT NULL,
    symbols VARCHAR NOT NULL,
    auto_close_type VARCHAR NOT NULL,
    complete BOOLEAN NOT NULL,
    pages BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    weight BIGINT NOT NULL,
    method VARCHAR NOT NULL,
    caveats VARCHAR NOT NULL,
    object_uri VARCHAR NOT NULL,
    object_rows BIGINT NOT NULL,
    object_bytes BIGINT NOT NULL,
    object_sha256 VARCHAR NOT NULL,
    extracted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    provider_version VARCHAR NOT NULL,
    loaded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, endpoint, window_start, window_end, symbols, auto_close_type)
)"""
CODES = "premises, observed_premises, incomplete_reasons"
STATED = (
    StatedPremise("end_inclusive", "assumed"),
    StatedPremise("filter_before_limit", "observed", "extraction"),
    StatedPremise("two_types", "observed", "probe"),
    StatedPremise("within_retention", "documented"),
)


def stating(manifest, *reasons):
    proof = replace(manifest.proof, premises=STATED, incomplete_reasons=reasons, complete=not reasons)
    return replace(manifest, proof=proof)


@pytest.fixture
def earlier(lake, warehouse):
    """A warehouse that the last release has loaded a window into."""
    manifest = stating(lake.lay([row(1)]))
    warehouse.load(manifest)
    old = warehouse.query(f"SELECT * EXCLUDE ({CODES}) FROM binance_liquidation_windows")
    warehouse.query("DROP TABLE binance_liquidation_windows")
    warehouse.query(OF_0_1_0)
    warehouse.query(f"INSERT INTO binance_liquidation_windows VALUES ({', '.join('?' * 19)})", *old[0])
    return manifest


def test_a_window_states_what_its_proof_rests_on_what_was_observed_and_why_it_is_not_complete(
    lake, warehouse
):
    warehouse.load(stating(lake.lay([])), stating(lake.lay([], day=11), "isolated_rows", "within_retention"))
    premises = "end_inclusive,filter_before_limit,two_types,within_retention"
    assert warehouse.windows(f"complete, {CODES}") == [
        # What a probe has observed is no observation of this very extraction.
        ("true", premises, "filter_before_limit", ""),
        ("false", premises, "filter_before_limit", "isolated_rows,within_retention"),
    ]


def test_a_table_of_the_last_release_gains_the_columns_and_its_rows_stay_as_they_are(
    lake, warehouse, earlier
):
    before = warehouse.windows()
    warehouse.load(stating(lake.lay([row(2)], day=11)))
    assert [one[:19] for one in warehouse.windows()][:1] == before
    assert warehouse.windows(CODES)[0] == (None, None, None)
    assert warehouse.windows("premises, observed_premises, incomplete_reasons")[1] == (
        "end_inclusive,filter_before_limit,two_types,within_retention",
        "filter_before_limit",
        "",
    )


def test_a_table_that_gained_the_columns_is_as_one_that_was_made_with_them(lake, warehouse, earlier):
    warehouse.load(stating(lake.lay([row(2)], day=11)))
    described = "SELECT column_name, column_type FROM (DESCRIBE binance_liquidation_windows)"
    gained = warehouse.query(described)
    warehouse.query("DROP TABLE binance_liquidation_windows")
    warehouse.load(stating(lake.lay([row(2)], day=11)))
    assert warehouse.query(described) == gained


def test_loading_the_same_manifest_again_states_what_the_last_release_did_not(lake, warehouse, earlier):
    (before,) = warehouse.windows("loaded_at, complete")
    summary = warehouse.load(earlier)
    assert (summary.windows_skipped, summary.rows) == (1, 0)
    assert warehouse.windows("loaded_at, complete") == [before]
    assert warehouse.windows("observed_premises") == [("filter_before_limit",)]


def test_what_is_claimed_less_today_replaces_what_the_last_release_said_of_the_same_extraction(
    warehouse, earlier
):
    warehouse.load(stating(earlier, "isolated_rows"))
    assert warehouse.windows("complete, incomplete_reasons") == [("false", "isolated_rows")]
    warehouse.load(earlier)
    assert warehouse.windows("complete, incomplete_reasons") == [("true", "")]


def test_another_extraction_without_a_proof_replaces_no_proof_of_the_last_release(lake, warehouse, earlier):
    warehouse.load(stating(lake.lay([], extracted_at="2026-11-12T00:00:00Z"), "within_retention"))
    assert warehouse.windows("complete, premises") == [("true", None)]


def of_the_last_release(warehouse, *manifests):
    """Make the warehouse one that the last release has loaded these into, each claimed complete."""
    warehouse.load(*manifests)
    codes = "premises = NULL, observed_premises = NULL, incomplete_reasons = NULL"
    warehouse.query(f"UPDATE binance_liquidation_windows SET complete = true, {codes}")


@pytest.mark.parametrize(
    ("endpoint", "rows", "reason"),
    [("margin", [row(1)], "isolated_rows"), ("portfolio_margin", [], "recorded_by_endpoint")],
)
def test_what_todays_law_calls_not_complete_does_not_stand_against_a_later_look(
    lake, warehouse, endpoint, rows, reason
):
    of_the_last_release(warehouse, lake.lay(rows, endpoint=endpoint))
    later = {"endpoint": endpoint, "extracted_at": "2026-11-12T00:00:00Z"}
    warehouse.load(stating(lake.lay([row(2)], **later), reason))
    assert warehouse.windows("complete, incomplete_reasons") == [("false", reason)]


@pytest.mark.parametrize(
    ("endpoint", "filters"),
    [("usdm_futures", ()), ("margin", ("BTCUSDT",)), ("portfolio_margin", ())],
)
def test_what_todays_law_calls_complete_stands_against_a_later_look_that_is_not(
    lake, warehouse, endpoint, filters
):
    known = {"endpoint": endpoint, "filters": ManifestFilters(filters)}
    of_the_last_release(warehouse, lake.lay([row(1)], **known))
    warehouse.load(stating(lake.lay([], extracted_at="2026-11-12T00:00:00Z", **known), "within_retention"))
    assert warehouse.windows("complete, premises") == [("true", None)]


def test_an_earlier_look_replaces_no_later_one_of_the_last_release(lake, warehouse):
    of_the_last_release(warehouse, lake.lay([row(1)], endpoint="margin"))
    earlier = lake.lay([], endpoint="margin", extracted_at="2026-11-10T00:00:00Z")
    warehouse.load(stating(earlier, "isolated_rows"))
    assert warehouse.windows("complete, premises") == [("true", None)]


def test_the_views_answer_over_rows_of_the_last_release(lake, warehouse, earlier):
    warehouse.query("UPDATE binance_liquidation_windows SET complete = false")
    warehouse.load(stating(lake.lay([], day=11)))
    for statement in VIEWS.values():
        warehouse.query(statement)
    ((beyond,),) = warehouse.query(f"SELECT beyond_retention FROM {QUERIES['window_caveats'].view}")
    # The one reason that version had.
    assert beyond is True


def test_a_column_of_somebody_else_is_left_alone(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    for table in ("binance_liquidations", "binance_liquidation_windows"):
        warehouse.query(f"ALTER TABLE {table} ADD COLUMN note VARCHAR")
        warehouse.query(f"UPDATE {table} SET note = 'looked at'")
    later = "2026-11-12T00:00:00Z"
    warehouse.load(lake.lay([row(1, reduceOnly="true"), row(2)], extracted_at=later), lake.lay([], day=11))
    assert warehouse.values("order_id, reduce_only, note") == [("1", "true", "looked at"), ("2", None, None)]
    assert warehouse.windows("note") == [("looked at",), (None,)]


def test_a_table_of_the_last_release_that_lacks_another_column_is_refused_and_gains_nothing(
    lake, warehouse, earlier
):
    warehouse.query("CREATE TABLE other AS SELECT * EXCLUDE (method) FROM binance_liquidation_windows")
    warehouse.query("DROP TABLE binance_liquidation_windows")
    warehouse.query("ALTER TABLE other RENAME TO binance_liquidation_windows")
    with pytest.raises(WarehouseError, match="as this version makes it: method is absent where VARCHAR"):
        warehouse.load(lake.lay([row(2)], day=11))
    names = {
        name for (name,) in warehouse.query("SELECT column_name FROM (DESCRIBE binance_liquidation_windows)")
    }
    assert "premises" not in names
