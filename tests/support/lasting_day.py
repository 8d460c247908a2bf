"""The day in UTC of tests that Airflow's own processes take part in: it does not end before they do."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

DAY_S = 86_400
#: between two looks at the clock, so that a test's clock may be another one than the processor's
LOOK_EVERY_S = 1


def lasting_day(longest_s):
    """Return the start of today; where less than `longest_s` of it is left, of tomorrow, once that begins."""
    while DAY_S - time.time() % DAY_S < longest_s:  # cannot matter which day: tests count back from it
        time.sleep(LOOK_EVERY_S)
    now = datetime.now(UTC)  # the same day, which Airflow's own processes have too, and which lasts
    return now - timedelta(seconds=now.timestamp() % DAY_S)
