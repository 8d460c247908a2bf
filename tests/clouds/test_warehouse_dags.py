"""The sample DAGs for clouds, read with the real providers and run on the engines of this machine."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from engines import ROLE
from fixed_days import recent_day
from lakes import REPOSITORY

from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator
from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

pytestmark = [pytest.mark.slow, pytest.mark.clock, pytest.mark.usefixtures("fixed_clock")]

DAGS = REPOSITORY / "dags/warehouses"
NAMES = {name: f"binance_liquidations_to_{name}" for name in WAREHOUSES}
ENDPOINTS = ["usdm_futures", "coinm_futures", "margin"]
DAY_MS = 86_400_000


@pytest.fixture
def bag(airflow_database, monkeypatch):
    """Take their directory for the DAGs folder, as whoever copies one of them does."""
    from airflow import settings
    from airflow_of_any_version import DagBag

    monkeypatch.setattr(settings, "DAGS_FOLDER", str(DAGS))
    return DagBag(dag_folder=DAGS)


@pytest.fixture
def exchange():
    with Simulator(Settings(seed=7, cascade_rows=300)) as simulator:
        yield simulator


@pytest.fixture
def run(bag, exchange, set_connection, monkeypatch):
    """Run a DAG of theirs over a day, with its Variable; return the states of its tasks."""
    credentials = exchange.credentials()
    set_connection(
        "binance_demo",
        conn_type="binance",
        login=credentials.api_key,
        password=credentials.secret,
        extra={"base_url": exchange.url, "account": "demo", "weight_share": 1},
    )

    def start(warehouse, day, **members):
        told = {"connections": ["binance_demo"], "endpoints": ENDPOINTS} | members
        monkeypatch.setenv(f"AIRFLOW_VAR_{NAMES[warehouse].upper()}", json.dumps(told))
        dag = bag.dags[NAMES[warehouse]]
        for task in dag.tasks:
            task.retries = 0  # a task that fails here would be waited for, minutes long
        done = dag.test(logical_date=day)
        return {(ti.task_id, ti.map_index): str(ti.state) for ti in done.get_task_instances()}

    return start


def truth(exchange, day):
    """What the exchange knows of the day before, which is what a manual run at midnight covers."""
    start_ms = int((day - timedelta(days=1)).timestamp() * 1000)
    return sorted(
        (name, body.decode())
        for name in ENDPOINTS
        for body in exchange.truth(name, start_ms=start_ms, end_ms=start_ms + DAY_MS, account="demo")
    )


def rows(engine):
    endpoint, raw = LIQUIDATIONS.names.index("endpoint"), LIQUIDATIONS.names.index("raw")
    return sorted((row[endpoint][1], row[raw][1]) for row in engine.rows(LIQUIDATIONS))


def steps(states):
    return {task: state for (task, index), state in states.items() if index < 0}


SUCCESS = dict.fromkeys(("settings", "prepare", "stage", "check", "merge", "clean"), "success")


def test_every_dag_is_read_with_its_provider_and_without_warnings(bag):
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    assert sorted(bag.dags) == sorted(NAMES.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_dag_has_the_same_steps(bag, name):
    dag = bag.dags[NAMES[name]]
    assert sorted(dag.task_ids) == sorted([*SUCCESS, "extract"])
    order = ["settings", "extract", "prepare", "stage", "check", "merge", "clean"]
    for before, after in pairwise(order):
        assert before in dag.get_task(after).upstream_task_ids, (before, after)
    assert type(dag.timetable).__name__ == "CronDataIntervalTimetable"
    assert not dag.catchup
    assert dag.get_task("check").retries == 0
    assert dag.get_task("merge").max_active_tis_per_dag == 1


def test_what_lies_there_is_not_read_beside_the_sample_dag_of_the_demo(airflow_database):
    from airflow_of_any_version import DagBag

    bag = DagBag(dag_folder=REPOSITORY / "dags")
    assert bag.import_errors == {}
    assert not set(bag.dags) & set(NAMES.values())


def comes_in_twice(name, engine, run, exchange, day, **members):
    states = run(name, day, **members)
    assert steps(states) == SUCCESS, states
    assert rows(engine) == truth(exchange, day) != []
    assert len(engine.rows(WINDOWS)) == len(ENDPOINTS)
    before = engine.rows(LIQUIDATIONS)
    again = run(name, day, **members)
    assert steps(again) == SUCCESS, again
    assert engine.rows(LIQUIDATIONS) == before


def test_a_day_comes_into_snowflake_and_coming_again_changes_nothing(
    snowflake, run, exchange, monkeypatch, set_connection
):
    engine, lake = snowflake
    monkeypatch.setattr(type(WAREHOUSES["snowflake"]), "schemes", ("file",))
    set_connection(
        "snowflake_default",
        conn_type="snowflake",
        login="tester",
        password="none",
        schema="binance",
        extra={"account": "here", "database": "desk"},
    )
    comes_in_twice(
        "snowflake", engine, run, exchange, recent_day(3), destination=lake.destination, via="lake"
    )


def test_a_day_comes_into_clickhouse_and_coming_again_changes_nothing(
    clickhouse, run, exchange, set_connection
):
    engine, lake = clickhouse
    set_connection(
        "clickhouse_default",
        conn_type="clickhouse",
        schema=engine.via,
        extra={"client_kwargs": {"interface": "chdb"}},
    )
    comes_in_twice(
        "clickhouse", engine, run, exchange, recent_day(4), destination=lake.destination, via=engine.via
    )


def test_a_day_comes_into_what_stands_in_for_bigquery_and_coming_again_changes_nothing(
    bigquery, run, exchange, set_connection, monkeypatch
):
    from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook

    engine, lake = bigquery
    jobs = []

    def insert_job(_, *, configuration, job_id, project_id, location, **__):
        query = configuration["query"]
        jobs.append((project_id, location, query["defaultDataset"], query["useLegacySql"]))
        engine.run(query["query"])
        return Job(job_id, configuration)

    set_connection("google_cloud_default", conn_type="google_cloud_platform", extra={"project": "desk"})
    monkeypatch.setattr(BigQueryHook, "insert_job", insert_job)
    monkeypatch.setattr(type(WAREHOUSES["bigquery"]), "schemes", ("file",))
    where = {"project": "desk", "dataset": "binance"}
    comes_in_twice("bigquery", engine, run, exchange, recent_day(6), destination=lake.destination, **where)
    assert set(map(repr, jobs)) == {
        "('desk', 'EU', {'projectId': 'desk', 'datasetId': 'binance'}, False)",
    }
    assert len(jobs) == 8


def test_a_day_comes_into_redshift_and_coming_again_changes_nothing(
    redshift, run, exchange, set_connection, monkeypatch
):
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    engine, lake = redshift
    set_connection("redshift_default", conn_type="redshift")
    monkeypatch.setattr(RedshiftSQLHook, "get_conn", lambda _: Connection(engine))
    comes_in_twice(
        "redshift",
        engine,
        run,
        exchange,
        recent_day(5),
        destination=lake.destination,
        via=ROLE,
        compression="gzip",
    )


class Connection:
    """The engine as a connection of DB-API's kind, and its own cursor; one session, as the hook keeps it."""

    autocommit = True
    description = ()
    rowcount = -1

    def __init__(self, engine):
        self.engine = engine
        self.found = []

    def cursor(self):
        return self

    def execute(self, statement, parameters=None):
        assert not parameters
        self.found = self.engine.execute(statement)

    def fetchone(self):
        return self.found[0]

    def commit(self):
        """Do nothing: the statements commit for themselves."""

    def close(self):
        pass


class Job:
    """A job of BigQuery's that is done."""

    state, errors, error_result = "DONE", None, None

    def __init__(self, job_id, configuration):
        self.job_id = job_id
        self.configuration = configuration

    def to_api_repr(self):
        return {"configuration": self.configuration}

    def result(self, **_):
        return None
