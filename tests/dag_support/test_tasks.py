"""What the sample DAGs' own tasks promise: errors that name the Variable, and one notification."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

NAME = "binance_liquidations"


@pytest.fixture
def variable(monkeypatch):
    return lambda text: monkeypatch.setenv(f"AIRFLOW_VAR_{NAME.upper()}", text)


@pytest.mark.parametrize("text", ["{", '{"pools": "x"}'])
def test_a_variable_that_cannot_be_read_fails_at_once_and_is_named(variable, text):
    from airflow_provider_binance_liq.compat import AirflowFailException
    from airflow_provider_binance_liq.dag_support.settings import read_settings
    from airflow_provider_binance_liq.dag_support.tasks import read_variable

    variable(text)
    with pytest.raises(AirflowFailException, match=f"the Variable '{NAME}', or a parameter of the run: "):
        read_variable(NAME, lambda given: read_settings(given, {}))


class Pushed(dict):
    """What a task instance was told to keep for others."""

    def xcom_push(self, key, value):
        self[key] = value


def errors(caplog):
    return [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]


def test_wrong_settings_say_in_three_lines_what_is_wrong_and_where(variable, caplog):
    from airflow_provider_binance_liq.compat import AirflowFailException
    from airflow_provider_binance_liq.dag_support.settings import read_settings
    from airflow_provider_binance_liq.dag_support.tasks import read_variable

    variable('{"compression": "zip"}')
    with pytest.raises(AirflowFailException):
        read_variable(NAME, lambda given: read_settings(given, {}))
    cause, advice, where = errors(caplog)
    assert cause.startswith("Cause: InvalidRequest: compression is 'zip'; it takes ")
    assert advice == "What to do: correct the parameter that is named, then clear the task"
    assert where == f"Where: the Variable '{NAME}', or a parameter of the run"


def run_settings(ti, conf):
    from airflow.sdk import DAG

    from airflow_provider_binance_liq.dag_support.tasks import extract_settings

    with DAG("a_dag", schedule=None):
        task = extract_settings(NAME).operator
    task.python_callable(NAME, params={}, ti=ti, dag_run=SimpleNamespace(conf=conf, run_type="manual"))


@pytest.mark.parametrize(
    ("conf", "connections", "cause", "advice"),
    [
        (
            {},
            ["nosuch"],
            "InvalidConnection: connection 'nosuch' does not exist; ",
            "correct the connection ",
        ),
        ({"symbol": "X"}, [], "InvalidRequest: unknown parameter 'symbol'; ", "correct the parameter "),
    ],
)
def test_a_run_that_cannot_begin_says_why_in_three_lines_and_to_the_watcher(
    variable, caplog, conf, connections, cause, advice
):
    from airflow_provider_binance_liq.compat import AirflowFailException

    variable(json.dumps({"connections": connections or ["binance_default"]}))
    ti = Pushed()
    with pytest.raises(AirflowFailException, match=cause):
        run_settings(ti, conf)
    first, second, third = errors(caplog)
    assert first.startswith(f"Cause: {cause}")
    assert second.startswith(f"What to do: {advice}")
    assert third == "Window: that of the whole run, of which nothing was extracted"
    told = ti["failure"]
    assert f"{told['error']}: {told['cause']}".startswith(cause)


def test_the_watcher_notifies_nobody_since_the_task_that_failed_did():
    from airflow.sdk import DAG, task

    from airflow_provider_binance_liq.dag_support.tasks import watcher

    @task
    def other() -> None:
        """Do nothing."""

    with DAG("a_dag", schedule=None, default_args={"on_failure_callback": [print]}) as dag:
        other() >> watcher()
    assert dag.get_task("other").on_failure_callback == [print]
    assert not dag.get_task("watcher").on_failure_callback
