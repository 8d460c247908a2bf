"""The end of a log, as a person reads it."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_LINES: Final = 25
_WIDTH: Final = 400


def tail(path: Path, lines: int = _LINES) -> list[str]:
    """Return the last lines of a log, Airflow's JSON ones as plain text; none where there is no log."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            last = deque(file, maxlen=lines)
    except OSError:
        return []
    return [line[:_WIDTH] for raw in last for line in _plain(raw.rstrip("\n"))][-lines:]


def _plain(line: str) -> list[str]:
    try:
        entry = json.loads(line)
    except ValueError:
        return [line]
    if not isinstance(entry, dict) or "event" not in entry:
        return [line]
    errors = entry.get("error_detail") or ()
    return [
        f"{entry.get('level', ''):<8} {entry['event']}",
        *(f"{'':<8} {error.get('exc_type')}: {error.get('exc_value')}" for error in errors),
    ]
