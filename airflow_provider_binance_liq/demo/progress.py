"""How far a backfill is: counts of runs and tasks, and what failed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.rest import NotReachable
from airflow_provider_binance_liq.demo.tail import tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow_provider_binance_liq.demo.processes import Processes
    from airflow_provider_binance_liq.demo.rest import AirflowApi, Run, TaskInstance

_POLL_S: Final = 1.0
_ENDED_TASKS: Final = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
#: a busy machine keeps Airflow's interface from answering now and then
_MOST_SILENCES: Final = 5
_FAILED_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """The runs of a DAG and their tasks, at one instant."""

    runs: Sequence[Run]
    tasks: Sequence[TaskInstance]
    #: runs that there have to be
    wanted: int

    @property
    def ended(self) -> bool:
        """Whether every run is over."""
        return len(self.runs) >= self.wanted and all(run.ended for run in self.runs)

    @property
    def failed_tasks(self) -> list[TaskInstance]:
        """The tasks that failed, not those that never began for that reason."""
        return [task for task in self.tasks if task.state == "failed"]

    @property
    def failed_runs(self) -> list[Run]:
        """The runs that did not succeed."""
        return [run for run in self.runs if run.state != "success"]

    def __str__(self) -> str:
        runs = sum(run.ended for run in self.runs)
        tasks = sum(task.state in _ENDED_TASKS for task in self.tasks)
        states = Counter(task.state for task in self.tasks)
        others = [
            f"{states[state]} {state.replace('_', ' ')}"
            for state in ("running", "deferred", "up_for_retry", "failed")
            if states[state]
        ]
        parts = [
            f"{runs} of {max(self.wanted, len(self.runs))} runs",
            # How many there will be is known only when all of them are mapped.
            f"{count(tasks, 'task')} done, {len(self.tasks):,} known",
            *others,
        ]
        return ", ".join(parts)


def follow(
    processes: Processes,
    api: AirflowApi,
    dag_id: str,
    wanted: int,
    show: Callable[[str], None],
    limit_s: float,
) -> Progress:
    """Wait until all runs of the DAG are over.

    :raises DemoFailed: when that takes longer than `limit_s`, or a component of Airflow ends.
    """
    deadline = time.monotonic() + limit_s
    silences = 0
    while True:
        processes.check()
        try:
            now = Progress(api.runs(dag_id), api.task_instances(dag_id), wanted)
        except NotReachable as error:
            silences += 1
            if silences > _MOST_SILENCES:
                raise DemoFailed(str(error), processes.log("api-server")) from error
        else:
            silences = 0
            show(str(now))
            if now.ended:
                return now
            if time.monotonic() > deadline:
                message = f"the backfill is not done after {limit_s:.0f} s: {now}"
                raise DemoFailed(message, processes.log("scheduler"))
        time.sleep(_POLL_S)


def task_log(logs: Path, dag_id: str, task: TaskInstance) -> Path:
    """Return where Airflow writes the log of a task's last attempt."""
    directory = logs / f"dag_id={dag_id}" / f"run_id={task.run_id}" / f"task_id={task.task_id}"
    if task.map_index >= 0:
        directory /= f"map_index={task.map_index}"
    return directory / f"attempt={task.try_number}.log"


def failures(logs: Path, dag_id: str, progress: Progress) -> list[str]:
    """Return what failed, with the end of its logs."""
    lines = [f"Run {run.run_id} ended as {run.state}." for run in progress.failed_runs]
    # One of each task: what fails on one day mostly fails on every day, for the same reason.
    by_name = {task.task_id: task for task in reversed(progress.failed_tasks)}
    for task in list(by_name.values())[:_FAILED_SHOWN]:
        log = task_log(logs, dag_id, task)
        lines += ["", f"Task {task.task_id} of {task.run_id} failed; the end of {log}:"]
        lines += [f"    {line}" for line in tail(log)]
    return lines
