"""The configurable DAG, loading into PostgreSQL."""

from __future__ import annotations

import pytest
from support.fixed_days import recent_day
from support.sample_dags import configure, connect, in_state, read_dag, states

from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.clock, pytest.mark.usefixtures("fixed_clock")]


@pytest.fixture
def dag(airflow_database):
    return read_dag("binance_liquidations")


@pytest.fixture
def exchange(monkeypatch):
    with Simulator(Settings(seed=7, cascade_rows=300)) as simulator:
        connect(monkeypatch, simulator, "binance_demo")
        yield simulator


def test_a_day_comes_into_postgresql_where_the_variable_names_a_connection(
    dag, exchange, postgres, monkeypatch, tmp_path
):
    postgres.query("CREATE SCHEMA desk")
    configure(monkeypatch, tmp_path, postgres_conn_id="ware_house", schema="desk", endpoints=["margin"])
    day = recent_day(6)
    run = dag.test(logical_date=day)
    assert str(run.state) == "success", states(run)
    assert in_state(run, "success") == {"settings", "extract[0]", "load"}
    end_ms = int(day.timestamp() * 1000)
    truth = exchange.truth("margin", start_ms=end_ms - 86_400_000, end_ms=end_ms, account="demo")
    assert truth
    stored = postgres.query("SELECT raw FROM desk.binance_liquidations")
    postgres.query("DROP SCHEMA desk CASCADE")
    assert sorted(raw for (raw,) in stored) == sorted(body.decode() for body in truth)


def test_a_run_may_choose_another_database_that_the_variable_lists(
    dag, exchange, postgres, monkeypatch, tmp_path
):
    configure(monkeypatch, tmp_path, postgres_conn_id=["somewhere_else", "ware_house"], endpoints=["margin"])
    run = dag.test(logical_date=recent_day(7), run_conf={"postgres_conn_id": "ware_house"})
    assert str(run.state) == "success", states(run)
    assert postgres.query("SELECT endpoint FROM binance_liquidation_windows") == [("margin",)]
