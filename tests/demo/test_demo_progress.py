"""How a backfill is followed to its end, and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_binance_liq.demo import progress as module
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.progress import Progress, follow, task_log
from airflow_provider_binance_liq.demo.rest import NotReachable, Run, TaskInstance


def run(state, name="day-1"):
    return Run(name, state)


def task(state, name="extract", **known):
    return TaskInstance(
        **{"run_id": "day-1", "task_id": name, "map_index": -1, "try_number": 1} | known, state=state
    )


class Steady:
    """Processes that all run on, until `ended` names one that does not."""

    ended = None

    def check(self):
        if self.ended:
            raise DemoFailed(f"{self.ended} ended by itself, with status -9", self.log(self.ended))

    def log(self, name):
        return Path(f"/logs/{name}.log")


class Answers:
    """An Airflow that answers in turn; the last answer again and again, an error raised."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def runs(self, _):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def task_instances(self, _):
        return [task("success")]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "_POLL_S", 0)


def followed(api, processes=None, wanted=2, limit_s=10.0):
    shown = []
    ended = follow(processes or Steady(), api, "dag", wanted, shown.append, limit_s)
    return ended, shown


def test_progress_counts_what_is_over_and_names_what_is_not():
    tasks = [
        task(state) for state in ("success", "skipped", "running", "deferred", "up_for_retry", "failed", None)
    ]
    now = Progress([run("success"), run("running")], tasks, 5)
    assert str(now) == "1 of 5 runs, 3 tasks done, 7 known, 1 running, 1 deferred, 1 up for retry, 1 failed"


def test_progress_at_the_very_beginning_is_nothing_of_what_is_wanted():
    assert str(Progress([], [], 5)) == "0 of 5 runs, 0 tasks done, 0 known"


@pytest.mark.parametrize(
    ("states", "ended"),
    [
        ([], False),
        (["success"], False),
        (["success", "running"], False),
        (["success", "queued"], False),
        (["success", "failed"], True),
        (["success", "success", "success"], True),
    ],
)
def test_a_backfill_is_over_when_all_wanted_runs_are_there_and_over(states, ended):
    assert Progress([run(state) for state in states], [], 2).ended is ended


def test_what_failed_is_distinguished_from_what_never_began():
    tasks = [task("failed", "extract"), task("upstream_failed", "load"), task("success", "plan")]
    now = Progress([run("failed", "day-1"), run("success", "day-2")], tasks, 2)
    assert [failed.task_id for failed in now.failed_tasks] == ["extract"]
    assert [failed.run_id for failed in now.failed_runs] == ["day-1"]


def test_it_is_followed_until_it_is_over_and_shown_on_the_way():
    ended, shown = followed(Answers([], [run("running")], [run("success"), run("failed")]))
    assert [one.state for one in ended.runs] == ["success", "failed"]
    assert [line.partition(",")[0] for line in shown] == ["0 of 2 runs", "0 of 2 runs", "2 of 2 runs"]


def test_a_few_silences_of_a_busy_machine_are_waited_out():
    over = [run("success"), run("success")]
    ended, _ = followed(Answers(*[NotReachable("no answer")] * 5, [], *[NotReachable("no answer")] * 5, over))
    assert ended.ended


def test_a_lasting_silence_ends_the_demo_with_the_log_of_who_is_silent():
    with pytest.raises(DemoFailed, match="no answer") as failure:
        followed(Answers(NotReachable("no answer")))
    assert failure.value.log == Path("/logs/api-server.log")


def test_a_component_that_ended_is_named_rather_than_waited_for():
    processes = Steady()
    processes.ended = "scheduler"
    with pytest.raises(DemoFailed, match="scheduler ended by itself") as failure:
        followed(Answers([]), processes)
    assert failure.value.log == Path("/logs/scheduler.log")


def test_a_backfill_that_takes_too_long_is_said_so_with_how_far_it_came():
    with pytest.raises(DemoFailed, match=r"not done after 0 s: 1 of 2 runs") as failure:
        followed(Answers([run("success")]), limit_s=0.0)
    assert failure.value.log == Path("/logs/scheduler.log")


def test_a_tasks_log_is_where_airflow_writes_it():
    logs = Path("/logs")
    assert task_log(logs, "dag", task("failed", try_number=2)) == Path(
        "/logs/dag_id=dag/run_id=day-1/task_id=extract/attempt=2.log"
    )
    assert task_log(logs, "dag", task("failed", map_index=0)) == Path(
        "/logs/dag_id=dag/run_id=day-1/task_id=extract/map_index=0/attempt=1.log"
    )
