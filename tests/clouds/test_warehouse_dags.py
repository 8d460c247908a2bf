"""The sample DAGs for clouds, read with the real providers and run on the engines of this machine."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from airflow.models import dagrun
from engines import ROLE
from lakes import REPOSITORY
from sqlalchemy import select
from support.fixed_days import recent_day

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
    from support.airflow_of_any_version import DagBag

    monkeypatch.setattr(settings, "DAGS_FOLDER", str(DAGS))
    return DagBag(dag_folder=DAGS)


@pytest.fixture
def exchange():
    with Simulator(Settings(seed=7, cascade_rows=300)) as simulator:
        yield simulator


@pytest.fixture
def early():
    """The same exchange, earlier: the last rows of every day are not there yet."""
    with Simulator(Settings(seed=7, cascade_rows=300, late_rows=30, late_requests=100_000)) as simulator:
        yield simulator


@pytest.fixture
def run(bag, exchange, set_connection, monkeypatch):
    """Run a DAG of theirs over a day, with its Variable; return the states of its tasks."""

    def start(warehouse, day, *, asked=exchange, cleared=False, **members):
        credentials = asked.credentials()
        set_connection(
            "binance_demo",
            conn_type="binance",
            login=credentials.api_key,
            password=credentials.secret,
            extra={"base_url": asked.url, "account": "demo", "weight_share": 1},
        )
        if cleared:
            monkeypatch.setattr(dagrun, "get_or_create_dagrun", the_run_that_was_cleared)
        members = {"connections": ["binance_demo"], "endpoints": ENDPOINTS} | members
        monkeypatch.setenv(f"AIRFLOW_VAR_{NAMES[warehouse].upper()}", json.dumps(members))
        dag = bag.dags[NAMES[warehouse]]
        for task in dag.tasks:
            task.retries = 0  # a task that fails here would be waited for, minutes long
        done = dag.test(logical_date=day)
        return {(ti.task_id, ti.map_index): str(ti.state) for ti in done.get_task_instances()}

    return start


def the_run_that_was_cleared(*, dag, logical_date, session, **_):
    """Go on with the run that is there, as after a click on `Clear`: `DAG.test` would replace it."""
    found = session.scalar(
        select(dagrun.DagRun).where(
            dagrun.DagRun.dag_id == dag.dag_id, dagrun.DagRun.logical_date == logical_date
        )
    )
    found.dag, found.state = dag, "running"
    return found


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


SUCCESS = dict.fromkeys(("settings", "prepare", "stage", "check", "merge", "clean"), "success") | {
    "watcher": "skipped"
}


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
    # What could not be extracted keeps nothing else out, in any of them.
    assert dag.get_task("prepare").trigger_rule == "all_done_min_one_success"
    assert all("extract" not in dag.get_task(step).upstream_task_ids for step in order[3:])
    assert dag.get_task("watcher").upstream_task_ids == {"settings", "extract", "prepare"}
    assert dag.get_task("check").retries == 0
    assert dag.get_task("merge").max_active_tis_per_dag == 1


def test_what_lies_there_is_not_read_beside_the_sample_dag_of_the_demo(airflow_database):
    from support.airflow_of_any_version import DagBag

    bag = DagBag(dag_folder=REPOSITORY / "dags")
    assert bag.import_errors == {}
    assert not set(bag.dags) & set(NAMES.values())


def comes_in_twice(name, engine, run, exchange, early, day, **members):
    states = run(name, day, asked=early, **members)
    assert steps(states) == SUCCESS, states
    assert set(rows(engine)) < set(truth(exchange, day))
    cleared = run(name, day, cleared=True, **members)
    assert steps(cleared) == SUCCESS, cleared
    assert rows(engine) == truth(exchange, day) != []
    assert len(engine.rows(WINDOWS)) == len(ENDPOINTS)
    before = engine.rows(LIQUIDATIONS)
    again = run(name, day, cleared=True, **members)
    assert steps(again) == SUCCESS, again
    assert engine.rows(LIQUIDATIONS) == before


def test_a_day_comes_into_snowflake_and_when_cleared_brings_what_is_new_and_then_nothing(
    snowflake, run, exchange, early, monkeypatch, set_connection
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
        "snowflake", engine, run, exchange, early, recent_day(3), destination=lake.destination, via="lake"
    )


def test_a_day_comes_into_clickhouse_and_when_cleared_brings_what_is_new_and_then_nothing(
    clickhouse, run, exchange, early, set_connection
):
    engine, lake = clickhouse
    set_connection(
        "clickhouse_default",
        conn_type="clickhouse",
        schema=engine.via,
        extra={"client_kwargs": {"interface": "chdb"}},
    )
    comes_in_twice(
        "clickhouse",
        engine,
        run,
        exchange,
        early,
        recent_day(4),
        destination=lake.destination,
        via=engine.via,
    )


@pytest.fixture
def on_bigquery(set_connection, monkeypatch):
    """Let an engine do the jobs of BigQuery's hook; return what each job was told."""
    from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook

    jobs, done = [], {}

    def stand_in(engine):
        def insert_job(_, *, configuration, job_id, project_id, location, **__):
            query = configuration["query"]
            jobs.append((project_id, location, query["defaultDataset"], query["useLegacySql"]))
            engine.run(query["query"])
            done[job_id] = Job(job_id, configuration)
            return done[job_id]

        set_connection("google_cloud_default", conn_type="google_cloud_platform", extra={"project": "desk"})
        monkeypatch.setattr(BigQueryHook, "insert_job", insert_job)
        monkeypatch.setattr(BigQueryHook, "get_job", lambda _, *, job_id, **__: done[job_id])
        monkeypatch.setattr(type(WAREHOUSES["bigquery"]), "schemes", ("file",))
        return jobs

    return stand_in


DATASET = {"project": "desk", "dataset": "binance"}


def test_a_day_comes_into_what_stands_in_for_bigquery_and_when_cleared_brings_what_is_new_and_then_nothing(
    bigquery, run, exchange, early, on_bigquery
):
    engine, lake = bigquery
    jobs = on_bigquery(engine)
    comes_in_twice(
        "bigquery", engine, run, exchange, early, recent_day(6), destination=lake.destination, **DATASET
    )
    assert set(map(repr, jobs)) == {
        "('desk', 'EU', {'projectId': 'desk', 'datasetId': 'binance'}, False)",
    }
    assert len(jobs) == 12


def test_one_key_that_is_refused_keeps_nothing_else_out_and_fails_the_run(
    bigquery, run, exchange, set_connection, on_bigquery
):
    engine, lake = bigquery
    on_bigquery(engine)
    set_connection(
        "binance_revoked",
        conn_type="binance",
        login="revoked" * 9,
        password="none",
        extra={"base_url": exchange.url, "account": "revoked"},
    )
    day = recent_day(6)
    states = run(
        "bigquery",
        day,
        destination=lake.destination,
        connections=["binance_revoked", "binance_demo"],
        **DATASET,
    )
    assert steps(states) == SUCCESS | {"watcher": "failed"}, states
    assert [states["extract", index] for index in range(6)] == ["failed"] * 3 + ["success"] * 3
    assert rows(engine) == truth(exchange, day) != []


def test_a_day_comes_into_redshift_and_when_cleared_brings_what_is_new_and_then_nothing(
    redshift, run, exchange, early, set_connection, monkeypatch
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
        early,
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
