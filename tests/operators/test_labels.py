"""What a mapped task is called: what is known before it runs, and what became of it after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.operators.labels import label, period

DAY = datetime(2026, 11, 22, tzinfo=UTC)


def window(start, length):
    return Window.between(start, start + length)


@pytest.mark.parametrize(
    ("start", "length", "written"),
    [
        (DAY, timedelta(days=1), "22 Nov 2026"),
        (DAY.replace(day=1), timedelta(days=30), "1 Nov 2026 to 1 Dec 2026"),
        (DAY.replace(hour=5), timedelta(hours=1), "22 Nov 2026 05:00 to 06:00"),
        (DAY.replace(hour=23), timedelta(hours=2), "22 Nov 2026 23:00 to 23 Nov 2026 01:00"),
        (DAY, timedelta(seconds=90), "22 Nov 2026 00:00 to 00:01:30"),
    ],
)
def test_a_window_is_written_as_short_as_it_can_be(start, length, written):
    assert period(window(start, length)) == written


def test_what_is_not_known_yet_is_left_out():
    assert label("desk", "margin") == "desk · margin"
    done = label("desk", "margin", window(DAY, timedelta(days=1)), "1,000 rows · proven")
    assert done == "desk · margin · 22 Nov 2026 · 1,000 rows · proven"
