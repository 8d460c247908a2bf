"""The DAG of a month that is proven whole: where Airflow has partitions of assets, and no DAG where not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_binance_liq.compat import HAS_PARTITIONS


def read(monkeypatch, connections):
    from support.airflow_of_any_version import DagBag

    monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS", json.dumps({"connections": connections}))
    bag = DagBag()
    assert (bag.import_errors, bag.captured_warnings) == ({}, {})
    return bag.dags.get("binance_liquidations_month")


@pytest.mark.skipif(HAS_PARTITIONS, reason="for Airflow before 3.3")
def test_an_older_airflow_reads_the_file_and_has_no_dag(airflow_database, monkeypatch):
    assert read(monkeypatch, ["desk"]) is None


@pytest.mark.skipif(not HAS_PARTITIONS, reason="Airflow has partitions of assets since 3.3")
def test_it_waits_for_every_day_of_the_month_of_each_connection(airflow_database, monkeypatch):
    from airflow.serialization.serialized_objects import DagSerialization

    # As the scheduler has it.
    dag = DagSerialization.from_dict(DagSerialization.to_dict(read(monkeypatch, ["desk", "fund"])))
    assert dag.timetable.partitioned
    assets = {asset.name for asset, _ in dag.timetable.asset_condition.iter_assets()}
    assert assets == {
        f"binance_liquidations_{conn_id}_{endpoint}_proven_days"
        for conn_id in ("desk", "fund")
        for endpoint in ("usdm_futures", "coinm_futures")
    }
    mapper = dag.timetable.default_partition_mapper
    assert mapper.to_downstream("2026-11-25") == "2026-11"
    first = datetime(2026, 11, 1, tzinfo=UTC)
    assert mapper.to_upstream("2026-11") == {
        (first + timedelta(days=number)).date().isoformat() for number in range(30)
    }


@pytest.mark.skipif(not HAS_PARTITIONS, reason="Airflow has partitions of assets since 3.3")
def test_without_an_account_that_has_these_endpoints_there_is_nothing_to_wait_for(
    airflow_database, monkeypatch
):
    assert read(monkeypatch, [{"binance_conn_id": "pm", "endpoints": ["portfolio_um"]}]) is None
