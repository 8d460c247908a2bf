"""Days that a test may name on any day: a clock that begins at the same instant in every run of the tests.

What a seeded history has on a day, and whether the exchange still keeps it, then never depends on when the
tests run. The clock goes on from test to test: Airflow's database, which they share, has one order of events.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import time_machine

#: With the seed 7, three days before it there is a cascade, and on the six days before that some rows.
BEGIN = datetime(2026, 10, 23, 12, tzinfo=UTC)
_begun_s = time.monotonic()


def recent_day(days_ago: int = 3) -> datetime:
    """Give each test a day of its own: `dag.test` goes on with the run that a day already has."""
    return BEGIN.replace(hour=0) - timedelta(days=days_ago)


def travel() -> time_machine.travel:
    """Let it be `BEGIN`, and as much later as the tests have lasted."""
    return time_machine.travel(BEGIN + timedelta(seconds=time.monotonic() - _begun_s), tick=True)
