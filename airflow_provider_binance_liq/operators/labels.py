"""What a mapped task is called in the UI: `desk · usdm_futures · 22 Nov 2026 · 1,000 rows · proven`.

Airflow renders `map_index_template` before a task runs and once more after it, with the task's own operator
in `task`. So `{{ task.map_label }}` says what is known: first the connection and the endpoint, in the end
what became of the window.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import NOTHING_TO_COMPARE
from airflow_provider_binance_liq.core.windows import to_datetime
from airflow_provider_binance_liq.core.wording import count

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.core.windows import Window

_BETWEEN: Final = " · "
#: English, whatever the worker's locale
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def label(account: str, endpoint: str, window: Window | None = None, outcome: str = "") -> str:
    """Join what is known of a task."""
    return _BETWEEN.join(filter(None, (account, endpoint, "" if window is None else period(window), outcome)))


def outcome(manifest: Manifest) -> str:
    """Say what an extraction came to."""
    verdict = "proven" if manifest.proof.complete else "not complete"
    alone = [] if NOTHING_TO_COMPARE not in manifest.proof.caveats else ["nothing to compare"]
    return _BETWEEN.join([count(manifest.object.rows, "row"), verdict, *alone])


def period(window: Window) -> str:
    """Write a window in UTC: `22 Nov 2026`, `1 Nov 2026 to 1 Dec 2026`, `22 Nov 2026 05:00 to 06:00`."""
    start, end = to_datetime(window.start_ms), to_datetime(window.end_ms)
    if _is_midnight(start) and _is_midnight(end):
        return _day(start) if end - start == timedelta(days=1) else f"{_day(start)} to {_day(end)}"
    until = _time(end) if start.date() == end.date() else f"{_day(end)} {_time(end)}"
    return f"{_day(start)} {_time(start)} to {until}"


def _is_midnight(instant: datetime) -> bool:
    return instant.time().isoformat() == "00:00:00"


def _day(instant: datetime) -> str:
    return f"{instant.day} {_MONTHS[instant.month - 1]} {instant.year}"


def _time(instant: datetime) -> str:
    return f"{instant:%H:%M:%S}".removesuffix(":00")
