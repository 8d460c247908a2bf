"""What users give to say what is expected of a lake: read, checked, and refused with what it takes."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.exceptions import InvalidRequest, LiquidationsError

#: a century: a larger number is a mistake
_MOST_DAYS: Final = 36_525


def is_given(value: object) -> bool:
    """Whether a parameter was given; a template that renders to nothing counts as not given."""
    return value is not None and value not in ("", "None")


def read_warn_days(given: object) -> float:
    """Read how many days before a loss is to be warned of.

    :raises InvalidRequest: it is not what it has to be.
    """
    try:
        days = float(str(given))
    except ValueError:
        days = math.nan
    if not 0 <= days <= _MOST_DAYS:
        message = f"warn_days is {given!r}; it takes a number of days from 0 to {_MOST_DAYS}"
        raise InvalidRequest(message)
    return days


def read_retention_days(given: object) -> int | None:
    """Read how many days the exchange keeps; None where it is not given.

    :raises InvalidRequest: it is not what it has to be.
    """
    if not is_given(given):
        return None
    text = "" if isinstance(given, bool) else str(given)
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_DAYS)) else 0
    if not 1 <= days <= _MOST_DAYS:
        message = f"retention_days is {given!r}; it takes a whole number of days from 1 to {_MOST_DAYS}"
        raise InvalidRequest(message)
    return days


def read_start_ms(start: object) -> int | None:
    """Read where each history begins; None where it is not given.

    :raises InvalidRequest: it is not what it has to be.
    """
    if not is_given(start):
        return None
    try:
        start_ms = epoch_ms(start if isinstance(start, datetime) else datetime.fromisoformat(str(start)))
    except (ValueError, LiquidationsError) as error:
        message = f"start is {start!r}; it takes an ISO 8601 instant with a time zone"
        raise InvalidRequest(message) from error
    if start_ms < 0:
        message = f"start is {start!r}; it takes an instant since 1970"
        raise InvalidRequest(message)
    return start_ms


def read_accounts(given: object) -> tuple[str, ...]:
    """Read labels of accounts; none where none is given.

    :raises InvalidRequest: it is not what it has to be.
    """
    return () if given is None else read_names("accounts", given)


def read_endpoints(given: object) -> tuple[str, ...]:
    """Read names of endpoints; none where none is given.

    :raises InvalidRequest: it is not what it has to be.
    """
    names = () if given is None else read_names("endpoints", given)
    return tuple(get_endpoint(name).name for name in names)


def read_names(name: str, given: object) -> tuple[str, ...]:
    """Read a list of names.

    :raises InvalidRequest: it is not what it has to be.
    """
    if not isinstance(given, list | tuple | set) or not all(isinstance(one, str) for one in given):
        message = f"{name} is {given!r}; it takes a list of names"
        raise InvalidRequest(message)
    return tuple(given)
