"""How long a backfill of the sample DAG takes, beside one of a DAG with as many tasks that do nothing.

    uv run --group peers --group benchmarks python tests/benchmarks --parts backfills

A real Airflow with its LocalExecutor and a simulated exchange without limits, all on this machine. The two
DAGs take turns, each with days of its own, so that a machine that slows down slows both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.core.families import POOLS
from airflow_provider_binance_liq.demo.days import Days, latest
from airflow_provider_binance_liq.demo.failure import DemoFailed

OURS: Final = "binance_liquidations"
EMPTY: Final = "empty_tasks"
ENDPOINTS: Final = tuple(WITH_ORDERS)[:3]
#: runs of a backfill that Airflow works on at once
AT_ONCE: Final = 4
#: more than any backfill here needs
_NO_LIMIT: Final = 1_000_000
#: seconds that one backfill may take
_LONGEST_S: Final = 1800
#: what Airflow consists of, by a word of its command, and what runs below it
_COMPONENTS: Final = {
    "api_server": ("API server", "API server"),
    "scheduler": ("scheduler", "tasks"),
    "dag-processor": ("DAG processor", "DAG processor"),
    "postgres": ("database", "database"),
}
_DAGS: Final = Path(__file__).parents[2] / "dags"

_EMPTY_DAG: Final = f"""
from datetime import datetime, timezone

from airflow.sdk import DAG, task

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable

with DAG(
    "{EMPTY}",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2019, 9, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs={AT_ONCE},
):

    @task
    def settings():
        return list(range({len(ENDPOINTS)}))

    @task
    def extract(number):
        return number

    @task(trigger_rule="all_done_min_one_success")
    def load(numbers):
        return None

    @task(trigger_rule="one_failed")
    def watcher():
        return None

    numbers = extract.expand(number=settings())
    numbers >> load(numbers) >> watcher()
"""


def backfills(days: int, rounds: int) -> dict[str, Any]:
    """Let each DAG work on so many days at a time, in turn; seconds from the first run to the last."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support.real_airflow import RealAirflow

    seconds: dict[str, list[float]] = {OURS: [], EMPTY: []}
    worked: dict[str, list[Counter[str]]] = {OURS: [], EMPTY: []}
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backfills-")))
        (place / "dags").mkdir()
        (place / "dags" / "empty.py").write_text(_EMPTY_DAG)
        (place / "dags" / "ours.py").symlink_to(_DAGS / f"{OURS}.py")
        airflow = RealAirflow(
            stack,
            place / "airflow",
            ["desk"],
            [OURS, EMPTY],
            dags=place / "dags",
            weight_limits=tuple((pool, _NO_LIMIT) for pool in POOLS),
            # Its exchangeInfo has the documented limit, which counts unless the connection has another one.
            extra={f"{pool}_weight_limit": _NO_LIMIT for pool in POOLS},
            endpoints=list(ENDPOINTS),
        )
        last = latest(datetime.now(UTC), 1).last  # cannot matter: both DAGs have the same days
        for number in range(rounds):
            end = last - timedelta(days=number * days)
            for dag_id in (OURS, EMPTY):
                before = _processor_seconds()
                seconds[dag_id].append(_backfill(airflow, dag_id, Days(end - timedelta(days=days - 1), end)))
                worked[dag_id].append(_processor_seconds() - before)
    measured = {
        name: {
            "s": median(seconds[dag_id]),
            "processor_s": {part: median(one[part] for one in worked[dag_id]) for part in _parts()},
        }
        for name, dag_id in (("ours", OURS), ("empty", EMPTY))
    }
    return {"days": days, "rounds": rounds, "tasks": 3 + len(ENDPOINTS)} | measured


def _parts() -> list[str]:
    return sorted({part for both in _COMPONENTS.values() for part in both})


def _processor_seconds() -> Counter[str]:
    """Return the processor time that the parts of the running Airflow have used so far, in seconds."""
    found: Counter[str] = Counter()
    for process in psutil.Process().children():
        command = " ".join(process.cmdline())
        for word, (own, below) in _COMPONENTS.items():
            if word in command:
                found[own] += _used(process)
                found[below] += _ended(process)
                for one in process.children(recursive=True):
                    with suppress(psutil.NoSuchProcess):  # then its parent has its time
                        found[below] += _used(one) + _ended(one)
    return found


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _ended(process: psutil.Process) -> float:
    """Return what the processes that a process has started, and that have ended, have used."""
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


def _backfill(airflow: Any, dag_id: str, days: Days) -> float:
    """Let a backfill run to its end; every run has to succeed."""
    before = len(airflow.api.runs(dag_id))
    began = _create(airflow, dag_id, days)
    airflow.api.unpause(dag_id)
    ended = False
    while not ended:
        time.sleep(1)
        airflow.processes.check()
        runs = airflow.api.runs(dag_id)
        if time.perf_counter() - began > _LONGEST_S or any(run.state == "failed" for run in runs):
            message = f"{dag_id}: {[run.state for run in runs]}"
            raise RuntimeError(message)
        ended = len(runs) == before + len(days) and all(run.ended for run in runs)
    return time.perf_counter() - began


def _create(airflow: Any, dag_id: str, days: Days) -> float:
    """Create a backfill, and return when; Airflow refuses it until it has noted the end of the last one."""
    asked = time.perf_counter()
    while True:
        began = time.perf_counter()
        try:
            airflow.api.create_backfill(dag_id, days, at_once=AT_ONCE)
        except DemoFailed as error:
            if "already a running backfill" not in str(error) or began - asked > _LONGEST_S:
                raise
            time.sleep(1)
        else:
            return began
