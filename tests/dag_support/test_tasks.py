"""What the sample DAGs' own tasks promise: errors that name the Variable, and one notification."""

from __future__ import annotations

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
