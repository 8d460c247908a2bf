"""`table_growth.py` measures what it says: every load changes something, and tables have the rows named."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest import mock

import pytest

sys.path.append(str(Path(__file__).parent))
import table_growth as growing


def test_the_rows_of_a_day_differ_from_those_of_every_other_in_their_ids():
    days = [list(growing.rows(day, 0)) for day in (0, 1, 2)]
    assert [len(day) for day in days] == [growing.ROWS] * 3
    assert len({row for day in days for row in day}) == 3 * growing.ROWS


def test_a_second_look_differs_in_one_row():
    first, second = (list(growing.rows(3, changed)) for changed in (0, 1))
    assert sum(one != other for one, other in zip(first, second, strict=True)) == 1


def test_the_table_has_the_exponent_and_the_most_that_it_grew():
    figures = [
        {"engine": "duckdb", "scenario": "second look", "rows": size, "cpu_s": cost, "grown": grown}
        for size, cost, grown in ((1_000, 0.5, 0.04), (10_000, 5.0, 0.01))
    ]
    expected = "| duckdb | second look | 1,000: 0.50, 10,000: 5.00 | 1.00 | 4.0% |"
    assert growing.table(figures).splitlines()[2:] == [expected]
    assert growing.table(figures[:1]).splitlines()[2:] == ["| duckdb | second look | 1,000: 0.50 |  | 4.0% |"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", growing.ENGINES)
def test_every_engine_is_measured_at_every_size(engine):
    with mock.patch.dict(os.environ):  # it defines a connection
        figures = growing.measure(engine, (3_000, 6_000), 1)
    assert [(one["rows"], one["scenario"]) for one in figures] == [
        (size, scenario) for size in (3_000, 6_000) for scenario in ("new window", "second look")
    ]
    assert all(one["cpu_s"] > 0 for one in figures)
    assert all(one["grown"] >= 0 for one in figures if one["scenario"] == "second look")
