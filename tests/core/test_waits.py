"""Every wait ends: absurd instants are not believed, and what one task waits adds up to a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.units import DAY_MS, MINUTE_MS
from airflow_provider_binance_liq.core.waits import (
    LONGEST_BAN_MS,
    Waits,
    after_waits,
    credible,
    jitter,
    wait_until,
)
from airflow_provider_binance_liq.exceptions import PermanentError, WaitTooLong

NOON = 1_791_633_600_000
INSTANTS = st.integers(-(10**20), 10**20) | st.integers(NOON - 9 * DAY_MS, NOON + 9 * DAY_MS)


@given(INSTANTS, st.booleans())
def test_no_instant_is_believed_beyond_the_longest_documented_wait(until, banned):
    found = credible(until, NOON, banned=banned)
    assert found == 0 or NOON < found <= NOON + (LONGEST_BAN_MS if banned else DAY_MS)


@given(INSTANTS, st.booleans())
def test_an_instant_within_it_is_believed_to_the_millisecond(until, banned):
    if NOON < until <= NOON + (LONGEST_BAN_MS if banned else DAY_MS):
        assert credible(until, NOON, banned=banned) == until


def test_an_instant_more_than_twice_the_longest_wait_away_is_thrown_away():
    assert credible(NOON + 2 * LONGEST_BAN_MS, NOON, banned=True) == NOON + LONGEST_BAN_MS
    assert credible(NOON + 2 * LONGEST_BAN_MS + 1, NOON, banned=True) == 0


def test_a_ban_that_is_reported_by_a_clock_ahead_of_ours_is_cut_and_not_thrown_away():
    assert credible(NOON + LONGEST_BAN_MS + 1, NOON, banned=True) == NOON + LONGEST_BAN_MS


@given(st.lists(INSTANTS | st.none()), st.booleans())
def test_the_latest_credible_instant_counts_and_without_one_the_default(named, banned):
    sane = [found for at in named if at is not None and (found := credible(at, NOON, banned=banned))]
    assert wait_until(named, NOON, NOON + 7, banned=banned) == (max(sane) if sane else NOON + 7)


def test_the_instant_of_a_ban_may_lie_further_away_than_that_of_another_wait():
    until = NOON + LONGEST_BAN_MS
    assert wait_until([until], NOON, NOON + 7, banned=True) == until
    assert wait_until([until], NOON, NOON + 7, banned=False) != until


@given(st.integers(0, 4 * DAY_MS), st.floats(0, 1))
def test_wake_ups_are_spread_after_the_instant_and_never_before_it(wait_ms, chance):
    assert NOON + wait_ms <= jitter(NOON + wait_ms, NOON, chance) <= NOON + wait_ms + 2 * MINUTE_MS


@pytest.mark.parametrize(
    ("wait_ms", "delay_ms"),
    [(400_000, 50_000), (8 * MINUTE_MS, MINUTE_MS), (DAY_MS, MINUTE_MS), (-DAY_MS, 0)],
)
def test_a_wake_up_is_delayed_by_at_most_a_quarter_of_the_wait_and_two_minutes(wait_ms, delay_ms):
    assert jitter(NOON + wait_ms, NOON, 0.5) == NOON + wait_ms + delay_ms


def test_a_hundred_tasks_of_one_ban_do_not_come_back_in_the_same_second():
    seconds = {jitter(NOON + 600_000, NOON, number / 100) // 1000 for number in range(100)}
    assert len(seconds) > 90


def test_who_is_told_to_wait_again_and_again_comes_back_later_each_time():
    waits = [after_waits(NOON, count) - NOON for count in (4, 5, 6, 7, 8, 99, 10**6)]
    assert waits == [minutes * MINUTE_MS for minutes in (1, 2, 4, 8, 16, 64, 64)]


# --- what one task may wait -----------------------------------------------------------------------------


@given(st.integers(0, DAY_MS), st.lists(st.integers(-MINUTE_MS, DAY_MS)))
def test_the_waits_of_a_task_never_add_up_to_more_than_it_was_given(most, asked):
    waits, now, waited = Waits(most), NOON, 0
    for length in asked:
        try:
            waits.add(now + length, now, "its IP address is banned")
        except WaitTooLong:
            break
        now += max(length, 0)
        waited += max(length, 0)
    assert waited == waits.waited_ms <= most


def test_waits_add_up():
    waits = Waits(DAY_MS)
    for number in range(3):
        waits.add(NOON + (number + 1) * MINUTE_MS, NOON + number * MINUTE_MS, "its weight is used up")
    assert waits.waited_ms == 3 * MINUTE_MS


def test_a_wait_that_ends_beyond_the_bound_is_not_begun():
    waits = Waits(DAY_MS, waited_ms=DAY_MS - MINUTE_MS)
    with pytest.raises(WaitTooLong):
        waits.add(NOON + MINUTE_MS + 1, NOON, "its IP address is banned")
    assert waits.waited_ms == DAY_MS - MINUTE_MS
    waits.add(NOON + MINUTE_MS, NOON, "its IP address is banned")


def test_a_wait_that_ends_when_the_rows_may_be_lost_is_not_begun():
    waits = Waits(DAY_MS, lost_ms=NOON + 5 * MINUTE_MS)
    waits.add(NOON + 4 * MINUTE_MS, NOON, "its weight is used up")
    with pytest.raises(WaitTooLong, match=r"by 2026-10-10T12:05:00Z the exchange may have forgotten"):
        waits.add(NOON + 6 * MINUTE_MS, NOON, "its weight is used up")
    waits.add(NOON + 16 * MINUTE_MS, NOON + 10 * MINUTE_MS, "what is lost already is another matter")


def test_a_wait_may_end_in_the_millisecond_in_which_the_rows_may_be_lost_and_begin_in_it():
    waits = Waits(DAY_MS, lost_ms=NOON + 5 * MINUTE_MS)
    waits.add(NOON + 5 * MINUTE_MS, NOON, "its weight is used up")
    waits.add(NOON + 6 * MINUTE_MS, NOON + 5 * MINUTE_MS, "what is lost already is another matter")


def test_the_error_says_what_was_waited_for_how_long_until_when_and_what_to_do():
    waits = Waits(DAY_MS, waited_ms=23 * 3_600_000 + 50_000)
    with pytest.raises(WaitTooLong) as caught:
        waits.add(NOON + 2 * 3_600_000, NOON, "its IP address is banned")
    said = str(caught.value)
    assert "it waited 23 h 0 min so far, and would now wait 2 h 0 min, until 2026-10-10T14:00:00Z" in said
    assert said.endswith(
        "because its IP address is banned; but max_wait allows 1 d 0 h in all. It is not retried, since a "
        "retry would wait again. Find out what delays it (other programs that use this IP address); then "
        "clear the task, or raise max_wait"
    )


def test_no_retry_begins_another_series_of_waits():
    assert issubclass(WaitTooLong, PermanentError)


@pytest.mark.parametrize(
    ("ms", "said"),
    [(1, "1 s"), (90_000, "1 min 30 s"), (3_600_000, "1 h 0 min"), (100 * 3_600_000, "4 d 4 h")],
)
def test_lengths_of_time_are_reported_in_words(ms, said):
    with pytest.raises(WaitTooLong, match=f"would now wait {said}, until"):
        Waits(0).add(NOON + ms, NOON, "of a test")


# --- what may hold a worker slot ------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2 * MINUTE_MS)))
def test_what_a_task_waits_in_its_slot_adds_up_to_a_minute_beside_trivial_waits(lengths):
    waits, now, held = Waits(DAY_MS * 9), NOON, 0
    for length in lengths:
        if waits.may_hold(length) and length > 5_000:
            held += length
        waits.add(now + length, now, "because")
        now += length
    assert held <= MINUTE_MS


def test_a_first_wait_of_a_minute_and_every_wait_of_seconds_stay_in_the_slot():
    waits = Waits(DAY_MS)
    assert waits.may_hold(MINUTE_MS)
    assert not waits.may_hold(MINUTE_MS + 1)
    waits.waited_ms = DAY_MS
    assert waits.may_hold(5_000)
    assert not waits.may_hold(5_001)
