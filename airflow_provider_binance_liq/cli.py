"""`binance-liq`: one command for what is done outside of Airflow.

Each command lives in the module that the table names, and is imported only when it is run: Airflow
alone takes seconds to import, and `binance-liq --help` should not. A command module offers a docstring
(its help), `configure(parser)` and `run(arguments) -> exit status`.

What may end any of them is handled here, without a traceback: Ctrl-C, a reader of the output that is gone,
and an output that cannot be written.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE: Final = "airflow_provider_binance_liq"
#: as shells state a process that Ctrl-C ended
_INTERRUPTED: Final = 130
_CUT_SHORT: Final = 1
_NOT_DONE: Final = 2
#: command → (module that offers it, what it does)
COMMANDS: Final = {
    "coverage": (
        f"{_PACKAGE}.ui.command",
        "say which days are proven, missing or lost; or write that as an HTML page or a table",
    ),
    "demo": (
        f"{_PACKAGE}.demo.command",
        "run the whole pipeline on this machine: simulated exchange, Airflow, backfill, warehouse",
    ),
    "example": (f"{_PACKAGE}.example", "copy the example DAG into a directory, for you to edit"),
    "export": (
        f"{_PACKAGE}.warehouse.export",
        "write the rows at a destination as Parquet, typed as in a warehouse",
    ),
    "plan": (
        f"{_PACKAGE}.plan.command",
        "estimate what extracting a range of time costs: requests, weight and minutes",
    ),
    "probe": (
        f"{_PACKAGE}.probe.command",
        "find out, with your own key, how the exchange behaves where it documents nothing",
    ),
    "simulator": (f"{_PACKAGE}.simulator.command", "run a local exchange to test against"),
    "verify": (
        f"{_PACKAGE}.lake.verify.command",
        "check the objects at a destination against their manifests",
    ),
}


class _Paragraphs(argparse.HelpFormatter):
    """Fits each paragraph of a description to the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = super()._fill_text
        return "\n\n".join(filled(paragraph, width, indent) for paragraph in text.split("\n\n"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="binance-liq",
        description="Tools for extracting the liquidations of a Binance account. Airflow runs the extraction "
        "itself; these commands estimate, check and try it out.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen, rest = _parser().parse_known_args(words[:1]), words[1:]
    name = f"binance-liq {chosen[0].command}"
    try:
        return _run(chosen[0].command, name, rest)
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: interrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader is gone before the end of the output, so this is no success.
        _discard_output()
        return _CUT_SHORT
    except OSError as error:
        _discard_output()
        sys.stderr.write(f"{name}: {error}\n")
        return _NOT_DONE


def _run(command: str, name: str, words: Sequence[str]) -> int:
    module = import_module(COMMANDS[command][0])
    parser = argparse.ArgumentParser(prog=name, description=module.__doc__, formatter_class=_Paragraphs)
    module.configure(parser)
    status: int = module.run(parser.parse_args(words))
    # Here and not as Python ends, where an error would only change the exit status.
    sys.stdout.flush()
    return status


def _discard_output() -> None:
    """Let what cannot be written go nowhere: Python writes it as it ends, and would fail there."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()  # of an error that is not the output's, all that was said before
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
