"""The coverage document as lines for a terminal, and as a table of days."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.calendar import CAVEAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: letter → its name in tables
NAMES: Final = {
    "p": "proven",
    "e": "proven empty",
    "h": "partly covered",
    "u": "not proven",
    "m": "missing",
    "l": "lost",
    "f": "failed verification",
    "n": "not due",
}
_COLUMNS: Final[Mapping[str, str]] = {
    "days": "pehumlfn",
    "proven": "pe",
    "missing": "m",
    "partly": "h",
    "not proven": "u",
    "failed": "f",
    "lost": "l",
    "not due": "n",
}
_HEAD: Final = ("account", "endpoint", "filter", "day", "state", "rows", "caveat", "recoverable_until")
_RECOVERABLE: Final = "muh"


def text_table(document: Mapping[str, Any]) -> Iterator[str]:
    """Return a table with one line per history: how many of its days are in each state."""
    head = ["history", "from", *_COLUMNS, "rows", "oldest gap"]
    lines = [head, *(_line(one) for one in document["histories"])]
    if len(lines) == 1:
        return
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        cells = [
            cell.rjust(width) if 1 < place < len(head) - 1 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _line(history: Mapping[str, Any]) -> list[str]:
    counts = [sum(history["states"].count(letter) for letter in letters) for letters in _COLUMNS.values()]
    gap = history["oldest_gap"]
    return [
        history["id"],
        history["first_day"],
        *(f"{number:,}" for number in (*counts, sum(history["rows"]))),
        f"{gap['start']}, until {gap['recoverable_until']}" if gap else "",
    ]


def day_table(document: Mapping[str, Any]) -> str:
    """Return a CSV table with one line per history and day; a text that a spreadsheet would run is quoted."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_HEAD)
    for one in document["histories"]:
        first = date.fromisoformat(one["first_day"])
        for number, (letter, rows, flags) in enumerate(
            zip(one["states"], one["rows"], one["flags"], strict=True)
        ):
            day = first + timedelta(days=number)
            last = day + timedelta(days=one["retention"]["days"])
            until = f"{last}T00:00:00Z" if letter in _RECOVERABLE else ""
            caveat = "yes" if flags & CAVEAT else "no"
            place = (_plain(one[name]) for name in ("account", "endpoint", "filter"))
            table.writerow([*place, day, NAMES[letter], rows, caveat, until])
    return text.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking a label for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
