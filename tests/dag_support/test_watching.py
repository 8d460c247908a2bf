"""What the watcher says: each task that failed, by its name in the UI, and why."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.dag_support.watching import describe, failed_tasks, watcher

TASKS = ["settings", "extract", "extract_2", "load"]
STATES = {
    "settings": "success",
    "extract_0": "failed",
    "extract_1": "success",
    "extract_10": "failed",
    "extract_2": "failed",
    "load": "upstream_failed",
    "watcher": None,
}


def test_instances_of_mapped_tasks_are_distinguished_from_tasks_of_such_a_name():
    # `extract_2` is a task here, and no instance of `extract`.
    assert failed_tasks(STATES, TASKS) == {"extract": [0, 10], "extract_2": [-1]}
    assert failed_tasks(STATES, ["extract"]) == {"extract": [0, 2, 10]}


def test_each_is_named_with_its_reason_and_without_one_its_log_is_named():
    label = "desk · margin · 22 Nov 2026 · failed"
    reasons = {"extract": {10: {"label": label, "error": "KeyRejected", "cause": "HTTP 401, code -2015"}}}
    assert list(describe({"extract": [0, 10], "load": [-1]}, reasons)) == [
        "extract[0]: see its log",
        f"extract[10], {label}: KeyRejected: HTTP 401, code -2015",
        "load: see its log",
    ]


def test_a_long_reason_is_cut_at_a_word():
    reasons = {"load": {-1: {"label": "", "error": "WarehouseBusy", "cause": "others wrote " * 50}}}
    (line,) = describe({"load": [-1]}, reasons)
    assert len(line) <= 161
    assert line.endswith((" others…", " wrote…"))


class Instance:
    """The task instance of a watcher, in a run of which many extractions failed."""

    dag_id, run_id, task_id = "liq", "manual__1", "watcher"

    def get_task_states(self, *, dag_id, run_ids):
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        return {self.run_id: {f"extract_{number}": "failed" for number in range(7)}}

    def xcom_pull(self, *, task_ids, key):
        assert (task_ids, key) == (["extract"], "failure")
        return [{"map_index": 3, "label": "desk", "error": "skipped", "cause": "too old"}, None]


def test_where_nothing_failed_it_is_skipped():
    class Dag:
        task_ids = ("watcher",)

    with pytest.raises(AirflowSkipException, match="no task of this run failed"):
        watcher.function(ti=Instance(), dag=Dag())


def test_it_waits_for_the_last_task_so_that_none_that_fails_later_is_left_out():
    from airflow.sdk import DAG

    with DAG("a_dag", schedule=None) as dag:
        watcher()
    assert dag.get_task("watcher").trigger_rule == "all_done"


def test_the_error_names_the_first_of_many_and_the_log_all_of_them(caplog):
    class Dag:
        task_ids = ("extract", "watcher")

    with pytest.raises(AirflowFailException) as caught:
        watcher.function(ti=Instance(), dag=Dag())
    assert str(caught.value).startswith("7 tasks of this run failed: extract[0]: see its log; extract[1]: ")
    assert "extract[4]: see its log; and 2 more. Once the cause is fixed, clear these" in str(caught.value)
    assert caplog.records[0].getMessage() == "Cause: 7 tasks of this run failed"
    assert "Failed: extract[6]: see its log" in caplog.text
