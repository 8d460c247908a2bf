"""Loads into Iceberg in a process that kills itself at one of its steps, as the kernel would."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from functools import wraps
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from sqlalchemy.orm import Session
from support import icehouse
from support.loading import copy

from airflow_provider_binance_liq.exceptions import LiquidationsError

#: what a load writes to storage and to the catalog
STEPS = [
    (PyArrowFileIO, "new_output"),
    (SqlCatalog, "create_namespace"),
    (SqlCatalog, "create_table"),
    (SqlCatalog, "commit_table"),
    (Session, "commit"),
]
COMMITS = STEPS[-1:]

context = multiprocessing.get_context("forkserver")


def _die(steps: list[tuple[type, str]], number: int, when: str) -> None:
    """SIGKILL this process before or after the nth of these steps."""
    count = 0

    def mortal(method: Any) -> Any:
        @wraps(method)
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            last = count == number
            if last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            done = method(*arguments, **options)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return counted

    for owner, name in steps:
        setattr(owner, name, mortal(getattr(owner, name)))


def _load(path: str, manifests: str, dying: tuple[bool, int, str] | None, begin: Any, said: str) -> None:
    warehouse = icehouse.Icehouse(Path(path), fetch=copy)
    given = json.loads(manifests)
    if dying:
        only_commits, number, when = dying
        _die(COMMITS if only_commits else STEPS, number, when)
    begin.wait()
    try:
        done: Any = warehouse.load(given).to_dict()
    except LiquidationsError as error:
        done = f"{type(error).__name__}: {error}"
    Path(said).write_text(json.dumps(done), encoding="utf-8")


def start(path: Path, manifests: list[Any], said: Path, *, dying: tuple[bool, int, str] | None = None) -> Any:
    """Start a load in a process of its own; returns the process, and the event that lets it begin."""
    begin = context.Event()
    given = json.dumps([one.to_dict() for one in manifests])
    process = context.Process(target=_load, args=(str(path), given, dying, begin, str(said)))
    process.start()
    return process, begin


def preload() -> None:
    """Let processes be forked from one that has imported it all, unless there is one already."""
    engine = "airflow_provider_binance_liq.warehouse.iceberg"
    context.set_forkserver_preload([engine, "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow"])
