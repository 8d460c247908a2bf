"""One letter per UTC day: nothing is shown better than it is, and nothing proven is shown worse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.calendar import (
    AGAIN,
    CAVEAT,
    NOT_LOADED,
    UNUSABLE,
    Calendar,
    Expected,
    day_number,
    day_of,
)
from airflow_provider_binance_liq.core.calendar import calendar as of_core
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.pieces import apart
from airflow_provider_binance_liq.core.units import DAY_MS

HOUR_MS = DAY_MS // 24
#: 2026-10-01
FIRST = 1_790_812_800_000 // DAY_MS


def at(days, hours=0):
    return (FIRST + days) * DAY_MS + hours * HOUR_MS


@dataclass(frozen=True)
class Piece:
    start_ms: int
    end_ms: int
    proven: bool
    rows: int
    flags: int
    extracted_at: str


def piece(start, end, *, proven=True, rows=0, flags=0, extracted_at=""):
    return Piece(start, end, proven, rows, flags, extracted_at)


def calendar(pieces, wanted, failed=()):
    return of_core(pieces, lambda one: one.proven, wanted, failed)


def day(number, **known):
    return piece(at(number), at(number + 1), **known)


def expected(now, *, start=None, settle_days=2, days=90, until=None):
    kept = Retention(days, "configured")
    return Expected(at(0) if start is None else start, now, settle_days * DAY_MS, kept, until)


def states(pieces, **known):
    return calendar(pieces, expected(**known)).states


def test_each_state_has_its_letter():
    pieces = [
        day(0),  # too old to matter, and proven
        day(2, rows=3),
        day(3),
        piece(at(4), at(4, 12)),
        day(5, proven=False),
        day(7, proven=False, rows=2),
    ]
    found = calendar(pieces, expected(at(12, 6), days=11), failed=[FIRST + 8])
    #      0 proven, 1 lost, 2 rows, 3 empty, 4 half, 5 not proven, 6 missing, 7 not proven, 8 unusable, 9
    assert found.states == "elpehumufmnnn"
    assert found.first_day == date(2026, 10, 1)
    assert found.rows == [0, 0, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]
    assert sum(found.rows) == 5


def test_a_day_that_the_retention_line_crosses_is_lost_since_its_window_cannot_be_proven_any_more():
    assert states([day(0), day(2)], now=at(6, 1), days=5) == "elemnnn"


def test_a_day_younger_than_settle_is_shown_as_proven_where_it_is():
    assert states([day(0), day(1), day(2)], now=at(3, 1)) == "eeen"


def test_a_history_that_begins_within_a_day_is_not_blamed_for_the_hours_before():
    assert states([piece(at(0, 6), at(1))], now=at(4), start=at(0, 6)) == "emnnn"


def test_where_an_unfiltered_history_takes_over_nothing_more_is_expected_of_the_filtered_one():
    pieces = [day(0), piece(at(2), at(2, 12)), day(4, rows=1)]
    assert states(pieces, now=at(9), until=at(2, 12)) == "emenpnnnnn"


def test_a_window_of_several_days_has_its_rows_on_its_first_day_and_none_of_them_is_called_empty():
    found = calendar([piece(at(0), at(3), rows=4)], expected(at(5)))
    assert (found.states, found.rows) == ("pppnnn", [4, 0, 0, 0, 0, 0])


def test_where_windows_overlap_no_row_counts_twice():
    pieces = [
        day(0, rows=9),
        piece(at(0, 4), at(0, 5), rows=2, extracted_at="2"),
        day(0, rows=8, proven=False),
    ]
    assert calendar(pieces, expected(at(3))).rows[0] == 9


def test_the_flags_of_a_windows_days_are_those_of_all_windows_that_touch_them():
    pieces = [piece(at(0), at(1, 1), flags=CAVEAT), piece(at(1, 1), at(2), flags=AGAIN)]
    assert calendar(pieces, expected(at(3))).flags == [CAVEAT, CAVEAT | AGAIN, 0, 0]


def test_the_flags_and_rows_of_all_windows_of_one_day_count():
    pieces = [piece(at(0), at(0, 6), rows=2, flags=CAVEAT), piece(at(0, 6), at(1), rows=1, flags=NOT_LOADED)]
    found = calendar(pieces, expected(at(3)))
    assert (found.states[0], found.rows[0], found.flags[0]) == ("p", 3, CAVEAT | NOT_LOADED)


def test_one_row_in_one_of_its_windows_is_enough_for_a_day_with_rows():
    pieces = [piece(at(0), at(0, 6), rows=1), piece(at(0, 6), at(1))]
    assert calendar(pieces, expected(at(3))).states[0] == "p"
    over_midnight = [piece(at(0), at(1, 1), rows=1), piece(at(1, 1), at(2))]
    assert calendar(over_midnight, expected(at(4))).states[:2] == "pp"


def test_a_window_without_rows_beside_one_over_midnight_leaves_its_days_empty():
    assert calendar([piece(at(0), at(1, 1)), piece(at(1, 1), at(2))], expected(at(4))).states[:2] == "ee"


def test_windows_that_only_touch_are_all_counted_and_lone_ones_beside_overlapping_ones_too():
    overlapping = [day(0, rows=5), piece(at(0, 1), at(0, 2), rows=1)]
    alone = [piece(at(1), at(1, 6), rows=2), piece(at(1, 6), at(1, 12), rows=3)]
    assert calendar([*overlapping, *alone], expected(at(4))).rows == [5, 5, 0, 0, 0]


def test_of_windows_that_overlap_in_a_chain_those_that_do_not_overlap_are_all_counted():
    chain = [
        piece(at(0), at(0, 10), rows=1),
        piece(at(0, 2), at(0, 3), rows=4),
        piece(at(0, 5), at(0, 6), rows=8),
        piece(at(0, 12), at(0, 13), rows=2),
    ]
    assert calendar(chain, expected(at(3))).rows[0] == 3


def test_a_window_before_the_first_day_or_after_the_last_marks_none_of_them():
    pieces = [piece(at(-1), at(0), rows=3, flags=CAVEAT), piece(at(3), at(4), rows=3, flags=CAVEAT)]
    found = calendar(pieces, expected(at(2, 1)))
    assert (found.states, found.rows, found.flags) == ("nnn", [0, 0, 0], [0, 0, 0])


def test_a_lost_day_with_a_manifest_that_cannot_be_used_says_so_beside_its_other_flags():
    pieces = [piece(at(0), at(0, 6), flags=CAVEAT), day(1)]
    failed = [FIRST - 1, FIRST, FIRST + 1, FIRST + 8]
    found = calendar(pieces, expected(at(7, 1), days=5), failed=failed)
    assert found.states == "lelmmnnn"
    assert found.flags == [CAVEAT | UNUSABLE, 0, 0, 0, 0, 0, 0, 0]


def test_windows_of_one_day_and_of_several_add_to_each_other_whichever_comes_first():
    pieces = [piece(at(0), at(0, 6), rows=1, flags=NOT_LOADED), piece(at(0, 6), at(1, 1), flags=CAVEAT)]
    found = calendar(pieces, expected(at(4)))
    assert (found.states[0], found.flags[0]) == ("p", CAVEAT | NOT_LOADED)


def test_a_window_touches_the_day_of_its_last_millisecond_and_none_after_it():
    assert calendar([piece(at(0), at(1) + 1, flags=CAVEAT)], expected(at(3))).flags == [CAVEAT, CAVEAT, 0, 0]
    assert calendar([piece(at(0), at(1), flags=CAVEAT)], expected(at(3))).flags == [CAVEAT, 0, 0, 0]


def test_rows_in_the_hours_of_a_first_day_count():
    assert states([piece(at(0, 6), at(1), rows=1)], now=at(4), start=at(0, 6)) == "pmnnn"


def test_a_first_day_of_which_nothing_is_expected_is_proven_where_it_is():
    assert states([piece(at(0, 6), at(1))], now=at(4), start=at(0, 6), until=at(0, 6)) == "ennnn"


def test_a_day_that_is_half_lost_and_half_missing_is_lost():
    assert states([day(0), day(2)], now=at(6, 12), days=5) == "elemnnn"


def test_a_window_is_chosen_only_if_it_overlaps_none_that_is():
    chosen = [piece(at(0, start), at(0, start + 3)) for start in (0, 4, 8)]
    assert list(apart([piece(at(0, 6), at(0, 8)), *chosen])) == chosen


def test_the_oldest_gap_is_the_first_stretch_that_can_still_be_fetched():
    gap = calendar([day(0), day(2)], expected(at(8))).oldest_gap
    assert (gap.window.start_ms, gap.recoverable_until_ms) == (at(1), at(91))
    assert calendar([day(0), day(1)], expected(at(4))).oldest_gap is None


def test_a_history_that_begins_tomorrow_has_no_day():
    found = calendar([], expected(at(0), start=at(2)))
    assert found == Calendar(date(2026, 10, 3), "", [], [], None)


def test_days_have_numbers():
    assert day_of(day_number(date(2026, 2, 28))) == date(2026, 2, 28)


hours = st.integers(0, 24 * 8)
some_pieces = st.lists(
    st.builds(
        lambda start, length, proven, rows: piece(
            at(0, start), at(0, start + length), proven=proven, rows=rows
        ),
        hours,
        st.integers(1, 60),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=7,
)


def hour_state(pieces, instant):
    covering = [one.proven for one in pieces if one.start_ms <= instant < one.end_ms]
    return "proven" if any(covering) else "unproven" if covering else "missing"


def letter_by_hours(pieces, wanted, number):
    """What a day is, hour by hour, without any stretches."""
    instants = [at(number, hour) for hour in range(24)]
    horizon = wanted.now_ms - wanted.retention.ms
    mine = [one for one in instants if one >= wanted.start_ms]
    owed = [one for one in mine if wanted.until_ms is None or one < wanted.until_ms]
    found = {one: hour_state(pieces, one) for one in mine}
    if owed and all(found[one] == "proven" for one in owed):
        return "proven"
    if not owed:
        return "proven" if all(state == "proven" for state in found.values()) else "n"
    if at(number + 1) > wanted.now_ms - wanted.settle_ms:
        return "n"
    open_ = [one for one in owed if found[one] != "proven"]
    if any(one < horizon for one in open_):
        return "l"
    if any(found[one] == "proven" for one in mine):
        return "h"
    return "m" if any(found[one] == "missing" for one in owed) else "u"


def hourly(start, end, *, proven=True, rows=0):
    return piece(at(0, start), at(0, end), proven=proven, rows=rows)


# From within a day to within another; two on one day; one until midnight and one from midnight on.
@example([hourly(6, 90, rows=1), hourly(96, 102, proven=False)], 0, 260, 12, None)
@example([hourly(0, 2), hourly(4, 30), hourly(31, 72), hourly(80, 119)], 0, 260, 12, None)
@example([hourly(0, 24), hourly(24, 48, proven=False), hourly(47, 145)], 0, 260, 12, None)
@example([hourly(3, 50, proven=False), hourly(50, 75)], 3, 200, 3, None)
# Another history takes over within a day, and as a day begins.
@example([hourly(0, 60), hourly(70, 96)], 0, 260, 12, 60)
@example([hourly(0, 36), hourly(48, 72)], 0, 260, 12, 48)
@example([hourly(0, 48)], 0, 260, 12, 48)
@example([hourly(0, 36, proven=False), hourly(48, 96)], 0, 260, 12, 72)
@given(
    some_pieces, st.integers(0, 30), st.integers(24, 260), st.integers(1, 12), st.none() | st.integers(1, 200)
)
def test_each_day_has_the_letter_that_its_hours_give_it(pieces, start, now, kept, until):
    until = None if until is None else at(0, start + until)
    wanted = expected(at(0, now), start=at(0, start), days=kept, until=until)
    found = calendar(pieces, wanted)
    days = range(start // 24, now // 24 + 1)
    assert len(found.states) == len(found.rows) == len(found.flags) == len(days)
    for letter, number in zip(found.states, days, strict=True):
        said = letter_by_hours(pieces, wanted, number)
        assert ("proven" if letter in "pe" else letter) == said


def test_windows_that_all_overlap_the_next_one_take_no_longer_than_others():
    # A year of two hours each hour: one group, of which every second window counts.
    pieces = [piece(at(0, hour), at(0, hour + 2), rows=1, extracted_at=str(hour)) for hour in range(9000)]
    compared = 0

    class Counted(int):
        def __le__(self, other):
            nonlocal compared
            compared += 1
            return int(self) <= other

        def __lt__(self, other):
            nonlocal compared
            compared += 1
            return int(self) < other

    counted = [replace(one, start_ms=Counted(one.start_ms), end_ms=Counted(one.end_ms)) for one in pieces]
    chosen = list(apart(counted))
    assert 4500 <= len(chosen) + 1 <= 9000
    assert compared < 100 * len(pieces)


@given(some_pieces, st.integers(72, 260))
def test_no_row_is_counted_twice_and_none_of_a_lone_window_is_left_out(pieces, now):
    found = calendar(pieces, expected(at(0, now)))
    assert sum(found.rows) <= sum(one.rows for one in pieces)
    disjoint = all(
        one is other or one.end_ms <= other.start_ms or other.end_ms <= one.start_ms
        for one in pieces
        for other in pieces
    )
    if disjoint:
        inside = [one for one in pieces if one.start_ms < (now // 24 + 1) * DAY_MS + at(0)]
        assert sum(found.rows) == sum(one.rows for one in inside)


@given(some_pieces, st.integers(72, 260), st.integers(0, 10))
def test_an_unusable_manifest_never_hides_that_a_day_is_proven(pieces, now, failed):
    without = calendar(pieces, expected(at(0, now))).states
    with_it = calendar(pieces, expected(at(0, now)), failed=[FIRST + failed]).states
    for number, (before, after) in enumerate(zip(without, with_it, strict=True)):
        assert after == ("f" if number == failed and before not in "pe" else before)
