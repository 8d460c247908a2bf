"""What the commands share: reading destinations, instants and numbers, and a clean standard output."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from airflow_provider_binance_liq.core.windows import epoch_ms, read_iso
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidRequest

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterator

_LOG_LEVEL: Final = "AIRFLOW__LOGGING__LOGGING_LEVEL"
_DURATION: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_UNITS_MS: Final = (DAY_MS, HOUR_MS, MINUTE_MS, 1000)
#: greedy, unlike what is taken out of messages: a password may hold blanks and slashes
_CREDENTIALS: Final = re.compile(r"(://[^/:@]*):.*@", re.DOTALL)


def instant_ms(text: str) -> int:
    """Read an ISO 8601 day or instant, in UTC where it names no zone, as epoch milliseconds.

    :raises ArgumentTypeError: it is none, or lies before 1970; the command then ends with status 2.
    """
    with contextlib.suppress(InvalidInterval):
        if (found_ms := epoch_ms(read_iso(text))) >= 0:
            return found_ms
    message = (
        f"{text!r} is not an ISO 8601 day or instant since 1970, such as 2026-10-10 or 2026-10-10T00:00:00Z"
    )
    raise ArgumentTypeError(message)


def duration_ms(text: str) -> int:
    """Read a length of time: days, hours, minutes and seconds, each at most once, in that order.

    :raises ArgumentTypeError: it is none; the command then ends with status 2.
    """
    match = _DURATION.fullmatch(text)
    if not match or not text:
        message = f"{text!r} is not a length of time, such as 2d, 36h or 1d12h"
        raise ArgumentTypeError(message)
    return sum(int(number or 0) * unit for number, unit in zip(match.groups(), _UNITS_MS, strict=True))


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`, for an option's `type`."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            message = f"{text!r} is not a whole number from {least} to {most}"
            raise ArgumentTypeError(message)
        return int(text)

    return read


def add_destination(parser: ArgumentParser) -> None:
    """Declare the argument of commands that read what the extracting tasks wrote."""
    parser.add_argument(
        "destination",
        metavar="DESTINATION",
        help="the destination of the extracting tasks: a URL such as file:///lake or "
        "s3://aws_default@bucket/prefix, or a local path",
    )


def absolute(destination: str) -> str:
    """Make a relative local path absolute; a URL stays."""
    given = destination.strip()
    return given if not given or "://" in given else str(Path(given).absolute())


def check_no_credentials(destination: str) -> None:
    """Check that a destination holds no password.

    :raises InvalidRequest: it does; the message does not repeat it.
    """
    if _CREDENTIALS.search(destination):
        message = "the destination holds a password; give the name of an Airflow connection before the @"
        raise InvalidRequest(message)


def hide_credentials(destination: str) -> str:
    """Return a destination without a password."""
    return _CREDENTIALS.sub(r"\1:***@", destination)


@contextlib.contextmanager
def airflow_on_stderr() -> Iterator[None]:
    """Keep what Airflow prints about its configuration out of standard output, where a command's result is.

    How much Airflow logs is decided when it is first imported, by its environment.
    """
    unset = _LOG_LEVEL not in os.environ
    if unset:
        os.environ[_LOG_LEVEL] = "ERROR"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if unset:
            del os.environ[_LOG_LEVEL]
