"""The timeline: between the first start and the last end, each millisecond is told exactly once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.timeline import gaps, overlaps, union
from airflow_provider_binance_liq.core.windows import Window

windows = st.builds(
    lambda start, length: Window(start, start + length), st.integers(0, 30), st.integers(1, 8)
)
timelines = st.lists(windows, max_size=6)


def milliseconds(found):
    return [instant for window in found for instant in range(window.start_ms, window.end_ms)]


@given(timelines)
def test_each_millisecond_is_reported_by_the_number_of_windows_it_lies_in(timeline):
    first = min((window.start_ms for window in timeline), default=0)
    last = max((window.end_ms for window in timeline), default=0)
    depths = {instant: sum(instant in window for window in timeline) for instant in range(first, last)}
    assert milliseconds(gaps(timeline)) == [instant for instant, depth in depths.items() if depth == 0]
    assert milliseconds(union(timeline)) == [instant for instant, depth in depths.items() if depth > 0]
    assert milliseconds(overlaps(timeline)) == [instant for instant, depth in depths.items() if depth > 1]


@given(timelines)
def test_stretches_are_reported_in_order_and_as_few_as_they_can_be(timeline):
    for tell in (gaps, union, overlaps):
        assert all(one.end_ms < other.start_ms for one, other in pairwise(tell(timeline)))


@pytest.mark.parametrize("tell", [gaps, union, overlaps])
def test_where_there_is_no_window_there_is_nothing_to_report(tell):
    assert tell([]) == []


def test_windows_that_touch_neither_overlap_nor_leave_a_gap():
    days = [Window(10, 20), Window(0, 10)]
    assert (gaps(days), union(days), overlaps(days)) == ([], [Window(0, 20)], [])


def test_a_gap_and_an_overlap_are_reported_by_their_bounds():
    days = [Window(0, 10), Window(8, 20), Window(25, 30)]
    assert gaps(days) == [Window(20, 25)]
    assert union(days) == [Window(0, 20), Window(25, 30)]
    assert overlaps(days) == [Window(8, 10)]


def test_stretches_of_differing_depth_that_touch_are_reported_as_one():
    assert overlaps([Window(0, 9), Window(0, 9), Window(3, 6)]) == [Window(0, 9)]
