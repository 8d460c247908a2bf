"""Words that many messages share: numbers with their noun, a period, and what a misspelled name could be."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.windows import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.core.windows import Window

_MIDNIGHT: Final = "T00:00:00Z"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def period(window: Window) -> str:
    """Write a window for a log: `2026-10-10 to 2026-10-11`, with the time where it is not midnight in UTC."""
    start, end = iso(window.start_ms), iso(window.end_ms)
    if start.endswith(_MIDNIGHT) and end.endswith(_MIDNIGHT):
        start, end = start.removesuffix(_MIDNIGHT), end.removesuffix(_MIDNIGHT)
    return f"{start} to {end}"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Say that there is no `what` of this name, which ones there are, and which one was perhaps meant."""
    names = list(known)
    text = str(name)
    close = get_close_matches(text, names, n=1) or [one for one in names if text and one.startswith(text)][:1]
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"unknown {what} {name!r}; choose one of {', '.join(names)}.{meant}"
