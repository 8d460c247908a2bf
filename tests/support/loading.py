"""Loads in a process of its own: `loading.py <database> <manifests.json> <wait_s> <one by one?> [killed at]`.

It says `ready` and waits for a line, so that several begin at once. `killed at` is a step of the transaction
after which the process kills itself as the kernel would: without a word, a rollback or a close. Where the
environment has FILE_BYTES, no file of the process may grow beyond so many, as on a disk that fills.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.manifest import Manifest

STEPS = ("stage_rows", "merge_rows", "stage_windows", "merge_windows", "count_missing")


@dataclass
class Mortal:
    """A session that does not survive one of its steps."""

    session: Any
    killed_at: str

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.session, name)
        if name != self.killed_at:
            return method

        def last(*arguments: Any) -> Any:
            method(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        return last


@dataclass
class MortalDuckDB:
    engine: DuckDB
    killed_at: str

    def run(self, work: Any) -> Any:
        return self.engine.run(lambda session: work(Mortal(session, self.killed_at)))


def copy(manifest: Manifest, directory: Path) -> Path:
    """Fetch without Airflow, which takes seconds to import: what is tested here is the warehouse."""
    source = Path(manifest.object.uri.removeprefix("file://"))
    return Path(shutil.copy(source, directory / source.name))


def main(database: str, manifests: str, wait_s: str, one_by_one: str, killed_at: str = "") -> None:
    given = json.loads(Path(manifests).read_text(encoding="utf-8"))
    engine: Any = DuckDB(database, RetryPolicy(wait_s=float(wait_s)))
    if killed_at:
        engine = MortalDuckDB(engine, killed_at)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if size := os.environ.get("FILE_BYTES"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    try:
        done = [
            load(engine, one, fetch=copy).to_dict() for one in (given if one_by_one == "yes" else [given])
        ]
    except LiquidationsError as error:
        done = [f"{type(error).__name__}: {error}"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
