"""Measures loads into Iceberg; prints the medians of three, and what they wrote.

`PYTHONPATH=tests python tests/warehouse_iceberg/measuring.py [rows]`

A first load of 20 windows, the same again, a new window of 1,000 rows, and a second look at a window that
tells all of its rows anew, and one more.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.icehouse import TABLES, Icehouse
from support.lakehouse import Lake, Warehouse
from support.loading import copy

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.load import Summary

DAY_MS = 86_400_000
START = 1_791_590_400_000 - 9 * DAY_MS


def body(number: int, at: int) -> str:
    fields = {
        "orderId": 8_389_765_612_825_000_000 + number,
        "symbol": f"S{number % 200}USDT",
        "status": "FILLED",
        "clientOrderId": f"autoclose-{at}{number}",
        "price": f"{10_000 + number % 977}.09",
        "avgPrice": f"10913.21{number % 997:03}",
        "origQty": f"0.{number % 9973:04}",
        "executedQty": "0.001",
        "cumQuote": "10.91321",
        "timeInForce": "IOC",
        "type": "LIMIT",
        "reduceOnly": False,
        "closePosition": False,
        "side": "SELL",
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "origType": "LIMIT",
        "time": at,
        "updateTime": at,
    }
    return json.dumps(fields, separators=(",", ":"))


def day(lake: Lake, number: int, rows: int, extracted_at: str = "2026-11-11T00:00:00Z", more: int = 0) -> Any:
    first = number * 1_000_000
    bodies = [
        body(first + n, START + number * DAY_MS + n * (DAY_MS - 1) // (rows + 1)) for n in range(rows + more)
    ]
    return lake.lay(bodies, day=number + 1, extracted_at=extracted_at)


def written(house: Icehouse, before: dict[str, set[str]]) -> dict[str, int]:
    """Count the data files that a load added and their bytes, and all bytes that it wrote."""
    files = {name: house.files(name) for name in TABLES}
    added = [file.removeprefix("file://") for name in TABLES for file in files[name] - before[name]]
    return {
        "files added": len(added),
        "their bytes": sum(Path(file).stat().st_size for file in added),
        "files dropped": sum(len(before[name] - files[name]) for name in TABLES),
    }


def measure(rows: int, directory: Path) -> dict[str, dict[str, float]]:
    lake = Lake(directory / "lake")
    house = Icehouse(directory / "house", fetch=copy)
    house.load(lake.lay([], endpoint="margin"))
    first = [day(lake, number, rows // 20) for number in range(20)]
    loads = {
        "first load": first,
        "the same again": first,
        "a new window": day(lake, 20, 1000),
        "a second look": day(lake, 7, rows // 20, "2026-11-12T00:00:00Z", more=1),
    }
    found = {}
    for name, given in loads.items():
        before = {table: house.files(table) for table in TABLES}
        summary, took = timed(house, given)
        found[name] = {**took, "rows": summary.rows, **written(house, before)}
    _, found["DuckDB's first load"] = timed(Warehouse(directory / "one.duckdb"), first)
    return found


def timed(warehouse: Warehouse, given: Any) -> tuple[Summary, dict[str, float]]:
    begun, worked = time.perf_counter(), time.process_time()
    summary = warehouse.load(given)
    return summary, {"seconds": time.perf_counter() - begun, "of a processor": time.process_time() - worked}


def main(rows: int = 200_000) -> None:
    runs = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as directory:
            runs.append(measure(rows, Path(directory)))
    for load in runs[0]:
        medians = {name: statistics.median(run[load][name] for run in runs) for name in runs[0][load]}
        sys.stdout.write(f"{load}: {json.dumps(medians)}\n")
    sys.stdout.write(f"peak memory, MB: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
