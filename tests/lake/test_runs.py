"""Rows that are certainly new need no index, and are kept as they would be with one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.rows import Row
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.lake import runs
from airflow_provider_binance_liq.lake.row_index import RowIndex
from airflow_provider_binance_liq.lake.spool import Spool

SYMBOLS = ["BTCUSDT", "ETHUSDT", "币安人生USDT"]


def make(order_id, created=None, symbol="BTCUSDT", late_ms=0, **given):
    created = order_id if created is None else created
    body = f"{symbol} {order_id} {created} {late_ms}".encode()
    return Row((symbol, order_id), created, created + late_ms, body, symbol, **given)


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """Runs of three rows, of which six may lie across one another."""
    monkeypatch.setattr(runs, "RUN_ROWS", 3)
    monkeypatch.setattr(runs, "_MOST_ACROSS", 6)


rows = st.builds(
    make,
    st.integers(0, 60) | st.integers(2**63 - 2, 2**63 + 1),
    st.integers(0, 60),
    st.sampled_from(SYMBOLS),
    st.integers(0, 3),
    is_liquidation=st.booleans(),
)
#: as an exchange answers a walk: most rows follow each other, in time and in their ids
walks = st.lists(st.integers(0, 4), max_size=60).map(
    lambda steps: [
        make(sum(steps[:end]), symbol=SYMBOLS[end % 3], late_ms=end % 2) for end in range(len(steps))
    ]
)


@given(walks | st.lists(rows, max_size=60), st.integers(1, 9), st.integers(0, 2), st.booleans())
def test_rows_are_kept_as_an_index_keeps_them(tmp_path_factory, found, size, overlap, backward):
    found = found[::-1] if backward else found
    pages = [found[max(at - overlap, 0) : at + size] for at in range(0, len(found), size)]
    index = RowIndex(tmp_path_factory.mktemp("index"))
    with Spool() as spool:
        for page in pages:
            assert spool.keep(page) == index.keep(page)
            assert len(spool) == len(index)
        for drop in (False, True):
            if drop:
                for one in (spool, index):
                    one.keep_only(Window(10, 50), "updated")
            assert len(spool) == len(index)
            assert spool.symbols() == index.symbols()
            assert list(spool.bodies()) == list(index.bodies(()))
            assert list(spool.bodies(SYMBOLS[:2])) == list(index.bodies(SYMBOLS[:2]))
        assert spool.keep(found) == index.keep(found)
        assert list(spool.by_key()) == list(index.by_key(()))
        assert list(spool.bodies()) == list(index.bodies(()))
    index.close()


def keep(*pages):
    """Keep pages; return whether that took an index, and the bodies."""
    with Spool() as spool:
        for page in pages:
            spool.keep(page)
        bodies = list(spool.bodies())
        return spool.is_indexed, bodies


@pytest.mark.parametrize("step", [1, -1])
def test_a_walk_takes_no_index_although_its_pages_overlap(step):
    found = [make(100 + step * number) for number in range(50)]
    pages = [found[at : at + 10] for at in range(0, 50, 8)]
    assert keep(*pages) == (False, [row.body for row in sorted(found, key=lambda row: row.created_ms)])


def test_rows_of_many_symbols_whose_ids_have_nothing_to_do_with_one_another_take_no_index():
    pages = [
        [make(1_000 * number + at, at, symbol) for number, symbol in enumerate(SYMBOLS)] for at in range(9)
    ]
    assert keep(*pages)[0] is False


def test_runs_that_lie_across_one_another_a_little_are_merged():
    found = [make(number, number // 4 * 4 + (number * 7) % 5) for number in range(40)]
    indexed, bodies = keep(found)
    assert not indexed
    assert bodies == [row.body for row in sorted(found, key=lambda row: (row.created_ms, row.key))]


def test_runs_that_all_lie_across_one_another_take_an_index_instead_of_memory():
    found = [make(number, (number * 37) % 61) for number in range(61)]
    assert keep(found) == (True, [row.body for row in sorted(found, key=lambda row: row.created_ms)])


def test_an_id_among_earlier_ones_is_looked_up_and_is_new_where_it_was_not_there():
    indexed, bodies = keep([make(number) for number in range(0, 40, 2)], [make(5)])
    assert indexed
    assert bodies.count(make(5).body) == 1
    assert len(bodies) == 21


def test_a_row_that_was_updated_while_it_is_among_the_last_ones_takes_no_index():
    indexed, bodies = keep([make(number) for number in range(20)], [make(19, late_ms=7)])
    assert (indexed, bodies[-1]) == (False, make(19, late_ms=7).body)


def test_rows_that_are_asked_for_again_at_the_end_are_looked_up_in_their_run():
    found = [make(number) for number in range(40)]
    assert keep(found, found[:12]) == (False, [row.body for row in found])


def test_a_later_state_of_a_row_that_is_in_a_run_is_kept():
    indexed, bodies = keep([make(number) for number in range(40)], [make(3, late_ms=7)])
    assert (indexed, bodies[3], len(bodies)) == (True, make(3, late_ms=7).body, 40)


def test_what_is_looked_up_too_often_is_looked_up_in_an_index(monkeypatch):
    monkeypatch.setattr(runs, "_MOST_LOOKS", 2)
    found = [make(number) for number in range(40)]
    assert keep(found, found[:12]) == (True, [row.body for row in found])


@pytest.mark.parametrize("first", [2**64, 2**63 - 4, -4, -(2**63) - 4], ids=str)
def test_a_number_in_the_middle_of_a_key_may_be_of_any_size(first, tmp_path):
    """As where windows are compared: an order's key is followed by the instant of its update."""
    found = [Row(("BTCUSDT", first + number, 10), 10, 10, b"%d" % number, "BTCUSDT") for number in range(20)]
    index = RowIndex(tmp_path)
    index.keep(found)
    assert keep(found)[1] == list(index.bodies(()))
    index.close()


def test_rows_that_were_moved_into_an_index_are_not_on_the_disk_twice():
    with Spool() as spool:
        spool.keep([make(number) for number in range(40)])
        assert {path.name for path in spool.path.iterdir()} == {"runs"}
        assert len(list(spool.by_key())) == 40
        assert {path.name for path in spool.path.iterdir()} == {"rows.sqlite", "bodies"}
