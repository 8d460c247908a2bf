"""The DAG of a month that is proven whole: where Airflow has partitions of assets, and no DAG where not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.partitions import with_partitions, without_partitions


def read(monkeypatch, connections):
    from support.airflow_of_any_version import DagBag

    monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS", json.dumps({"connections": connections}))
    bag = DagBag()
    assert (bag.import_errors, bag.captured_warnings) == ({}, {})
    return bag.dags.get("binance_liquidations_month")


@without_partitions
def test_an_older_airflow_reads_the_file_and_has_no_dag(airflow_database, monkeypatch):
    assert read(monkeypatch, ["desk"]) is None


@pytest.mark.slow
@with_partitions
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


@with_partitions
def test_without_an_account_that_has_these_endpoints_there_is_nothing_to_wait_for(
    airflow_database, monkeypatch
):
    assert read(monkeypatch, [{"binance_conn_id": "pm", "endpoints": ["portfolio_um"]}]) is None


@pytest.fixture
def month(airflow_database, monkeypatch):
    """The DAG as the scheduler has it, unpaused, and a way to announce days and let the scheduler look."""
    from airflow.assets.manager import asset_manager
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.asset import AssetActive, AssetModel, AssetPartitionDagRun
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete, select, update
    from support.airflow_of_any_version import DagBag

    assert read(monkeypatch, ["desk"])
    name = "binance_liquidations_month"
    with create_session() as session:
        # What an earlier test has stored would be taken for the DAG for some seconds more.
        for model in (SerializedDagModel, DagVersion):
            session.execute(delete(model).where(model.dag_id == name))
        session.merge(DagBundleModel(name="dags-folder"))
        session.flush()
        bag = DagBag()
        bag.dags = {name: bag.dags[name]}
        sync_bag_to_db(bag, "dags-folder", None, session=session)
        session.execute(update(DagModel).where(DagModel.dag_id == name).values(is_paused=False))
        days = list(session.scalars(select(AssetModel).where(AssetModel.name.endswith("_proven_days"))))
        active = set(session.scalars(select(AssetActive.name)))
        session.add_all([AssetActive.for_asset(one) for one in days if one.name not in active])
    scheduler = SchedulerJobRunner(Job())

    def announce(endpoint, day):
        with create_session() as session:
            asset = session.scalar(
                select(AssetModel).where(
                    AssetModel.name == f"binance_liquidations_desk_{endpoint}_proven_days"
                )
            )
            asset_manager.register_asset_change(asset=asset, partition_key=day, session=session)

    def runs():
        with create_session() as session:
            scheduler._create_dagruns_for_partitioned_asset_dags(session)
            return list(session.scalars(select(DagRun.partition_key).where(DagRun.dag_id == name)))

    yield announce, runs
    with create_session() as session:
        session.execute(delete(AssetPartitionDagRun).where(AssetPartitionDagRun.target_dag_id == name))
        session.execute(delete(DagRun).where(DagRun.dag_id == name))


@pytest.mark.slow
@with_partitions
def test_it_runs_when_the_last_day_of_the_month_is_proven_and_not_before(month):
    announce, runs = month
    for endpoint in ("usdm_futures", "coinm_futures"):
        for number in range(1, 31):
            if (endpoint, number) != ("usdm_futures", 17):
                announce(endpoint, f"2026-11-{number:02}")
    assert runs() == []
    announce("usdm_futures", "2026-11-17")
    assert runs() == ["2026-11"]
    assert runs() == ["2026-11"]
