"""Say which days of each account's liquidations are proven, missing or lost, by the manifests of a lake.

It reads every manifest at the destination, and no object. It only reads there, and sends no request to the
exchange. It prints three lines (the result, how much is missing, what will be lost first) and a table with a
line per account and endpoint. With --html, it also writes one file for a browser, with a calendar; the file
loads nothing from anywhere, so it can be sent to an auditor.

Exit status: 0 if nothing will be lost within --warn-days; 1 if something will, if a named account or endpoint
is not there, if there is no manifest, or if one cannot be used; 2 if the destination cannot be read, a file
cannot be written, or an option is wrong. Files are written with status 1, too.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.cli_common import (
    absolute,
    add_destination,
    airflow_on_stderr,
    check_no_credentials,
    duration_ms,
    instant_ms,
    whole_number,
)
from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS, ENDPOINTS
from airflow_provider_binance_liq.core.recoverable import SETTLE_DAYS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import InvalidRequest, LiquidationsError
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.lake.index import read_lake, read_loads
from airflow_provider_binance_liq.lake.verify.coverage import CoverageReport, Expectation
from airflow_provider_binance_liq.lake.verify.findings import redact
from airflow_provider_binance_liq.lake.verify.report import printable
from airflow_provider_binance_liq.ui.document import Shown, document, without_connections
from airflow_provider_binance_liq.ui.page import page
from airflow_provider_binance_liq.ui.tables import day_table, text_table

if TYPE_CHECKING:
    import argparse

_FAILED: Final = 2
_MOST_DAYS: Final = 36_525


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_destination(parser)
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the calendar as one HTML file")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write a table with a line per day")
    parser.add_argument(
        "--account",
        metavar="LABEL",
        action="append",
        dest="accounts",
        help="only this account; it has to be there. May be given several times",
    )
    parser.add_argument(
        "--endpoint",
        metavar="NAME",
        action="append",
        dest="endpoints",
        choices=ENDPOINTS,
        help=f"only this endpoint; it has to be there. May be given several times: {', '.join(ENDPOINTS)}",
    )
    parser.add_argument(
        "--start",
        metavar="INSTANT",
        type=instant_ms,
        dest="start_ms",
        help="where each history begins, such as 2026-10-01; by default with its first window",
    )
    days = whole_number(1, _MOST_DAYS)
    parser.add_argument(
        "--retention-days",
        metavar="DAYS",
        type=days,
        help=f"how many days the exchange keeps; by default as documented, else {ASSUMED_RETENTION_DAYS}",
    )
    parser.add_argument(
        "--warn-days",
        metavar="DAYS",
        type=whole_number(0, _MOST_DAYS),
        default=14,
        help="exit with status 1 if something will be lost within so many days (default: 14)",
    )
    parser.add_argument(
        "--settle",
        metavar="DURATION",
        type=duration_ms,
        default=SETTLE_DAYS * DAY_MS,
        dest="settle_ms",
        help="a day that ended less than this long ago is not missing yet, such as 2d or 36h (default: 2d)",
    )
    parser.add_argument("--now", type=instant_ms, help="the instant to judge by (default: now)")


def run(arguments: argparse.Namespace) -> int:
    """Read, print, write, and return the exit status."""
    try:
        with airflow_on_stderr():
            report, found = _read(arguments)
        for path, content in _files(arguments, found):
            _write(path, content)
    except LiquidationsError as error:
        print(printable(f"binance-liq coverage: {redact(str(error))}"), file=sys.stderr)
        return _FAILED
    lines = [*report.lines(), "", *text_table(found)]
    lines += [f"Cannot be used: {one}" for one in found["unusable"]]
    lines += [f"Written: {path}" for path in (arguments.html, arguments.csv) if path]
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    return 1 if report.endangered or report.absent or report.unusable else 0


def _read(arguments: argparse.Namespace) -> tuple[CoverageReport, dict[str, Any]]:
    check_no_credentials(arguments.destination)
    now_ms = int(time.time() * 1000) if arguments.now is None else arguments.now
    expected = Expectation(
        now_ms=now_ms,
        settle_ms=arguments.settle_ms,
        start_ms=arguments.start_ms,
        retention_days=arguments.retention_days,
        accounts=tuple(arguments.accounts or ()),
        endpoints=tuple(arguments.endpoints or ()),
    )
    if arguments.start_ms is not None and arguments.start_ms > now_ms:
        message = f"--start is {iso(arguments.start_ms)}, and now it is {iso(now_ms)}: nothing is expected"
        raise InvalidRequest(message)
    destination = open_destination(absolute(arguments.destination))
    holdings, snapshot = read_lake(destination, now_ms)
    report = CoverageReport.of(holdings, expected, arguments.warn_days)
    shown = Shown(
        without_connections(str(destination)),
        now_ms,
        arguments.warn_days,
        loads=read_loads(destination),
    )
    return report, document(snapshot.entries.values(), expected, shown)


def _files(arguments: argparse.Namespace, found: dict[str, Any]) -> list[tuple[Path, str]]:
    files = []
    if arguments.html:
        files.append((arguments.html, page(found)))
    if arguments.csv:
        files.append((arguments.csv, day_table(found)))
    return files


def _write(path: Path, content: str) -> None:
    """Write a file in one step: it is there whole, or as it was before.

    :raises InvalidRequest: it cannot be written.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        # It would be replaced, for everybody on this machine where it is a device.
        raise InvalidRequest(f"{path} cannot be written: it is a device or a pipe; name a file")
    hidden = None
    try:
        number, hidden = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        # As readable as any other new file: a temporary one is its owner's alone.
        mask = os.umask(0)
        os.umask(mask)
        Path(hidden).chmod(0o666 & ~mask)
        Path(hidden).replace(path)
    except OSError as error:
        if hidden:
            Path(hidden).unlink(missing_ok=True)
        message = f"{path} cannot be written: {error.strerror}; name a file in a directory that is there"
        raise InvalidRequest(message) from error
