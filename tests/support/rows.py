"""Rows of any endpoint by a number: what identifies them differs, so tests of all endpoints name it here."""

from __future__ import annotations

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.simulator import make_row


def numbered_row(endpoint, number, at_ms, **values):
    """Make row number `number` of an endpoint, at an instant."""
    return make_row(endpoint, **{_numbered(endpoint): _spelled(endpoint, number), "time": at_ms, **values})


def is_identified(row):
    """Whether a row has what `number_of` reads."""
    return bool(_NUMBERED & row.keys())


def number_of(row):
    """Tell the number of a row that `numbered_row` made, whatever kind it is of."""
    (name,) = _NUMBERED & row.keys()
    return int("".join(filter(str.isdigit, str(row[name]))) or 0)


def _numbered(endpoint):
    """Name the field that numbers a row: its id, or else the last text of its key."""
    kind = ENDPOINTS[endpoint].kind
    return [field.name for field in kind.key if field.is_whole == kind.has_id][-1]


def _spelled(endpoint, number):
    return number if ENDPOINTS[endpoint].kind.has_id else f"C{number:05}"


_NUMBERED = set(map(_numbered, ENDPOINTS))
