"""Run a strict local exchange on 127.0.0.1: every endpoint for liquidations, a seeded history, and faults.

It prints its seed, which gives the same history and keys again, and for each account an Airflow connection to
paste into a shell. Ctrl-C stops it.
"""

from __future__ import annotations

import argparse
import errno
import inspect
import json
import re
import shlex
import signal
import sys
import threading
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.simulator import settings as settings_module
from airflow_provider_binance_liq.simulator.fault_kinds import FAULTS
from airflow_provider_binance_liq.simulator.faults import PUBLIC_NAMES, Fault
from airflow_provider_binance_liq.simulator.settings import CHOICES, Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_PORT: Final = 8790
_PORTS: Final = "0 to 65535"
_FAULT: Final = re.compile(
    r"(?P<name>\w+)(@(?P<endpoint>\w+))?(:(?P<nth>\d+))?(,(?P<more>\w+=[^,]*(,\w+=[^,]*)*))?"
)
_FAULT_USAGE: Final = "NAME[@ENDPOINT][:NTH][,FIELD=VALUE…]"
_DOCUMENTED: Final = re.compile(r"^    #: (?P<text>.+)\n    (?P<name>\w+):", re.MULTILINE)
#: fields whose option is written once per value: field → (option, shape of its value)
_REPEATED: Final = {
    "accounts": ("--account", "NAME"),
    "delisted_symbols": ("--delisted-symbol", "SYMBOL"),
    "weight_limits": ("--weight-limit", "POOL=WEIGHT"),
}
_CASCADES_SHOWN_DAYS: Final = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Offer one option for each field of `Settings`, and those of the command itself."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    # Written out, the options would hide what is wrong with one of them.
    parser.usage = "%(prog)s [options]"
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"port to listen on; 0: any free port ({DEFAULT_PORT})"
    )
    parser.add_argument(
        "--fault", metavar=_FAULT_USAGE, action="append", default=[], type=parse_fault,
        help="inject a fault; may be given several times; see --list-faults",
    )  # fmt: skip
    parser.add_argument("--list-faults", action="store_true", help="print the list of faults and exit")
    parser.add_argument(
        "--public-key", metavar="ACCOUNT=API_KEY=FILE", action="append", default=[], type=_public_key,
        help="register the RSA or Ed25519 public key in a PEM file; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--truth", nargs=3, metavar=("ENDPOINT", "START", "END"),
        help="print the rows of [START, END), two ISO dates or instants, one row per line, and exit",
    )  # fmt: skip
    knobs = parser.add_argument_group("how the exchange behaves")
    helps = _documentation()
    for name, kind in get_type_hints(Settings).items():
        _add_option(knobs, name, kind, helps.get(name, ""))


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; return 0 then, and 2 where something given is wrong."""
    if arguments.list_faults:
        _say(*list_faults())
        return 0
    try:
        simulator = _simulator(arguments)
        if arguments.truth:
            return _print_truth(simulator, *arguments.truth)
        simulator.start()
    except (ValueError, OSError, OverflowError) as error:
        return _fail(_explain(error, arguments.port))
    return _serve(simulator)


def list_faults() -> list[str]:
    """Return the lines that document the faults."""
    width = max(map(len, FAULTS))
    lines = [f"  {kind.name:<{width}}  {kind.description}" for kind in FAULTS.values()]
    lasting = ", ".join(field.name for field in fields(Fault)[3:])
    return [
        f"--fault {_FAULT_USAGE}",
        *lines,
        f"ENDPOINT is one of {', '.join((*ENDPOINTS, *PUBLIC_NAMES))}; without it, any endpoint.",
        f"NTH counts the matching requests from 1. FIELD is one of {lasting}; times=all never ends.",
    ]


def parse_fault(text: str) -> Fault:
    """Read `NAME[@ENDPOINT][:NTH][,FIELD=VALUE…]`."""
    match = _FAULT.fullmatch(text)
    if match is None:
        message = f"{text!r} is not {_FAULT_USAGE}"
        raise argparse.ArgumentTypeError(message)
    more = dict(pair.split("=", 1) for pair in (match["more"] or "").split(",") if pair)
    try:
        fault = Fault(match["name"], match["endpoint"], int(match["nth"] or 1))
        given: dict[str, Any] = {name: _fault_value(name, value) for name, value in more.items()}
        return replace(fault, **given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def connection_uris(simulator: Simulator) -> dict[str, str]:
    """Return, for each account, Airflow's environment variable and the connection as JSON."""
    lines = {}
    for position, account in enumerate(simulator.accounts):
        key = simulator.credentials(account)
        connection = {
            "conn_type": "binance",
            "login": key.api_key,
            "password": key.secret,
            "extra": {"base_url": simulator.url, "account": account},
        }
        name = "default" if position == 0 else re.sub(r"\W", "_", account)
        lines[f"AIRFLOW_CONN_BINANCE_{name.upper()}"] = json.dumps(connection, ensure_ascii=False)
    return lines


def _documentation() -> dict[str, str]:
    """Read what the `#:` comments of `Settings` say, so that they are written once."""
    try:
        source = inspect.getsource(settings_module)
    except OSError:
        return {}
    return {match["name"]: match["text"] for match in _DOCUMENTED.finditer(source)}


