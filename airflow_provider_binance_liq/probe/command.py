"""Find out how the exchange behaves where its documentation says nothing, with the key of a connection.

A proof of completeness rests on premises, such as that a row exactly at endTime is returned. The probe
requests rows of the account in ways that show which premises hold. It only reads. Before it starts, it prints
the most request weight that it may use on this IP address, and asks for your consent. What the account's rows
do not show stays undecided.

Exit status: 0 when done; 1 if it had to end early or no endpoint could be reached; 2 if an option or the
connection is wrong, or you did not consent; 130 if it was interrupted: what was found until then is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.cli_common import airflow_on_stderr, instant_ms, whole_number
from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS, WITH_ORDERS, get_endpoint
from airflow_provider_binance_liq.core.probe_report import write_report
from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.probe.account import Scope, probe_account
from airflow_provider_binance_liq.probe.explanations import INTERRUPTED
from airflow_provider_binance_liq.probe.shortfalls import shortfalls, unwritable
from airflow_provider_binance_liq.probe.table import lines

if TYPE_CHECKING:
    import argparse

    from airflow_provider_binance_liq.exchange.connection import Account

_WRONG: Final = 2
_INTERRUPTED: Final = 130
_MOST_DAYS: Final = 365
_MOST_WEIGHT: Final = 1_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--conn-id", default="binance_default", metavar="ID",
        help="the Airflow connection with the key of the account (default: binance_default)",
    )  # fmt: skip
    parser.add_argument(
        "--endpoint", action="append", choices=WITH_ORDERS, metavar="NAME",
        help=f"{', '.join(WITH_ORDERS)}; may be given several times (default: all of these)",
    )  # fmt: skip
    parser.add_argument(
        "--days",
        type=whole_number(1, _MOST_DAYS),
        default=ASSUMED_RETENTION_DAYS,
        metavar="N",
        help=f"how many days back to search for rows (default: {ASSUMED_RETENTION_DAYS})",
    )
    parser.add_argument(
        "--near", type=instant_ms, metavar="INSTANT",
        help="an ISO 8601 instant at which you know that the account was liquidated: rows around it are read "
        "first",
    )  # fmt: skip
    parser.add_argument(
        "--max-weight", type=whole_number(1, _MOST_WEIGHT), metavar="N",
        help="use at most this weight, and start without asking for consent; questions for which it does not "
        "suffice stay undecided",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="start without asking for consent")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write a JSON report (without secrets), for the operator's parameter probe_report",
    )


def run(arguments: argparse.Namespace) -> int:
    """State the weight, probe, print and write the report; return the exit status."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except (LiquidationsError, OSError) as error:
        _complain(str(error))
        return _WRONG


def _run(arguments: argparse.Namespace) -> int:
    account = _account(arguments.conn_id)
    if account is None:
        return _WRONG
    endpoints = tuple(map(get_endpoint, dict.fromkeys(arguments.endpoint or WITH_ORDERS)))
    scope = Scope(endpoints, arguments.days, arguments.near, arguments.max_weight)
    if arguments.report is not None and (reason := unwritable(arguments.report)):
        _complain(f"--report {str(arguments.report)!r} cannot be written: {reason}; no request was sent")
        return _WRONG
    _state(account, scope)
    if not (arguments.yes or arguments.max_weight is not None or _agreed()):
        _complain("no request was sent: agree with --yes, or set --max-weight")
        return _WRONG
    report, stopped = probe_account(account, scope, notify=_note)
    for line in lines(report):
        sys.stdout.write(f"{line}\n")
    if arguments.report is not None:
        arguments.report.write_text(write_report(report), encoding="utf-8")
    for reason in shortfalls(report, stopped, scope.weight):
        _complain(f"ended early: {reason}")
    if stopped == INTERRUPTED:
        return _INTERRUPTED
    reached = any(one.access not in ("unavailable", "no_host") for one in report.endpoints.values())
    return 0 if reached and stopped is None else 1


def _account(conn_id: str) -> Account | None:
    with airflow_on_stderr():
        from airflow_provider_binance_liq.hooks.binance import BinanceHook

        try:
            return BinanceHook(conn_id).account()
        except LiquidationsError:
            raise
        # Airflow's secrets backends raise any error, and its text may have addresses and tokens.
        except Exception as error:  # noqa: BLE001
            _complain(f"connection {conn_id!r} cannot be read ({type(error).__name__})")
            return None


def _state(account: Account, scope: Scope) -> None:
    hosts = ", ".join(sorted(set(scope.hosts(account).values())))
    names = ", ".join(endpoint.name for endpoint in scope.endpoints)
    _note(f"account {account.label} on {hosts}: {names}")
    _note(f"read-only, at a weight of at most {scope.weight:,} in all")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _complain(text: str) -> None:
    _note(f"binance-liq probe: {text}")
