"""What the tests of the sample DAGs share, whichever warehouse they load into."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from airflow_provider_binance_liq.simulator.simulator import Simulator


def read_dag(dag_id: str) -> Any:
    """Read a sample DAG anew: `dag.test` leaves a run's own parameters in it."""
    from support.airflow_of_any_version import DagBag

    dag = DagBag().dags[dag_id]
    for task in dag.tasks:
        task.retries = 0  # a task that fails here would be waited for, minutes long
    return dag


def connect(monkeypatch: pytest.MonkeyPatch, exchange: Simulator, conn_id: str, **fields: Any) -> None:
    """Set the connection `conn_id` to the simulator's account `demo`, with other fields than usual."""
    credentials = exchange.credentials()
    extra = {"base_url": exchange.url, "account": "demo", "weight_share": 1} | fields.pop("extra", {})
    here = {"conn_type": "binance", "login": credentials.api_key, "password": credentials.secret}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(here | {"extra": extra} | fields))


def configure(monkeypatch: pytest.MonkeyPatch, home: Path, **members: Any) -> None:
    """Set the Variable of the sample DAGs."""
    common = {"connections": ["binance_demo"], "destination": f"file://{home / 'lake'}"}
    monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS", json.dumps(common | members))


def states(run: Any) -> dict[tuple[str, int], str]:
    """Tell the state of each task instance by task id and map index."""
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


def in_state(run: Any, state: str) -> set[str]:
    """Name the task instances in `state`: `task`, or `task[map index]`."""
    return {
        task if index < 0 else f"{task}[{index}]"
        for (task, index), found in states(run).items()
        if found == state
    }
