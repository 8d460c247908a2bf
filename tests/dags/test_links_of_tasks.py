"""Every task of the sample DAGs leads from Airflow's UI to the coverage page."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("airflow_database")


@pytest.fixture
def tasks(airflow_database, monkeypatch):
    """Every task of every sample DAG, as the UI has it."""
    from airflow.serialization.serialized_objects import DagSerialization
    from support.airflow_of_any_version import DagBag

    monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS", '{"connections": ["desk"]}')
    bag = DagBag()
    assert bag.import_errors == {}
    dags = [DagSerialization.from_dict(DagSerialization.to_dict(dag)) for dag in bag.dags.values()]
    return [task for dag in dags for task in dag.tasks]


def test_each_task_of_this_package_has_the_link(tasks):
    ours = [task for task in tasks if "airflow_provider_binance_liq" in task._task_module]
    assert {"settings", "extract", "load", "watcher", "check", "announce"} <= {task.task_id for task in ours}
    assert [task.label for task in ours if "Coverage" not in task.extra_links] == []


def test_no_task_is_a_plain_function_without_links(tasks):
    assert [task.label for task in tasks if task._task_module.endswith("decorators.python")] == []
