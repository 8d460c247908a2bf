"""How cost grows with a window's rows, what memory it takes, what a limit allows, what a DAG file costs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import extraction
import local_exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE: Final = Path(__file__).parent
DAGS: Final = HERE.parents[1] / "dags"
#: the exchange's minute in the simulated run, in seconds
MINUTE_S: Final = 5
#: the same tasks, in the same DAG, that do nothing
EMPTY: Final = """
from datetime import UTC, datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
for name in ("liquidations", "second_look", "load"):
    with DAG(name, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        tasks = [EmptyOperator(task_id=task) for task in ("settings", "extract", "load", "watcher")]
        tasks[0] >> tasks[1] >> tasks[2] >> tasks[3]
"""
_IMPORT: Final = """
import sys, time
before = time.process_time()
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), {"__name__": "dag"})
print(time.process_time() - before)
"""
#: up to where the first request would be sent; what runs tasks is imported before, as in a forked worker
_FIRST_REQUEST: Final = """
import json, sys, time
import airflow.sdk.execution_time.task_runner
dag, url, key, secret, start_ms, lake = json.loads(sys.argv[1])
began = time.process_time()
exec(compile(open(dag).read(), dag, "exec"), {"__name__": "dag"})
read = time.process_time()
from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exchange.connection import Fields, read_account
from airflow_provider_binance_liq.exchange.transport import Transport
from airflow_provider_binance_liq.extraction.job import Job
from airflow_provider_binance_liq.extraction.reader import Filters

def first(*_):
    print(json.dumps({"dag_cpu_s": read - began, "first_cpu_s": time.process_time() - began}))
    sys.exit()

Transport.get = first
endpoint = get_endpoint("usdm_futures")
account = read_account(Fields("benchmark", key, secret, json.dumps({"base_url": url, "account": "desk"})))
window = Window(start_ms, start_ms + 86_400_000)
Job(endpoint, window, Filters.of(endpoint, None, None), account, lake).run()
"""


def growth(sizes: Sequence[int], runs: int) -> list[dict[str, Any]]:
    """Measure our extraction at several sizes, which take turns."""
    found: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    for _ in range(runs):
        for size in sizes:
            with local_exchange.running(size) as exchange:
                found[size].append(extraction.run("ours", exchange))
    return [
        {
            "rows": size,
            "runs": runs,
            **{name: median(one[name] for one in reports) for name in ("seconds", "cpu_s", "requests", "mb")},
        }
        for size, reports in found.items()
    ]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of cost over size, both as logarithms: 1 is in proportion."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def memory(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Measure the peak of a window's memory, with an exchange in the same process that keeps nothing."""
    found = []
    for size in sizes:
        program = [sys.executable, str(HERE / "one_window.py"), str(size)]
        ran = subprocess.run(program, capture_output=True, text=True, check=True)
        found.append(json.loads(ran.stdout.splitlines()[-1]))
    return found


def limited(rows: int) -> dict[str, Any]:
    """Extract from an exchange that allows 2,400 in each of its minutes, which are short."""
    with local_exchange.running(rows, minute_seconds=MINUTE_S, weight_limits=[["futures", 2400]]) as exchange:
        report = extraction.run("ours", exchange, {"futures_weight_limit": None})
    minutes = report["seconds"] / MINUTE_S
    return {"rows": rows, "requests": report["requests"], "minutes": minutes}


def imports(runs: int, directory: Path) -> list[dict[str, Any]]:
    """Measure the processor time of importing each sample DAG file, beside a file of empty tasks."""
    empty = directory / "empty.py"
    empty.write_text(EMPTY)
    files = [empty, *sorted(DAGS.glob("*.py"))]
    found: dict[str, list[float]] = {file.name: [] for file in files}
    for _ in range(runs):
        for file in files:
            ran = subprocess.run(
                [sys.executable, "-c", _IMPORT, str(file)], capture_output=True, text=True, check=False
            )
            if not ran.returncode:
                found[file.name].append(float(ran.stdout.splitlines()[-1]))
    return [
        {"file": name, "runs": len(times), "cpu_s": median(times)} for name, times in found.items() if times
    ]


def first_request(runs: int, directory: Path) -> dict[str, float]:
    """Measure the processor time of an extracting task, from reading its DAG file to its first request."""
    given = [str(DAGS / "binance_liquidations.py"), "http://127.0.0.1:9", "key", "secret"]
    given += [local_exchange.yesterdays_start_ms(), f"file://{directory}"]
    command = [sys.executable, "-c", _FIRST_REQUEST, json.dumps(given)]
    found = []
    for _ in range(runs):
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(ran.stdout.splitlines()[-1]))
    return {"runs": runs} | {name: median(one[name] for one in found) for name in found[0]}
