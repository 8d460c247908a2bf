"""A window can be extracted when it is over, its late rows have appeared, and all of it is still kept."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.horizon import Horizon, Retention
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import BeyondRetention, NotSettled

START = 1_790_812_800_000  # 2026-10-01
DAY = Window(START, START + DAY_MS)
NINETY = Retention(90, "documented")
#: when the first millisecond of the day is 90 days old
FORGOTTEN_MS = START + 90 * DAY_MS


def horizon(beyond_retention="fail", settle_ms=0):
    return Horizon(DAY, NINETY, settle_ms, beyond_retention)


@pytest.mark.parametrize("settle_ms", [0, 60_000])
def test_a_window_can_be_extracted_from_the_millisecond_on_in_which_its_late_rows_have_appeared(settle_ms):
    ready_ms = DAY.end_ms + settle_ms
    horizon(settle_ms=settle_ms).check_settled(ready_ms, 0)
    with pytest.raises(NotSettled):
        horizon(settle_ms=settle_ms).check_settled(ready_ms - 1, 0)


def test_without_a_time_to_settle_a_window_can_be_extracted_when_it_is_over():
    Horizon(DAY, NINETY).check_settled(DAY.end_ms, 0)


@pytest.mark.parametrize("ahead_ms", [-600_000, 0, 600_000])
def test_a_window_that_is_not_over_names_the_instant_to_come_back_at_on_the_clock_of_this_machine(ahead_ms):
    with pytest.raises(NotSettled) as refused:
        horizon(settle_ms=60_000).check_settled(DAY.end_ms - 1000, ahead_ms)
    assert refused.value.retry_at_ms == DAY.end_ms + 60_000 - ahead_ms
    assert str(refused.value) == (
        "by the exchange's clock it is 2026-10-01T23:59:59Z, and rows of the window may appear until "
        "2026-10-02T00:01:00Z; a retry continues then"
    )


@pytest.mark.parametrize("beyond_retention", ["fail", "skip", "extract"])
def test_a_window_whose_first_millisecond_is_still_kept_is_proven_whatever_is_to_be_done_with_others(
    beyond_retention,
):
    assert horizon(beyond_retention).check_kept(FORGOTTEN_MS) == ""


@pytest.mark.parametrize(
    ("beyond_retention", "end"),
    [("fail", r"\. Set .*'extract' to take .*, or 'skip'"), ("skip", "")],
)
def test_a_window_that_begins_a_millisecond_before_what_is_kept_fails_and_the_error_says_what_can_be_done(
    beyond_retention, end
):
    with pytest.raises(BeyondRetention, match=f"nothing is missing{end}$"):
        horizon(beyond_retention).check_kept(FORGOTTEN_MS + 1)


def test_unless_it_is_set_a_window_that_begins_before_what_is_kept_fails():
    with pytest.raises(BeyondRetention):
        Horizon(DAY, NINETY).check_kept(FORGOTTEN_MS + 1)


@pytest.mark.parametrize(
    ("retention", "source"),
    [
        (NINETY, "as documented"),
        (Retention(90, "assumed"), "as assumed: nothing is documented"),
        (Retention(90, "configured"), "as `retention_days` says"),
    ],
)
def test_where_it_is_extracted_all_the_same_the_reason_says_what_is_kept_and_who_says_so(retention, source):
    reason = Horizon(DAY, retention, beyond_retention="extract").check_kept(FORGOTTEN_MS + 3_600_000)
    assert reason == (
        f"the window begins before the 90 days that the exchange keeps ({source}; from 2026-10-01T01:00:00Z "
        "on), so an answer would not prove that nothing is missing"
    )
