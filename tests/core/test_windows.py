"""The law of partition: what an interval is cut into covers it exactly, once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import (
    Window,
    compact,
    days_earlier,
    epoch_ms,
    iso,
    iso_seconds,
    read_iso,
    to_datetime,
)
from airflow_provider_binance_liq.exceptions import InvalidInterval

LAST_MS = epoch_ms(datetime(9999, 12, 31, tzinfo=UTC))
instants_ms = st.integers(0, LAST_MS)
bounds = map(datetime.fromisoformat, ("1970-01-02", "9999-01-01"))
instants = st.datetimes(*bounds, timezones=st.just(UTC))


@st.composite
def windows(draw, longest_ms=400 * DAY_MS):
    start = draw(instants_ms)
    return Window(start, start + draw(st.integers(1, longest_ms)))


# --- partition ------------------------------------------------------------------------------------------


@given(windows(), st.integers(min_value=3, max_value=7 * DAY_MS) | st.just(7 * DAY_MS - 1))
def test_a_split_is_adjacent_ordered_within_the_longest_span_and_covers_exactly(window, longest_ms):
    longest_ms = max(longest_ms, (window.end_ms - window.start_ms) // 5000 + 1)
    pieces = window.split(longest_ms)
    assert pieces[0].start_ms == window.start_ms
    assert pieces[-1].end_ms == window.end_ms
    assert all(a.end_ms == b.start_ms for a, b in pairwise(pieces))
    assert all(piece.end_ms - piece.start_ms <= longest_ms for piece in pieces)


@given(windows(), st.integers(min_value=3, max_value=7 * DAY_MS))
def test_a_split_is_the_fewest_pieces_and_none_of_them_a_single_millisecond(window, longest_ms):
    length = window.end_ms - window.start_ms
    longest_ms = max(longest_ms, length // 5000 + 3)
    pieces = window.split(longest_ms)
    lengths = {piece.end_ms - piece.start_ms for piece in pieces}
    assert len(pieces) == -(-length // longest_ms)
    assert max(lengths) - min(lengths) <= 1
    assert length == 1 or min(lengths) >= 2


@given(windows(longest_ms=60), st.integers(3, 20))
def test_every_millisecond_lies_in_exactly_one_piece(window, longest_ms):
    pieces = window.split(longest_ms)
    for instant in range(window.start_ms - 1, window.end_ms + 1):
        assert sum(instant in piece for piece in pieces) == (instant in window)


@given(instants, st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), min_size=1, max_size=5))
def test_neighbouring_intervals_of_any_precision_have_neighbouring_windows(start, lengths):
    edges = [start]
    for length in lengths:
        edges.append(edges[-1] + length)
    made = [(epoch_ms(a), epoch_ms(b)) for a, b in pairwise(edges)]
    assert all(a[1] == b[0] for a, b in pairwise(made))
    assert sum(b - a for a, b in made) == epoch_ms(edges[-1]) - epoch_ms(edges[0])


@given(instants, st.timedeltas(timedelta(milliseconds=1), timedelta(days=10)), instants_ms)
def test_a_window_holds_the_milliseconds_from_the_start_up_to_before_the_end(start, length, offset):
    window = Window.between(start, start + length)
    instant_ms = window.start_ms - 2 + offset % (window.end_ms - window.start_ms + 4)
    assert (instant_ms in window) == (start <= to_datetime(instant_ms) < start + length)


@pytest.mark.parametrize("name", [one.name for one in ENDPOINTS.values() if one.max_span_days == 7])
def test_a_week_takes_two_requests_because_seven_days_are_one_too_many(name):
    week = Window(0, 7 * DAY_MS)
    assert [piece.last_ms - piece.first_ms for piece in week.split(ENDPOINTS[name].max_span_ms)] == [
        7 * DAY_MS // 2 - 1,
        7 * DAY_MS // 2 - 1,
    ]


# --- bounds ---------------------------------------------------------------------------------------------


def test_binances_bounds_are_inclusive_so_the_end_is_asked_for_one_millisecond_earlier():
    window = Window.between(datetime(2026, 10, 10, tzinfo=UTC), datetime(2026, 10, 11, tzinfo=UTC))
    assert (window.first_ms, window.last_ms) == (1_791_590_400_000, 1_791_676_799_999)


def test_a_window_of_one_millisecond_asks_for_that_millisecond():
    window = Window(5, 6)
    assert (window.first_ms, window.last_ms) == (5, 5)


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5)])
def test_a_window_is_never_empty_reversed_or_before_1970(start, end):
    with pytest.raises(InvalidInterval, match=rf"since 1970, not \[{start}, {end}\)"):
        Window(start, end)


def test_an_interval_within_one_millisecond_holds_none():
    start = datetime(2026, 10, 10, 0, 0, 0, 100, tzinfo=UTC)
    with pytest.raises(InvalidInterval):
        Window.between(start, start + timedelta(microseconds=800))


def test_an_instant_without_a_time_zone_is_refused():
    with pytest.raises(InvalidInterval, match="no time zone"):
        epoch_ms(datetime.fromisoformat("2026-10-10"))


def test_windows_are_ordered_by_their_start():
    assert sorted([Window(5, 6), Window(1, 9), Window(1, 2)]) == [Window(1, 2), Window(1, 9), Window(5, 6)]


# --- instants -------------------------------------------------------------------------------------------


@given(instants_ms)
def test_epoch_milliseconds_survive_the_way_through_datetime(instant_ms):
    assert epoch_ms(to_datetime(instant_ms)) == instant_ms


@given(instants)
def test_an_instant_between_two_milliseconds_counts_as_the_later_one(instant):
    found = to_datetime(epoch_ms(instant))
    assert timedelta(0) <= found - instant < timedelta(milliseconds=1)


def test_an_instant_of_any_time_zone_is_the_same_instant():
    berlin_summer = timezone(timedelta(hours=2))
    assert epoch_ms(datetime(2026, 10, 10, 2, tzinfo=berlin_summer)) == 1_791_590_400_000


@pytest.mark.parametrize(
    ("instant_ms", "long", "short"),
    [
        (0, "1970-01-01T00:00:00Z", "19700101T000000Z"),
        (1_791_590_400_000, "2026-10-10T00:00:00Z", "20261010T000000Z"),
        (1_791_590_400_250, "2026-10-10T00:00:00.250Z", "20261010T000000.250Z"),
        (1_596_107_620_044, "2020-07-30T11:13:40.044Z", "20200730T111340.044Z"),
    ],
)
def test_instants_are_written_in_utc_with_milliseconds_only_where_there_are_some(instant_ms, long, short):
    assert (iso(instant_ms), compact(instant_ms)) == (long, short)


@given(instants_ms, instants_ms)
def test_two_instants_never_share_a_name(one, other):
    assert (compact(one) == compact(other)) == (one == other)


def test_a_window_reads_as_the_half_open_interval_it_is():
    assert str(Window(0, DAY_MS)) == "[1970-01-01T00:00:00Z, 1970-01-02T00:00:00Z)"


@given(instants)
def test_airflows_pendulum_instants_are_the_same_instants(instant):
    assert epoch_ms(pendulum.instance(instant)) == epoch_ms(instant)
    assert epoch_ms(pendulum.instance(instant).in_timezone("Asia/Kolkata")) == epoch_ms(instant)


def test_an_earlier_window_has_the_same_length_and_lies_before_by_the_shift():
    assert Window(DAY_MS, DAY_MS + 7).earlier(5) == Window(DAY_MS - 5, DAY_MS + 2)


# --- days before, by the clock of a schedule ------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


def midnight(day, zone=BERLIN):
    return datetime.combine(day, time(), zone)


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.integers(0, 400))
def test_the_window_of_some_days_before_is_the_one_that_the_schedule_looked_at_first(day, days):
    before = day - timedelta(days=days)
    first = Window.between(midnight(before), midnight(before + timedelta(days=1)))
    # A run's own instants are in UTC.
    start, end = (midnight(day + timedelta(days=n)).astimezone(UTC) for n in (0, 1))
    assert days_earlier(start, end, days, BERLIN) == first


@pytest.mark.parametrize("zone", [None, UTC, BERLIN])
def test_hours_move_by_days_of_twenty_four_hours_so_that_each_is_met_once(zone):
    start = datetime(2026, 3, 29, tzinfo=UTC)
    hours = [start + timedelta(hours=n) for n in range(25)]
    moved = [days_earlier(one, other, 80, zone) for one, other in pairwise(hours)]
    first = Window.between(start, hours[-1]).earlier(80 * 86_400_000)
    assert (moved[0].start_ms, moved[-1].end_ms) == (first.start_ms, first.end_ms)
    assert all(one.end_ms == other.start_ms for one, other in pairwise(moved))


def test_without_a_zone_longer_windows_move_by_days_of_twenty_four_hours_too():
    start, end = (midnight(date(2026, 3, 29) + timedelta(days=n)).astimezone(UTC) for n in (0, 1))
    assert days_earlier(start, end, 80, None) == Window.between(start, end).earlier(80 * 86_400_000)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        (21_000, "since 1970"),
        (
            800_000,
            r"^800000 days before \[2026-10-10T00:00:00Z, 2026-10-11T00:00:00Z\) there is no calendar$",
        ),
    ],
)
def test_days_before_the_calendar_are_no_window(days, reason):
    start = datetime(2026, 10, 10, tzinfo=UTC)
    with pytest.raises(InvalidInterval, match=reason):
        days_earlier(start, start + timedelta(days=1), days, BERLIN)


@pytest.mark.parametrize(
    "instant",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.max.replace(tzinfo=UTC),  # which rounds up to a millisecond that has no name
    ],
)
def test_an_instant_at_the_calendars_edge_is_refused_with_a_specific_error(instant):
    with pytest.raises(InvalidInterval, match="outside the calendar"):
        epoch_ms(instant)


def test_the_last_millisecond_of_the_calendar_is_an_instant():
    last = datetime.max.replace(microsecond=999_000, tzinfo=UTC)
    assert to_datetime(epoch_ms(last)) == last


@given(instants_ms)
def test_what_is_written_as_iso_is_read_as_the_same_instant(instant_ms):
    assert epoch_ms(read_iso(iso(instant_ms))) == instant_ms


def test_an_iso_instant_is_in_utc_unless_it_names_its_zone():
    assert read_iso("2026-10-10") == read_iso("2026-10-10T02:00+02:00") == datetime(2026, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-10-10T25:00"])
def test_what_is_no_iso_instant_is_refused(text):
    with pytest.raises(InvalidInterval, match="is not an ISO 8601 day or instant"):
        read_iso(text)


def test_an_instant_that_is_waited_for_is_rounded_up():
    assert iso_seconds(1_791_590_400_000) == "2026-10-10T00:00:00Z"
    assert iso_seconds(1_791_590_400_001) == "2026-10-10T00:00:01Z"
