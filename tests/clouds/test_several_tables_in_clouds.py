"""Rows of several kinds in one load: a cloud's warehouse has of each what DuckDB has, value for value."""

from __future__ import annotations

from datetime import timedelta

import pytest
from engines import plain
from lakes import lakehouse
from support.other_kinds import FLOWS, LOANS, flow, loan

from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

# The quick suite checks the same laws on DuckDB.
pytestmark = pytest.mark.slow

row, LOADED_AT = lakehouse.row, lakehouse.LOADED_AT
LATER = {"extracted_at": "2026-11-12T00:00:00Z"}


def dump(one):
    """Read every table, from an engine or from DuckDB."""
    return {
        table.name: sorted(
            tuple(map(plain, found))
            for found in getattr(one, "query", getattr(one, "execute", None))(
                f"SELECT {', '.join(table.names)} FROM {table.name}"
            )
        )
        for table in (*ROW_TABLES.values(), WINDOWS)
    }


def test_every_kind_comes_into_its_table_and_newer_knowledge_replaces_older(engine, lake, duckdb):
    first = [
        lake.lay([row(1), row(2)]),
        lake.lay([flow(1), flow(2, note="币"), flow(3)], endpoint=FLOWS),
        lake.lay([loan(1), loan(2)], endpoint=LOANS),
    ]
    second = [
        lake.lay([flow(2, note="again"), flow(4)], endpoint=FLOWS, **LATER),
        lake.lay([loan(2, status="Liquidated")], endpoint=LOANS, **LATER),
    ]
    for hour, manifests in enumerate((first, second, first)):
        for one in (engine, duckdb):
            one.load(*manifests, at=LOADED_AT + timedelta(hours=hour))
        assert dump(engine) == dump(duckdb)
    assert [len(found) for found in dump(engine).values()] == [2, 4, 2, 3]


def test_a_value_of_another_kind_that_does_not_fit_is_refused_and_nothing_is_merged(engine, lake):
    engine.load(lake.lay([row(1)]), at=LOADED_AT)
    before = engine.dump()
    bad = lake.lay([loan(1, liquidationDebt="a thousand")], endpoint=LOANS)
    with pytest.raises(Exception, match="liquidationDebt is a thousand, which is no DECIMAL"):
        engine.load(lake.lay([row(2)], day=11), bad, at=LOADED_AT)
    assert engine.dump() == before
