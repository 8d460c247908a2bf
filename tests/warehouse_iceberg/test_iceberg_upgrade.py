"""Iceberg tables of the last release gain columns, and nothing in them is changed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from pyiceberg.catalog import load_catalog
from support.icehouse import CATALOG, NAMESPACE
from support.lakehouse import row

from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.warehouse.iceberg import PROPERTIES, schema_of
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

# The quick suite checks the same laws on DuckDB.
pytestmark = pytest.mark.slow

OLD = replace(WINDOWS, columns=tuple(column for column in WINDOWS if not column.added))
CODES = ("premises", "observed_premises", "incomplete_reasons")


def stating(manifest):
    stated = (StatedPremise("end_inclusive", "assumed"), StatedPremise("two_types", "observed", "extraction"))
    return replace(manifest, proof=replace(manifest.proof, premises=stated))


def asked(iceberg):
    rows = iceberg.table(WINDOWS.name).scan().to_arrow().sort_by("window_start").to_pylist()
    return [tuple(one[name] for name in CODES) for one in rows]


@pytest.fixture
def earlier(lake, iceberg):
    """Tables that the last release has loaded a window into."""
    manifest = stating(lake.lay([row(1)]))
    iceberg.load(manifest)
    table = iceberg.table(WINDOWS.name)
    held = table.scan(selected_fields=OLD.names).to_arrow()
    with closing(load_catalog(CATALOG, **iceberg.properties)) as catalog:
        name = (*NAMESPACE.split("."), WINDOWS.name)
        catalog.drop_table(name)
        old = catalog.create_table(
            name, schema_of(OLD), properties={"format-version": PROPERTIES["format-version"]}
        )
        old.append(held.cast(old.schema().as_arrow()))
    return manifest


def test_a_table_of_the_last_release_gains_the_columns_and_its_rows_stay_as_they_are(lake, iceberg, earlier):
    assert OLD.names == WINDOWS.names[:19]
    before = iceberg.dump()
    iceberg.load(stating(lake.lay([row(2)], day=11)))
    assert asked(iceberg) == [(None, None, None), ("end_inclusive,two_types", "two_types", "")]
    assert {field.name for field in iceberg.table(WINDOWS.name).schema().fields} == set(WINDOWS.names)
    kept = iceberg.table(WINDOWS.name).scan(selected_fields=OLD.names).to_arrow().to_pylist()
    assert before
    assert {one["object_rows"] for one in kept} == {1}


def test_loading_the_same_manifest_again_states_what_the_last_release_did_not(iceberg, earlier):
    assert iceberg.load(earlier).windows_skipped == 1
    assert asked(iceberg) == [("end_inclusive,two_types", "two_types", "")]
    # Nothing is added twice.
    assert iceberg.load(earlier).windows_skipped == 1


def test_a_table_that_gained_the_columns_is_as_one_that_was_made_with_them(lake, iceberg, earlier):
    iceberg.load(stating(lake.lay([], day=11)))
    made = [(one.field_id, one.name, one.field_type, one.doc) for one in schema_of(WINDOWS).fields]
    found = iceberg.table(WINDOWS.name).schema().fields
    assert [(one.field_id, one.name, one.field_type, one.doc) for one in found] == made
