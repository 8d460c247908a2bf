"""The days of the demo: complete, in UTC, and the latest there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from airflow_provider_binance_liq.demo.days import Days, epoch_ms, instant, latest

OCTOBER_10 = date(2026, 10, 10)


def test_the_latest_days_end_with_yesterday():
    days = latest(datetime(2026, 10, 12, 9, 30, tzinfo=UTC), 3)
    assert list(days) == [date(2026, 10, 9), OCTOBER_10, date(2026, 10, 11)]


def test_one_day_is_yesterday():
    days = latest(datetime(2026, 10, 11, 0, 0, tzinfo=UTC), 1)
    assert list(days) == [OCTOBER_10]
    assert len(days) == 1


@pytest.mark.parametrize(
    ("now", "yesterday"),
    [
        # Just after midnight in Tokyo it is still the day before in UTC, and that day is not over.
        (datetime(2026, 10, 12, 0, 30, tzinfo=timezone(timedelta(hours=9))), OCTOBER_10),
        # Late in the evening in New York it is already the next day in UTC.
        (datetime(2026, 10, 10, 23, 30, tzinfo=timezone(timedelta(hours=-4))), OCTOBER_10),
    ],
)
def test_it_is_utc_that_decides_which_day_is_over(now, yesterday):
    assert latest(now, 1).last == yesterday


def test_days_go_over_the_end_of_a_month_and_of_a_year():
    days = latest(datetime(2027, 1, 2, tzinfo=UTC), 2)
    assert list(days) == [date(2026, 12, 31), date(2027, 1, 1)]


def test_days_span_from_the_first_midnight_to_the_one_after_the_last():
    days = Days(OCTOBER_10, date(2026, 10, 11))
    assert days.start_ms == 1_791_590_400_000
    assert days.end_ms - days.start_ms == 2 * 86_400_000


def test_the_instant_of_a_day_is_its_midnight_in_utc():
    assert instant(OCTOBER_10) == datetime(2026, 10, 10, tzinfo=UTC)
    assert epoch_ms(date(1970, 1, 2)) == 86_400_000


def test_days_that_came_while_the_demo_was_at_work_are_added():
    days = Days(date(2027, 12, 27), date(2027, 12, 31))
    assert days.through([date(2027, 12, 30), None]) == days
    assert days.through([]) == days
    assert days.through([date(2028, 1, 1), None]) == Days(date(2027, 12, 27), date(2028, 1, 1))
