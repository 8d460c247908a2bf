"""What can still be fetched: the stretches partition the range, and their bounds are exact."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.manifest import Proof
from airflow_provider_binance_liq.core.recoverable import (
    APART,
    Coverage,
    counts_as_proven,
    expected_range,
    stretches,
)
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window

T0 = 1_790_812_800_000  # 2026-10-01
NINETY = Retention(90, "documented")

windows = st.lists(
    st.builds(lambda start, length: Window(start, start + length), st.integers(0, 40), st.integers(1, 9)),
    max_size=6,
)


def day(number, days=1):
    return Window(T0 + number * DAY_MS, T0 + (number + days) * DAY_MS)


def told(found):
    return [(one.window, one.state, one.lost) for one in found]


@given(windows, windows, st.integers(0, 30), st.integers(1, 20), st.integers(0, 60))
def test_each_millisecond_of_the_range_is_in_one_stretch_and_is_what_the_windows_say(
    proven, unproven, start, length, horizon
):
    expected = Window(start, start + length)
    now = horizon + NINETY.ms
    found = stretches(proven, unproven, expected, now_ms=now, retention=NINETY)
    assert (found[0].window.start_ms, found[-1].window.end_ms) == (expected.start_ms, expected.end_ms)
    assert all(one.window.end_ms == other.window.start_ms for one, other in pairwise(found))
    assert all((one.state, one.lost) != (other.state, other.lost) for one, other in pairwise(found))
    for one in found:
        assert one.recoverable_until_ms == one.window.start_ms + NINETY.ms
        for instant in range(one.window.start_ms, one.window.end_ms):
            held = [instant in window for window in proven], [instant in window for window in unproven]
            state = "proven" if any(held[0]) else "unproven" if any(held[1]) else "missing"
            # What is older than the retention is forgotten; what is exactly as old is kept.
            assert (one.state, one.lost) == (state, state != "proven" and now - instant > NINETY.ms)


def test_a_day_without_a_window_can_be_fetched_until_its_first_millisecond_is_90_days_old():
    now = T0 + 12 * DAY_MS
    found = stretches([day(0), day(2)], [], day(0, 3), now_ms=now, retention=NINETY)
    assert told(found) == [(day(0), "proven", False), (day(1), "missing", False), (day(2), "proven", False)]
    assert found[1].recoverable_until_ms == T0 + 91 * DAY_MS
    assert found[1].left_ms(now) == 79 * DAY_MS
    assert [one.recoverable for one in found] == [False, True, False]


@pytest.mark.parametrize(
    ("late_ms", "lost"),
    [
        (-1, []),
        (0, []),
        (1, [Window(T0, T0 + 1)]),
        (DAY_MS - 1, [Window(T0, T0 + DAY_MS - 1)]),
        (DAY_MS, [day(0)]),
        (2 * DAY_MS, [day(0)]),
    ],
)
def test_what_is_lost_is_lost_by_the_millisecond(late_ms, lost):
    now = T0 + NINETY.ms + late_ms
    found = stretches([day(1)], [], day(0, 2), now_ms=now, retention=NINETY)
    assert [one.window for one in found if one.lost] == lost
    rest = [one.window for one in found if one.recoverable]
    assert rest == ([] if late_ms >= DAY_MS else [Window(T0 + max(0, late_ms), T0 + DAY_MS)])


def test_a_window_that_is_not_proven_does_not_cover():
    found = stretches([day(0)], [day(1)], day(0, 3), now_ms=T0 + 5 * DAY_MS, retention=NINETY)
    assert told(found) == [(day(0), "proven", False), (day(1), "unproven", False), (day(2), "missing", False)]


def test_a_proof_of_any_window_counts_over_those_without_one():
    found = stretches([day(0, 7)], [day(1)], day(0, 7), now_ms=T0 + 9 * DAY_MS, retention=NINETY)
    assert told(found) == [(day(0, 7), "proven", False)]


def test_without_any_window_the_whole_range_is_missing():
    found = stretches([], [], day(0, 2), now_ms=T0 + 3 * DAY_MS, retention=NINETY)
    assert told(found) == [(day(0, 2), "missing", False)]


@pytest.mark.parametrize(
    ("settle_ms", "range_"),
    [(0, Window(T0, T0 + 10)), (9, Window(T0, T0 + 1)), (10, None), (11, None)],
)
def test_what_is_not_to_be_there_yet_is_not_expected(settle_ms, range_):
    assert expected_range(T0, T0 + 10, settle_ms) == range_


@pytest.mark.parametrize(
    ("until_ms", "range_"),
    [(T0 + 11, Window(T0, T0 + 8)), (T0 + 5, Window(T0, T0 + 5)), (T0, None), (T0 - 1, None)],
)
def test_what_another_history_reports_is_not_expected_twice(until_ms, range_):
    assert expected_range(T0, T0 + 10, 2, until_ms) == range_


def test_a_filtered_history_is_no_part_of_the_whole_one_where_isolated_accounts_may_be_left_out():
    assert APART == ("margin", "margin_capital_flow")


def test_retention_says_whether_it_is_documented_assumed_or_configured():
    assert Retention.of(ENDPOINTS["coinm_futures"]) == Retention(90, "documented")
    assert Retention.of(ENDPOINTS["usdm_futures"]) == Retention(90, "assumed")
    assert Retention.of(ENDPOINTS["coinm_futures"], 30) == Retention(30, "configured")
    assert Retention.of(None) == Retention(90, "assumed")


def test_coverage_adds_up_by_state_and_names_what_is_forgotten_first():
    now = T0 + 92 * DAY_MS
    found = stretches([day(0)], [day(3)], day(0, 6), now_ms=now, retention=NINETY)
    coverage = Coverage(found, now, NINETY)
    # Day 1 is older than 90 days; day 2 is just as old.
    assert coverage.total_ms("missing", lost=True) == DAY_MS
    assert coverage.total_ms("missing", lost=False) == 3 * DAY_MS
    assert coverage.total_ms("unproven", lost=False) == DAY_MS
    assert (coverage.next_loss.window, coverage.left_ms) == (day(2), 0)
    assert [one.window for one in coverage.listed] == [day(2), day(3), day(4, 2)]


def test_where_all_is_proven_nothing_is_forgotten():
    found = stretches([day(0)], [], day(0), now_ms=T0 + DAY_MS, retention=NINETY)
    assert (Coverage(found, T0, NINETY).next_loss, Coverage(found, T0, NINETY).left_ms) == (None, None)


@pytest.mark.parametrize(
    ("complete", "reasons", "counts"),
    [
        (True, (), True),
        (False, (), False),
        (False, ("isolated_rows",), True),
        (False, ("isolated_rows", "recorded_by_endpoint"), True),
        (False, ("isolated_rows", "within_retention"), False),
    ],
)
def test_a_window_counts_as_proven_but_for_what_fetching_it_again_would_mend(complete, reasons, counts):
    proof = Proof(complete, pages=1, requests=1, weight=1, method="short", incomplete_reasons=reasons)
    assert counts_as_proven(proof) == counts
    assert counts_as_proven(proof, accepted=()) == complete
