"""Loads in a process of its own whose disk fills: `fetching.py <engine> <where> <manifests.json> <bytes>`.

No file may grow beyond so many bytes: not even the copy of an object.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.postgres import Postgres

ENGINES = {"duckdb": DuckDB, "postgres": Postgres}


def main(engine: str, where: str, manifests: str, size: str) -> None:
    given = json.loads(Path(manifests).read_text(encoding="utf-8"))
    open_destination(given[0]["object"]["uri"])  # what is imported first may write files of its own
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    try:
        result = str(load(ENGINES[engine](where), given).inserted)
    except LiquidationsError as error:
        result = f"{type(error).__name__}: {error}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.write(f"\n{result}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
