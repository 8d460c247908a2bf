"""A second look writes what changed, and not the texts of all rows around it."""

from __future__ import annotations

import pytest
from support.lakehouse import row

HOUR_MS = 3_600_000
START_MS = 1791590400000
#: of some blocks of DuckDB's, with a text that does not compress
MANY = 3_000


def spread(number, **fields):
    """Spell a row whose text is long and like no other."""
    noise = "".join(f"{number * 7919 * (place + 1) % 2**32:08x}" for place in range(100))
    return row(number, START_MS + number, note=f'"{noise}"', **fields)


def size(warehouse):
    """Return the bytes of the file, after it was closed."""
    warehouse.release()
    return warehouse.path.stat().st_size


def look(lake, warehouse, extracted_at, changed=()):
    rows = [spread(number, **({"price": '"2.5"'} if number in changed else {})) for number in range(MANY)]
    return warehouse.load(lake.lay(rows, extracted_at=extracted_at))


@pytest.fixture
def filled(lake, warehouse):
    """Load a table, and close its file."""
    look(lake, warehouse, "2026-11-11T00:00:00Z")
    return warehouse


def test_a_second_look_with_one_changed_row_makes_the_file_hardly_larger(lake, filled):
    before = size(filled)
    summary = look(lake, filled, "2026-11-12T00:00:00Z", changed=(7,))
    assert (summary.updated, summary.unchanged) == (1, MANY - 1)
    # The texts alone are more than half of it; what was noted on each row takes a few blocks.
    assert size(filled) - before < before / 3
    assert filled.values("price", "order_id = 7") == [("2.500000000000000000",)]


def test_a_row_may_change_again_and_again(lake, filled):
    for day, price in enumerate(("2.5", "3.5", "4.5"), 12):
        rows = [spread(7, price=f'"{price}"'), spread(8)]
        assert filled.load(lake.lay(rows, extracted_at=f"2026-11-{day}T00:00:00Z")).updated == 1
    ((count, price),) = filled.query("SELECT count(*), max(price) FROM binance_liquidations")
    assert (count, float(price)) == (MANY, 4.5)
