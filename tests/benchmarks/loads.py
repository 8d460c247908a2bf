"""Loads a large object as this provider does, as hand-written SQL does, and as dlt does; prints a table.

    uv run --group peers python tests/benchmarks/loads.py --rows 1000000 --runs 3

Every contender goes through the same scenarios in a process of its own, into a database of its own. They take
turns, run after run, so that a machine that slows down slows all of them. What is imported is imported before
the clock starts. The hand-written SQL makes the same table of the same file, and checks nothing; dlt keeps
the exchange's own fields and types, without the row's text, which is less work than the others do.

`loads_objects` has what is loaded, `loads_contenders` and `loads_dlt` who loads it, `loads_server` where it
goes and how it is measured, and `loads_table` what is made of the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loads_contenders import Contender, Hand, Ours
from loads_dlt import Dlt, DltArrow
from loads_objects import lay_all
from loads_server import Meter, Server, a_database, running_server
from loads_table import summarize, table

from airflow_provider_binance_liq.core.manifest import from_dict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.core.manifest import Manifest

    Report = dict[str, Any]

ENGINES: Final = ("duckdb", "postgres")
#: dlt: rows as Python values, as its filesystem source reads them; dlt-arrow: as Arrow tables
_CLASSES: Final[dict[str, type[Contender]]] = {"ours": Ours, "hand": Hand, "dlt": Dlt, "dlt-arrow": DltArrow}
CONTENDERS: Final = tuple(_CLASSES)


def compete(task: Report) -> Report:
    """Let one contender go through the scenarios."""
    meter = Meter(task["server"])
    contender = _CLASSES[task["contender"]](task["engine"], task["database"])
    figures, kept = {}, {}
    with meter.watching():
        for name, plain in task["manifests"].items():
            if name == "unchanged" and not contender.skips:
                continue
            manifest = from_dict(plain)
            figures[name] = meter.measure(partial(contender.load, manifest))
            if task["check"]:
                kept[name] = contender.kept()
            contender.settle()
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"figures": figures, "kept": kept, "mb": most // 1024, "server_mb": meter.server_mb}


def let_compete(
    contender: str, engine: str, server: Server | None, manifests: dict[str, Manifest], *, check: bool
) -> Report:
    """Start a process for one contender, and return what it reports."""
    with tempfile.TemporaryDirectory(prefix="loads-") as directory:
        with a_database(engine, server, Path(directory)) as database:
            task = {
                "contender": contender,
                "engine": engine,
                "database": database,
                "server": server.pid if server and engine == "postgres" else None,
                "manifests": {name: manifest.to_dict() for name, manifest in manifests.items()},
                "check": check,
            }
            kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
            ran = subprocess.run(
                [sys.executable, __file__, "--compete"],
                input=json.dumps(task),
                env=kept | {"AIRFLOW_HOME": directory, "RUNTIME__DLTHUB_TELEMETRY": "false"},
                cwd=directory,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        report: Report = json.loads(ran.stdout.splitlines()[-1])
        return report


def benchmark(
    count: int,
    runs: int,
    engines: Sequence[str] = ENGINES,
    contenders: Sequence[str] = CONTENDERS,
    *,
    dlt_rows: int | None = None,
    check: bool = False,
) -> list[Report]:
    """Let everybody compete, in turn; return a report of each, with its engine, contender and rows."""
    found = []
    with tempfile.TemporaryDirectory(prefix="loads-") as made, ExitStack() as stack:
        sizes = {name: min(count, dlt_rows or count) if "dlt" in name else count for name in contenders}
        objects = {size: lay_all(Path(made) / str(size), size) for size in set(sizes.values())}
        server = stack.enter_context(running_server() if "postgres" in engines else nullcontext())
        for _ in range(runs):
            for engine in engines:
                for name in contenders:
                    report = let_compete(name, engine, server, objects[sizes[name]], check=check)
                    found.append({"engine": engine, "contender": name, "count": sizes[name], **report})
                    sys.stderr.write(f"{_said(found[-1])}\n")
    return found


def _said(report: Report) -> str:
    figures = ", ".join(
        f"{name} {one['seconds']:.1f} s ({one['cpu']:.1f} s of processor)"
        for name, one in report["figures"].items()
    )
    return f"{report['engine']} {report['contender']}: {figures}"


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dlt-rows", type=int, help="fewer rows for dlt, which takes long; rows/s compare")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--json", action="store_true", help="print the figures of every run, not a table")
    parser.add_argument("--compete", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.compete:
        sys.stdout.write(f"\n{json.dumps(compete(json.load(sys.stdin)))}\n")
        return
    reports = benchmark(
        given.rows, given.runs, given.engine or ENGINES, given.contenders.split(","), dlt_rows=given.dlt_rows
    )
    sys.stdout.write(json.dumps(reports, indent=2) if given.json else table(summarize(reports)))


if __name__ == "__main__":
    main(sys.argv[1:])
