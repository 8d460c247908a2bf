"""A row is found wherever it is stored, however far an update has moved it in time."""

from __future__ import annotations

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.warehouse import sql

START_MS = 1791590400000
HOUR_MS = 3_600_000
#: of rows, so that a table is much larger than a load of a few
MANY = 60


def spread(number):
    """Spell a row of the table's, two hours after the one before."""
    return row(number, START_MS + 2 * HOUR_MS * number)


@pytest.fixture
def bounds(monkeypatch):
    """Note what bounds where a load looks for stored rows, each time it does."""
    given = []

    def class_rows(table, place, near="", **named):
        given.append(near)
        return made(table, place, near, **named)

    made = sql.class_rows
    monkeypatch.setattr(sql, "class_rows", class_rows)
    return given


@pytest.fixture
def filled(lake, warehouse):
    """Load a table of many rows."""
    warehouse.load(lake.lay([spread(number) for number in range(MANY)]))
    return warehouse


@pytest.mark.parametrize("hours", [1, 23, 25, 24 * 30], ids=lambda hours: f"{hours} h")
def test_an_update_replaces_its_row_however_far_it_has_moved(lake, filled, hours):
    moved = row(7, START_MS + (2 * 7 + hours) * HOUR_MS, price='"2.5"')
    summary = filled.load(lake.lay([moved], day=11))
    assert (summary.inserted, summary.updated) == (0, 1)
    counted = "SELECT count(*), count(DISTINCT order_id) FROM binance_liquidations"
    assert filled.query(counted) == [(MANY, MANY)]
    assert filled.query("SELECT order_id FROM binance_liquidations WHERE price = 2.5") == [(7,)]


def test_one_row_that_moved_far_is_found_beside_others_that_did_not(lake, filled, bounds):
    far = row(1, START_MS + 2 * HOUR_MS * MANY, price='"2.5"')
    near = row(MANY - 1, START_MS + 2 * HOUR_MS * (MANY - 1) + 1, price='"2.5"')
    bounds.clear()
    assert filled.load(lake.lay([far, near], day=11)).updated == 2
    assert bounds[-1] == ""


def test_a_second_look_reads_the_table_only_around_its_own_time(lake, filled, bounds):
    again = lake.lay([row(7, START_MS + 14 * HOUR_MS + 1, price='"2.5"'), spread(8)], day=11)
    bounds.clear()
    summary = filled.load(again)
    assert (summary.updated, summary.unchanged) == (1, 1)
    assert len(bounds) == 1
    assert "target.updated_at BETWEEN" in bounds[0]


def test_a_load_as_large_as_the_table_looks_everywhere(lake, filled, bounds):
    everything = [row(number, START_MS + 2 * HOUR_MS * number + 1) for number in range(MANY)]
    bounds.clear()
    assert filled.load(lake.lay(everything, day=11)).updated == MANY
    assert bounds == [""]
