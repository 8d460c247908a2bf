"""Estimate the least that extracting a range of time costs: windows, requests, weight and minutes.

It needs no key and no network: it counts by the documented costs. Exit status: 0; 2 if an option is wrong.
"""

from __future__ import annotations

import json
import re
import sys
import time
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.cli_common import instant_ms
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS, get_endpoint
from airflow_provider_binance_liq.core.estimates import LEAST_SHARE, MOST_SHARE, WindowSeries
from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from airflow_provider_binance_liq.core.weights import DEFAULT_WEIGHT_SHARE
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidRequest, LiquidationsError
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.plan.cost import CostEstimate
from airflow_provider_binance_liq.plan.report import SCHEMA_VERSION, document, lines

if TYPE_CHECKING:
    import argparse

_WRONG: Final = 2
_EVERY: Final = re.compile(r"([0-9]{1,9})([mhdw])")
_UNITS_MS: Final = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_WITHOUT_ORDERS: Final = " and ".join(name for name in ENDPOINTS if name not in WITH_ORDERS)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--endpoint", action="append", metavar="NAME",
        help=f"{', '.join(ENDPOINTS)}; may be given several times "
        f"(default: those that return orders: all but {_WITHOUT_ORDERS})",
    )  # fmt: skip
    parser.add_argument(
        "--accounts", type=int, default=1, metavar="N",
        help="number of accounts that share one IP address (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--symbol", action="append", metavar="SYMBOL",
        help="only this symbol; may be given several times (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--start", required=True, metavar="INSTANT",
        help="start of the range: an ISO 8601 day or instant, in UTC unless it has a time zone",
    )  # fmt: skip
    parser.add_argument("--end", required=True, metavar="INSTANT", help="end of the range, not included")
    parser.add_argument(
        "--every", default="1d", metavar="LENGTH", help="length of a window: 30m, 6h, 1d or 1w (default: 1d)"
    )
    parser.add_argument(
        "--share", type=float, default=DEFAULT_WEIGHT_SHARE, metavar="SHARE",
        help="the connections' weight_share: which share of the IP address's weight limit may be used, from "
        f"{LEAST_SHARE} to {MOST_SHARE} (default: {DEFAULT_WEIGHT_SHARE})",
    )  # fmt: skip
    parser.add_argument(
        "--rows-per-window", type=int, default=0, metavar="N",
        help="expected rows in each window, or of each symbol that is requested separately (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--now",
        metavar="INSTANT",
        help="count the exchange's retention back from this instant (default: now)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Estimate, print and return the exit status."""
    try:
        estimate = _estimate(arguments)
    except LiquidationsError as error:
        if arguments.json:
            _print_json({"schema_version": SCHEMA_VERSION, "status": _WRONG, "error": str(error)})
        sys.stderr.write(f"binance-liq plan: {error}\n")
        return _WRONG
    if arguments.json:
        _print_json(document(estimate))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(estimate)))
    return 0


def _estimate(arguments: argparse.Namespace) -> CostEstimate:
    """Check what a user asks for, and estimate it.

    :raises LiquidationsError: an option is wrong; the message says which.
    """
    series = WindowSeries(_range(arguments.start, arguments.end), _length_ms(arguments.every))
    now_ms = _instant_ms("--now", arguments.now) if arguments.now is not None else int(time.time() * 1000)
    endpoints = [get_endpoint(name) for name in dict.fromkeys(arguments.endpoint or WITH_ORDERS)]
    return CostEstimate.of(
        series,
        [(one, Filters.of(one, arguments.symbol, None), arguments.accounts) for one in endpoints],
        every=arguments.every,
        now_ms=now_ms,
        accounts=arguments.accounts,
        share=arguments.share,
        rows_per_window=arguments.rows_per_window,
    )


def _range(start: str, end: str) -> Window:
    start_ms, end_ms = _instant_ms("--start", start), _instant_ms("--end", end)
    if start_ms >= end_ms:
        message = f"start {iso(start_ms)} is not before end {iso(end_ms)}"
        raise InvalidInterval(message)
    return Window(start_ms, end_ms)


def _instant_ms(option: str, text: str) -> int:
    # Not read by `argparse`: with --json, this error is a document as well.
    try:
        return instant_ms(text)
    except ArgumentTypeError as error:
        message = f"{option}: {error}"
        raise InvalidInterval(message) from None


def _length_ms(text: str) -> int:
    match = _EVERY.fullmatch(text)
    if match is None or not int(match[1]):
        message = f"every is {text!r}; it takes the length of a window: 30m, 6h, 1d or 1w, for instance"
        raise InvalidRequest(message)
    return int(match[1]) * _UNITS_MS[match[2]]


def _print_json(members: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(members, indent=2) + "\n")
