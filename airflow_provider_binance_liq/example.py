"""Copy the example DAG into a directory, for you to edit.

It loads each account's liquidations of the day before into DuckDB. A file that is there is never replaced.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

_PACKAGE: Final = "airflow_provider_binance_liq.example_dags"
_NAME: Final = "example_binance_liquidations.py"


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the directory."""
    parser.add_argument("directory", type=Path, metavar="DIRECTORY", help="such as Airflow's DAGs folder")


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when it is copied, and 2 where it cannot be."""
    target: Path = arguments.directory / _NAME
    text = resources.files(_PACKAGE).joinpath(_NAME).read_text(encoding="utf-8")
    try:
        arguments.directory.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return _fail(f"{target} is there already: move it away, or choose another directory")
    except OSError as error:
        return _fail(f"{target} cannot be written: {error.strerror}")
    sys.stdout.write(f"Copied {target}. Edit ACCOUNTS, LAKE and WAREHOUSE in it.\n")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"binance-liq example: {message}\n")
    return 2
