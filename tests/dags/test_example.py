"""The example that is copied and edited: short, and run from end to end."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from support.fixed_days import recent_day
from support.sample_dags import connect, in_state, states

from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator

ROOT = Path(__file__).parents[2]
CODE = (ROOT / "airflow_provider_binance_liq/example_dags/example_binance_liquidations.py").read_text("utf-8")
DAY_MS = 86_400_000

pytestmark = [
    pytest.mark.clock,
    pytest.mark.usefixtures("fixed_clock"),
]


@pytest.fixture
def dag(airflow_database, tmp_path):
    """Copy the file into a DAGs folder and edit its capitals, as a user does."""
    from support.airflow_of_any_version import DagBag

    folder = Path(os.environ["AIRFLOW_HOME"], "bundles", "own")
    edited = CODE.replace("/tmp/binance_liquidations", str(tmp_path)).replace(
        "binance_default", "binance_desk"
    )
    (folder / "mine.py").write_text(edited, encoding="utf-8")
    bag = DagBag(dag_folder=str(folder))
    assert (bag.import_errors, bag.captured_warnings) == ({}, {})
    (dag,) = bag.dags.values()
    return dag


def test_it_is_as_short_as_the_readme_says():
    assert len(CODE.splitlines()) <= 42
    assert "a DAG of 40 lines" in (ROOT / "README.md").read_text("utf-8")


def test_it_extracts_each_account_and_endpoint_and_loads_what_the_exchange_has(dag, tmp_path, monkeypatch):
    import duckdb

    assert dag.task_ids == ["extract", "load"]
    day = recent_day()
    with Simulator(Settings(seed=7, cascade_rows=300)) as exchange:
        connect(monkeypatch, exchange, "binance_desk")
        run = dag.test(logical_date=day)
        assert str(run.state) == "success", states(run)
        assert in_state(run, "success") == {"extract[0]", "extract[1]", "extract[2]", "load"}
        named = [ti.rendered_map_index for ti in run.get_task_instances() if ti.task_id == "extract"]
        yesterday = day - timedelta(days=1)
        assert [one.rpartition(f" · {yesterday.day} {yesterday:%b %Y} · ")[0] for one in sorted(named)] == [
            f"demo · {endpoint}" for endpoint in ("coinm_futures", "margin", "usdm_futures")
        ]
        start_ms = int(day.timestamp() * 1000) - DAY_MS
        truth = [
            body.decode()
            for endpoint in ("usdm_futures", "coinm_futures", "margin")
            for body in exchange.truth(endpoint, start_ms=start_ms, end_ms=start_ms + DAY_MS, account="demo")
        ]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT raw FROM binance_liquidations").fetchall()
    assert sorted(raw for (raw,) in rows) == sorted(truth) != []
