"""Airflow's watcher pattern: a run fails where a task of it failed, and says which and why.

A run ends as its last tasks do, and a load succeeds with what there is. The states come from Airflow, the
reasons from the XCom `failure` that operators of this package write when they fail.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.core.wording import count, shorten
from airflow_provider_binance_liq.dag_support.linked import linked_task
from airflow_provider_binance_liq.operators.failing import XCOM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

log = logging.getLogger(__name__)

#: how many failures the error names; the log has all of them
_NAMED: Final = 5
_UNMAPPED: Final = -1
_REASON: Final = 160
_WHAT_TO_DO: Final = (
    "Once the cause is fixed, clear these with those downstream of them: what was loaded is not loaded twice"
)


# After all of them: after the first that failed, those that fail later would not be named. It has nobody to
# notify: the task that failed did.
@linked_task(trigger_rule="all_done", retries=0, on_failure_callback=None)
def watcher(ti: Any = None, dag: Any = None) -> None:
    """Fail the run where a task of it failed, and name each with its reason; else the task is skipped."""
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    failed = failed_tasks(states, [name for name in dag.task_ids if name != ti.task_id])
    if not failed:
        log.info("No task of this run failed, so there is nothing to say")
        raise AirflowSkipException("no task of this run failed")
    named = list(describe(failed, {name: _reasons(ti, name) for name in failed}))
    log.error("Cause: %s of this run failed", count(len(named), "task"))
    for line in named:
        log.error("Failed: %s", line)
    log.error("What to do: fix the cause, then clear these tasks with those downstream")
    shown = named if len(named) <= _NAMED else [*named[:_NAMED], f"and {len(named) - _NAMED} more"]
    message = f"{count(len(named), 'task')} of this run failed: {'; '.join(shown)}. {_WHAT_TO_DO}"
    raise AirflowFailException(message)


def failed_tasks(states: Mapping[str, Any], task_ids: Collection[str]) -> dict[str, list[int]]:
    """Return the map indexes of the instances that failed, by task; -1 for a task that is not mapped.

    :param states: as Airflow has them: by task id, with `_` and the map index behind it if it is mapped.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for name, state in states.items():
        if str(getattr(state, "value", state)) != "failed":
            continue
        task_id, _, index = name.rpartition("_")
        if name in task_ids:
            found[name].append(_UNMAPPED)
        elif task_id in task_ids and index.isdigit():
            found[task_id].append(int(index))
    return {name: sorted(indexes) for name, indexes in sorted(found.items())}


def describe(
    failed: Mapping[str, Iterable[int]], reasons: Mapping[str, Mapping[int, Mapping[str, Any]]]
) -> Iterator[str]:
    """Write each task that failed: `extract[2], desk · margin · 22 Nov 2026 · failed: KeyRejected: …`."""
    for task_id, indexes in failed.items():
        for index in indexes:
            reason = reasons.get(task_id, {}).get(index, {})
            name = task_id if index == _UNMAPPED else f"{task_id}[{index}]"
            label = f", {reason['label']}" if reason.get("label") else ""
            why = f"{reason['error']}: {reason['cause']}" if reason else "see its log"
            yield shorten(f"{name}{label}: {why}", _REASON)


def _reasons(ti: Any, task_id: str) -> dict[int, Mapping[str, Any]]:
    """Read the reasons of a task's instances, by map index."""
    # All at once: a single one that is not there would be an error in the log.
    found = ti.xcom_pull(task_ids=[task_id], key=XCOM)
    return {one["map_index"]: one for one in found or () if one and one["error"] != "skipped"}
