"""The sample DAG: its graph, its settings, and a day from the exchange to the warehouse."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator

DAY_MS = 86_400_000


@pytest.fixture
def bag(airflow_database):
    """Read anew for each test: `dag.test` leaves a run's own parameters in the DAG."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag()


@pytest.fixture
def dag(bag):
    dag = bag.dags["binance_liquidations"]
    for task in dag.tasks:
        task.retries = 0  # a task that fails here would be waited for, minutes long
    return dag


@pytest.fixture
def exchange():
    with Simulator(Settings(seed=7, cascade_rows=300)) as simulator:
        yield simulator


@pytest.fixture
def configured(exchange, set_connection, tmp_path, monkeypatch):
    credentials = exchange.credentials()
    extra = {"base_url": exchange.url, "account": "demo", "weight_share": 1}
    set_connection(
        "binance_demo",
        conn_type="binance",
        login=credentials.api_key,
        password=credentials.secret,
        extra=extra,
    )

    def configure(**members):
        settings = {
            "connections": ["binance_demo"],
            "destination": f"file://{tmp_path / 'lake'}",
            "database": str(tmp_path / "warehouse.duckdb"),
        } | members
        monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS", json.dumps(settings))
        return tmp_path / "warehouse.duckdb"

    return configure


def read(database, sql):
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def recent_day(days_ago=3):
    """Each test takes a day of its own: `dag.test` goes on with the run that a day already has."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)


def states(run):
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


def test_the_dag_is_read_without_errors_or_warnings(bag):
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}


def test_every_endpoint_of_the_table_has_an_extracting_task(dag):
    assert dag.task_ids == ["settings", *(f"extract_{name}" for name in ENDPOINTS), "load"]
    assert dag.get_task("load").upstream_task_ids == {*(f"extract_{name}" for name in ENDPOINTS), "settings"}
    assert all(dag.get_task(f"extract_{name}").upstream_task_ids == {"settings"} for name in ENDPOINTS)


def test_the_dag_has_data_intervals_and_does_not_catch_up_unasked(dag):
    assert type(dag.timetable).__name__ == "CronDataIntervalTimetable"
    assert not dag.catchup
    assert dag.max_active_runs > 1


def test_a_day_comes_into_the_warehouse_and_coming_again_changes_nothing(dag, exchange, configured):
    database = configured(endpoints=list(ENDPOINTS))
    day = recent_day()
    run = dag.test(logical_date=day)
    assert str(run.state) == "success", states(run)
    # A manual run at midnight covers the day before.
    start_ms = int((day - timedelta(days=1)).timestamp() * 1000)
    for name in ENDPOINTS:
        truth = exchange.truth(name, start_ms=start_ms, end_ms=start_ms + DAY_MS, account="demo")
        stored = read(database, f"SELECT raw FROM binance_liquidations WHERE endpoint = '{name}'")
        assert sorted(raw for (raw,) in stored) == sorted(body.decode() for body in truth), name
    windows = "SELECT endpoint, complete FROM binance_liquidation_windows"
    assert sorted(read(database, windows)) == sorted((name, True) for name in ENDPOINTS)
    dump = read(database, "SELECT COLUMNS(*)::VARCHAR FROM binance_liquidations ORDER BY ALL")
    again = dag.test(logical_date=day)
    assert str(again.state) == "success", states(again)
    assert read(database, "SELECT COLUMNS(*)::VARCHAR FROM binance_liquidations ORDER BY ALL") == dump


def test_what_a_connection_does_not_have_is_skipped_and_the_rest_is_loaded(dag, configured):
    database = configured(endpoints=["margin", "usdm_futures"])
    run = dag.test(logical_date=recent_day(4), run_conf={"endpoints": ["margin"]})
    assert str(run.state) == "success", states(run)
    extracted = {task for (task, _), state in states(run).items() if state == "success"}
    assert extracted == {"settings", "extract_margin", "load"}
    assert read(database, "SELECT endpoint FROM binance_liquidation_windows") == [("margin",)]


def test_an_unknown_endpoint_fails_in_the_first_task(dag, configured):
    configured(endpoints=["spot"])
    run = dag.test(logical_date=recent_day(5))
    assert states(run)["settings", -1] == "failed"


def test_the_second_look_is_the_same_dag_some_days_back(bag, configured, tmp_path):
    second = bag.dags["binance_liquidations_second_look"]
    for task in second.tasks:
        task.retries = 0
    database = configured(endpoints=["margin"], second_look_days=10)
    day = recent_day()
    run = second.test(logical_date=day)
    assert str(run.state) == "success", states(run)
    looked_at = (day - timedelta(days=11)).date().isoformat()
    assert [path.parent.name for path in tmp_path.rglob("*.ndjson")] == [f"date={looked_at}"]
    assert read(database, "SELECT count(*) FROM binance_liquidation_windows") == [(1,)]
