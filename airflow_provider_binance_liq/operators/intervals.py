"""The window of a run: from its data interval, or from `start` and `end`; never from `ds`.

The window decides the key and the bytes of the object, so a scheduled run, a manual one and a backfill over
the same interval have to have the same window.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from airflow_provider_binance_liq.compat import zone_of
from airflow_provider_binance_liq.core.windows import Window, epoch_ms, iso
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

#: a run that starts so long before its interval's end was started by a clock that is ahead
_EARLY_MS: Final = 10 * 60_000


def now_ms() -> int:
    """Return the time on this machine's clock, in epoch ms."""
    return int(time.time() * 1000)


def check_settle(settle: object) -> None:
    """Check the operators' parameter `settle`.

    :raises InvalidRequest: it is not a timedelta, or negative.
    """
    if not isinstance(settle, timedelta) or settle < timedelta(0):
        message = f"settle is {settle!r}; it takes a timedelta that is not negative"
        raise InvalidRequest(message)


def _instant(name: str, value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    from pendulum import DateTime, parse
    from pendulum.parsing.exceptions import ParserError

    try:
        # A date is not an instant: it could mean the start or the end of the day.
        parsed = parse(value) if isinstance(value, str) else None
    except (ParserError, ValueError, OverflowError):
        parsed = None
    if not isinstance(parsed, DateTime):
        message = f"{name} is {value!r}; it has to be an ISO 8601 instant such as 2026-10-10T00:00:00Z"
        raise InvalidInterval(message)
    return parsed


def window_between(start: str | datetime | None, end: str | datetime | None) -> Window:
    """Return the window between two instants that a user gave.

    :raises InvalidInterval: one of them is missing or is not an instant, or they are in the wrong order.
    """
    if start is None or end is None:
        raise InvalidInterval("only one of start and end is given; give both, or neither")
    first_ms, past_ms = epoch_ms(_instant("start", start)), epoch_ms(_instant("end", end))
    if first_ms >= past_ms:
        message = f"start {iso(first_ms)} is not before end {iso(past_ms)}"
        raise InvalidInterval(message)
    return Window(first_ms, past_ms)


def check_is_over(window: Window, now_ms: int) -> None:
    """Check that a window is over, or soon will be: a scheduler's clock may be a little ahead.

    :raises InvalidInterval: it ends later than that.
    """
    if now_ms < window.end_ms - _EARLY_MS:
        message = (
            f"the interval is not over: it ends at {iso(window.end_ms)}, and now it is {iso(now_ms)}; "
            "rows may still come. Run it after its end: a scheduled run does"
        )
        raise InvalidInterval(message)


def schedule_zone(dag: Any, start: datetime) -> tzinfo | None:
    """Return the time zone of the schedule of `dag`.

    A run's own instants are in UTC, whatever the timetable's time zone; without one, they decide.
    """
    timetable = getattr(dag, "timetable", None)
    zone = zone_of(getattr(timetable, "timetable", timetable))
    if isinstance(zone, str):
        return ZoneInfo(zone)
    return zone if isinstance(zone, tzinfo) else start.tzinfo


def data_interval(context: Context) -> tuple[datetime, datetime]:
    """Return the data interval of the run.

    :raises InvalidInterval: it has none, or an empty one; the message says which schedule has one.
    """
    advice = (
        'give the DAG schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC") from airflow.sdk, or '
        "give this operator start and end"
    )
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None:
        message = f"the run has no data interval, as when it was triggered without a logical date; {advice}"
        raise InvalidInterval(message)
    if start == end:
        message = (
            f"the run's data interval is empty: it begins and ends at {start.isoformat()}. In Airflow 3 cron "
            f'strings such as "@daily" and timedeltas have no data interval; {advice}'
        )
        raise InvalidInterval(message)
    return start, end
