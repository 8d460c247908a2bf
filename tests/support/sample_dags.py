"""What the tests of the sample DAGs share, whichever warehouse they load into."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from airflow_provider_binance_liq.simulator.simulator import Simulator

#: the file of a DAG, where it is not named after it
_FILES = {
    "binance_liquidations_second_look": "binance_liquidations",
    "binance_liquidations_extract": "binance_liquidations_by_asset",
    "binance_liquidations_load": "binance_liquidations_by_asset",
}


def bundles(*directories: Path) -> str:
    """Return Airflow's setting that makes each directory a bundle of DAGs, named after it."""
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    known = [{"name": path.name, "classpath": local, "kwargs": {"path": str(path)}} for path in directories]
    return json.dumps(known)


def read_dag(dag_id: str) -> Any:
    """Read a sample DAG anew: `dag.test` leaves a run's own parameters in it."""
    from support.airflow_of_any_version import DagBag

    bundle = Path(os.environ["AIRFLOW_HOME"], "bundles", _FILES.get(dag_id, dag_id))
    dag = DagBag(dag_folder=str(bundle)).dags[dag_id]
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
