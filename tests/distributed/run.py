"""Backfill with a fleet of workers on this machine, and report what that came to.

Everything is started on loopback and stopped at the end, whatever happens: Airflow with CeleryExecutor,
Redis, PostgreSQL, an S3 API, and a simulated exchange which bans the address in the middle. One worker is
killed. docs/many-workers.md tells how to read the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drive import Drive
from figures import lines, measure
from fleet import Starting
from size import Size

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.demo.console import Console
from airflow_provider_binance_liq.demo.directory import Directory
from airflow_provider_binance_liq.demo.failure import DemoFailed, Interrupted
from airflow_provider_binance_liq.demo.interrupts import Interrupts
from airflow_provider_binance_liq.demo.tail import tail
from airflow_provider_binance_liq.demo.truth import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drive import Outcome
    from figures import Figures
    from fleet import Fleet

    from airflow_provider_binance_liq.demo.days import Days

_ROWS: Final = "SELECT account || '/' || endpoint, raw FROM binance_liquidations"
_WINDOWS: Final = "SELECT account, endpoint, complete FROM binance_liquidation_windows"
#: options of the command, and what they mean
OPTIONS: Final = {
    "days": "days to backfill, up to yesterday",
    "workers": "Celery workers, each as on a machine of its own",
    "concurrency": "tasks that each worker runs at once",
    "runs_at_once": "days that the backfill works on at once",
    "share": "share of the IP address's weight that may be used up",
    "other_traffic": "weight per minute that others on the same IP address spend, in every pool",
    "cascade_every": "days from one cascade to the next",
    "cascade_rows": "rows of a cascade day, per account and endpoint",
    "ban_s": "seconds of the ban in the middle",
    "seed": "seed of the exchange's history",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves to look at, once everything is stopped."""

    outcome: Outcome
    figures: Figures
    #: the first differences between the warehouse and the exchange's history, as text
    differing: tuple[str, ...]


def run(size: Size, directory: Directory, show: Callable[[str], None], interrupts: Interrupts) -> Result:
    """Start a fleet, let it backfill, stop it, and measure.

    :raises DemoFailed: a part of the fleet ended by itself, or the backfill stands still.
    """
    with Starting(size, directory, show, interrupts.held) as fleet:
        try:
            outcome = Drive(fleet, show).run()
            return _measure(fleet, outcome)
        finally:
            interrupts.ignore()
            show("stopping everything")


def _measure(fleet: Fleet, outcome: Outcome) -> Result:
    exchange = _history(fleet, outcome.days)
    warehouse: dict[str, list[str]] = {}
    for of, raw in fleet.warehouse(_ROWS):
        warehouse.setdefault(of, []).append(raw)
    found = differences(exchange, warehouse)
    figures = measure(
        fleet.size,
        outcome,
        log=fleet.simulator.requests,
        desk=fleet.desk.statuses,
        differences=found,
        rows=sum(map(len, exchange.values())),
        windows=[tuple(row) for row in fleet.warehouse(_WINDOWS)],
    )
    return Result(outcome, figures, tuple(map(str, found[:3])))


def _history(fleet: Fleet, days: Days) -> dict[str, list[str]]:
    """Return the text of every row that the exchange has, per account and endpoint."""
    between = {"start_ms": days.start_ms, "end_ms": days.end_ms}
    return {
        f"{account}/{name}": [
            body.decode() for body in fleet.simulator.truth(name, account=account, **between)
        ]
        for account in fleet.size.accounts
        for name in WITH_ORDERS
    }


def timed(say: Callable[[str], None]) -> Callable[[str], None]:
    """Put the seconds since now before each line that is said."""
    begun = time.monotonic()
    return lambda text: say(f"{time.monotonic() - begun:7.1f} s  {text}")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 if nothing is lost and no limit was met."""
    given = vars(_parser().parse_args(words))
    json_to, place = given.pop("json"), given.pop("directory")
    console = Console(sys.stdout)
    show = timed(console.say)
    try:
        with Interrupts() as interrupts, Directory.take(place) as directory:
            show(f"logs and data are in {directory.path}")
            result = run(Size(**given), directory, show, interrupts)
            if directory.temporary and result.figures.is_well:
                directory.remove()
                show("nothing is left of them")
    except Interrupted as interruption:
        return interruption.status
    except DemoFailed as failure:
        console.say("\n".join([f"failed: {failure}", *(tail(failure.log) if failure.log else [])]))
        return 1
    console.say("\n".join(["", *lines(result.figures), "", *result.differing]))
    if json_to:
        json_to.write_text(json.dumps(result.figures.to_dict(), indent=2) + "\n", encoding="utf-8")
    return 0 if result.figures.is_well else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    defaults: dict[str, Any] = {one.name: one.default for one in fields(Size)}
    for name, text in OPTIONS.items():
        default = 90 if name == "days" else defaults[name]
        shown = f"{text} (default: {default})"
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(default), default=default, metavar="N", help=shown
        )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, as JSON")
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="where logs and data are written, and kept"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
