"""Check every object at a destination against its manifest, and the windows against each other.

It only reads. It prints each problem: objects that were changed, manifests that are missing or wrong, gaps
between windows, windows that are not proven complete.

Exit status: 0 if there is no problem; 1 if there is; 2 if the destination cannot be read or an option is
wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Final, TextIO

from airflow_provider_binance_liq.cli_common import (
    absolute,
    add_destination,
    airflow_on_stderr,
    check_no_credentials,
    duration_ms,
    hide_credentials,
    instant_ms,
)
from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.lake.verify.findings import ALLOWABLE, redact
from airflow_provider_binance_liq.lake.verify.lake import verify
from airflow_provider_binance_liq.lake.verify.report import failed, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_binance_liq.lake.verify.report import Report

_UNREADABLE: Final = 2
#: a shorter run shows no progress
_SILENT_S: Final = 2.0
#: without a terminal, progress is a line every few seconds
_LINE_EVERY_S: Final = 10.0
_MOVE_EVERY_S: Final = 0.1
_CLEAR_LINE: Final = "\r\x1b[K"
_OPTIONS: Final = {
    "gap": ("--allow-gaps", "report gaps between windows as notes, not as problems"),
    "moved": (
        "--allow-moved",
        "accept a destination that was copied or moved, so its manifests have the old place",
    ),
    "unproven": (
        "--allow-unproven",
        "report windows that are not proven complete as notes, not as problems",
    ),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_destination(parser)
    for kind in ALLOWABLE:
        option, text = _OPTIONS[kind]
        parser.add_argument(option, dest="allowed", action="append_const", const=kind, help=text)
    parser.add_argument(
        "--max-age",
        metavar="DURATION",
        type=duration_ms,
        dest="max_age_ms",
        help="report a problem if the newest complete window of an endpoint, account and filter ended longer "
        "ago than this, such as 2d, 36h or 1d12h",
    )
    parser.add_argument("--now", type=instant_ms, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    parser.add_argument("--quiet", action="store_true", help="print problems only, no progress and no notes")
    parser.set_defaults(allowed=[])


def run(arguments: argparse.Namespace) -> int:
    """Verify, print and return the exit status."""
    out = sys.stdout
    # A symbol may be Chinese, which not every terminal can show.
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="backslashreplace")
    return _run(arguments, out)


def _run(arguments: argparse.Namespace, out: TextIO) -> int:
    try:
        with airflow_on_stderr():
            report = _verify(arguments)
    except LiquidationsError as error:
        return _fail(arguments, out, error)
    allowed = frozenset(arguments.allowed)
    if arguments.json:
        _print_json(out, report.to_dict(allowed))
    else:
        _print(out, report.lines(allowed, brief=arguments.quiet))
    return report.status(allowed)


def _verify(arguments: argparse.Namespace) -> Report:
    given = arguments.destination
    # Before anything else: Airflow logs the names of missing connections.
    check_no_credentials(given)
    destination = open_destination(absolute(given))
    progress = Progress(sys.stderr, quiet=arguments.quiet)
    now_ms = int(time.time() * 1000) if arguments.now is None else arguments.now
    try:
        return verify(destination, progress, now_ms=now_ms, max_age_ms=arguments.max_age_ms)
    finally:
        progress.end()


def _fail(arguments: argparse.Namespace, out: TextIO, error: LiquidationsError) -> int:
    message = redact(str(error))
    if arguments.json:
        _print_json(out, failed(hide_credentials(arguments.destination), message))
    sys.stderr.write(printable(f"binance-liq verify: {message}") + "\n")
    return _UNREADABLE


def _print(out: TextIO, lines: Iterable[str]) -> None:
    out.write("".join(f"{printable(line)}\n" for line in lines))
    out.flush()


def _print_json(out: TextIO, document: dict[str, Any]) -> None:
    out.write(json.dumps(document, indent=2) + "\n")
    out.flush()


class Progress:
    """Shows progress: one line that changes on a terminal, else a line every few seconds."""

    def __init__(
        self, stream: TextIO, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._quiet = quiet
        self._clock = clock
        self._terminal = stream.isatty()
        self._next = clock() + _SILENT_S
        self._moving = False

    def __call__(self, text: str) -> None:
        """Show a text, unless another was shown just now."""
        now = self._clock()
        if self._quiet or now < self._next:
            return
        self._next = now + (_MOVE_EVERY_S if self._terminal else _LINE_EVERY_S)
        text = printable(redact(text))
        if self._terminal:
            self._write(f"{_CLEAR_LINE}{text[: shutil.get_terminal_size().columns - 1]}")
            self._moving = True
        else:
            self._write(f"{text}\n")

    def end(self) -> None:
        """Clear the line."""
        if self._moving:
            self._write(_CLEAR_LINE)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._quiet = True
