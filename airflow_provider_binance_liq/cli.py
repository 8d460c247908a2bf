"""`binance-liq`: one command for what is done outside of Airflow.

Each command lives in the module that the table names, and is imported only when it is asked for: Airflow
alone takes seconds to import, and `binance-liq --help` should not. A command module offers a docstring
(its help), `configure(parser)` and `run(arguments) -> exit status`.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE: Final = "airflow_provider_binance_liq"
#: command → (module that offers it, what it does)
COMMANDS: Final = {
    "demo": (
        f"{_PACKAGE}.demo.command",
        "see the whole path at work: simulator, Airflow, backfill, warehouse",
    ),
    "plan": (f"{_PACKAGE}.plan", "tell what a range of time costs: requests, weight and minutes"),
    "probe": (f"{_PACKAGE}.probe.command", "ask the exchange what its documentation leaves open"),
    "simulator": (f"{_PACKAGE}.simulator.command", "run the strict local exchange"),
    "verify": (
        f"{_PACKAGE}.lake.verify.command",
        "check the objects at a destination against their manifests",
    ),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="binance-liq", description="Binance account liquidations.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen, rest = _parser().parse_known_args(words[:1]), words[1:]
    module = import_module(COMMANDS[chosen[0].command][0])
    parser = argparse.ArgumentParser(prog=f"binance-liq {chosen[0].command}", description=module.__doc__)
    module.configure(parser)
    status: int = module.run(parser.parse_args(rest))
    return status


if __name__ == "__main__":
    sys.exit(main())