def _add_option(group: argparse._ArgumentGroup, name: str, kind: object, help_text: str) -> None:
    option = f"--{name.replace('_', '-')}"
    help_text = help_text.replace("%", "%%")
    if name in _REPEATED:
        option, shape = _REPEATED[name]
        convert = _pool_weight if name == "weight_limits" else str
        group.add_argument(
            option, dest=name, metavar=shape, action="append", type=convert,
            help=f"{help_text}; may be given several times",
        )  # fmt: skip
    elif name in CHOICES:
        group.add_argument(option, choices=CHOICES[name], help=f"{help_text}{_default(name)}")
    elif bool in _members(kind):
        group.add_argument(option, action=argparse.BooleanOptionalAction, help=f"{help_text}{_default(name)}")
    else:
        number: Callable[[str], Any] = float if float in _members(kind) else int
        group.add_argument(option, type=number, metavar="N", help=f"{help_text}{_default(name)}")


def _members(kind: object) -> tuple[object, ...]:
    return getattr(kind, "__args__", (kind,))


def _default(name: str) -> str:
    """Return the default in brackets, unless the help already says what happens without the option."""
    field = next(field for field in fields(Settings) if field.name == name)
    return "" if field.default is MISSING or field.default is None else f" ({field.default})"


def _pool_weight(text: str) -> tuple[str, int]:
    pool, equals, weight = text.partition("=")
    if not equals or not weight.isdecimal():
        message = f"{text!r} is not POOL=WEIGHT, such as futures=2400"
        raise argparse.ArgumentTypeError(message)
    return pool, int(weight)


def _public_key(text: str) -> tuple[str, str, Path]:
    account, _, rest = text.partition("=")
    api_key, _, path = rest.partition("=")
    if not (account and api_key and path):
        message = f"{text!r} is not ACCOUNT=API_KEY=FILE"
        raise argparse.ArgumentTypeError(message)
    return account, api_key, Path(path)


def _fault_value(name: str, value: str) -> object:
    """Read a field of a fault by the type that it is declared with."""
    kinds = get_type_hints(Fault)
    if name not in kinds:
        message = f"a fault has no field {name!r}; it has {', '.join(kinds)}"
        raise ValueError(message)
    if name == "times" and value == "all":
        return None
    members = _members(kinds[name])
    if bool in members:
        return value.lower() in {"1", "true", "yes"}
    for kind in (int, float):
        if kind in members:
            return kind(value)
    return value


def _simulator(arguments: argparse.Namespace) -> Simulator:
    given: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value, list) else value
        for field in fields(Settings)
        if (value := getattr(arguments, field.name)) is not None
    }
    simulator = Simulator(Settings(**given), port=arguments.port)
    for account, api_key, path in arguments.public_key:
        simulator.register_key(account, api_key, path.read_bytes())
    for fault in arguments.fault:
        simulator.add_fault(fault)
    return simulator


def _print_truth(simulator: Simulator, endpoint: str, start: str, end: str) -> int:
    if endpoint not in ENDPOINTS:
        return _fail(unknown("endpoint", endpoint, ENDPOINTS))
    start_ms, end_ms = _instant_ms(start), _instant_ms(end)
    if start_ms >= end_ms:
        return _fail(f"start {start} is not before end {end}")
    for row in simulator.truth(endpoint, start_ms=start_ms, end_ms=end_ms):
        sys.stdout.buffer.write(row + b"\n")
    sys.stdout.flush()
    return 0


def _instant_ms(text: str) -> int:
    instant = datetime.fromisoformat(text)
    return round((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)


def _serve(simulator: Simulator) -> int:
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        _say(*_greeting(simulator))
        while not ended.wait(1):
            pass
    finally:
        simulator.stop()
        _restore(before)
    stats = simulator.stats
    _say(f"ended after {stats.requests} requests of {stats.weight} weight; statuses {dict(stats.statuses)}")
    return 0


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _greeting(simulator: Simulator) -> list[str]:
    now_ms, seed = simulator.now_ms, simulator.settings.seed
    reach_ms = _CASCADES_SHOWN_DAYS * DAY_MS
    days = ", ".join(map(str, simulator.cascade_days(now_ms - reach_ms, now_ms))) or "none"
    keys = [
        f"account {account}: API key {key.api_key}, secret {key.secret}"
        for account in simulator.accounts
        for key in (simulator.credentials(account),)
    ]
    exports = [f"export {name}={shlex.quote(text)}" for name, text in connection_uris(simulator).items()]
    return [
        f"simulator at {simulator.url}, seed {seed} (--seed {seed} gives the same history)",
        *keys,
        f"cascades of the last {_CASCADES_SHOWN_DAYS} days: {days}",
        *exports,
        "Press Ctrl-C to stop.",
    ]


def _explain(error: Exception, port: int) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another with --port, or --port 0 for any free one"
    if isinstance(error, OverflowError):
        return f"--port {port}: a port is {_PORTS}"
    return str(error)


def _fail(message: str) -> int:
    sys.stderr.write(f"binance-liq simulator: {message}\n")
    return 2


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
