"""Ask the exchange, with a connection's own key, what its documentation leaves open.

It reads and never writes, and says first what weight it may spend on this IP address. What the account's own
rows cannot show is said to be untold. Exit status: 0; 1 where it had to end early, or nothing could be asked;
2 where an option or the connection is wrong, or nobody agreed to the weight; 130 where it was interrupted,
which keeps what was learnt until then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.cli_common import airflow_on_stderr, instant_ms, whole_number
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.probe_report import write_report
from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.probe.account import Scope, probe_account
from airflow_provider_binance_liq.probe.explanations import INTERRUPTED
from airflow_provider_binance_liq.probe.shortfalls import shortfalls, unwritable
from airflow_provider_binance_liq.probe.table import lines

if TYPE_CHECKING:
    from airflow_provider_binance_liq.exchange.connection import Account

_WRONG: Final = 2
_INTERRUPTED: Final = 130
_MOST_DAYS: Final = 365
_MOST_WEIGHT: Final = 1_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--conn-id", default="binance_default", metavar="ID",
        help="the Airflow connection whose account is asked (default: binance_default)",
    )  # fmt: skip
    parser.add_argument(
        "--endpoint", action="append", choices=tuple(ENDPOINTS), metavar="NAME",
        help=f"{', '.join(ENDPOINTS)}; may be given several times (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--days",
        type=whole_number(1, _MOST_DAYS),
        default=90,
        metavar="N",
        help="how far to look back for rows (default: 90)",
    )
    parser.add_argument(
        "--near", type=instant_ms, metavar="INSTANT",
        help="ISO 8601 instant at which the account is known to have been liquidated: looked at first",
    )  # fmt: skip
    parser.add_argument(
        "--max-weight", type=whole_number(1, _MOST_WEIGHT), metavar="N",
        help="spend no more weight than that, without asking first; questions for which the weight does not "
        "suffice get the answer 'cannot be told'",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="agree to the weight that is stated")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a JSON report, without secrets")


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
    endpoints = tuple(map(get_endpoint, dict.fromkeys(arguments.endpoint or ENDPOINTS)))
    scope = Scope(endpoints, arguments.days, arguments.near, arguments.max_weight)
    if arguments.report is not None and (reason := unwritable(arguments.report)):
        _complain(f"--report {str(arguments.report)!r} cannot be written: {reason}; nothing was asked")
        return _WRONG
    _state(account, scope)
    if not (arguments.yes or arguments.max_weight is not None or _agreed()):
        _complain("nothing was asked: agree with --yes, or set --max-weight")
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
        from airflow_provider_binance_liq.compat import AirflowNotFoundException
        from airflow_provider_binance_liq.hooks.binance import BinanceHook

        try:
            return BinanceHook(conn_id).account()
        except LiquidationsError:
            raise
        except AirflowNotFoundException:
            _complain(
                f"there is no connection {conn_id!r}; create it with `airflow connections add`, "
                "or see --conn-id"
            )
            return None
        except Exception as error:  # noqa: BLE001  # Airflow's secrets backends raise whatever they like
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
