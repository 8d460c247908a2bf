"""The spool keeps each row once and hands the rows out in the object's order, whatever came when."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from airflow_provider_binance_liq.core.rows import Row
from airflow_provider_binance_liq.exceptions import StorageError, UnexpectedRow
from airflow_provider_binance_liq.lake.spool import Spool, sweep_spools

SYMBOLS = ["BTCUSDT", "ETHUSDT", "币安人生USDT", "1000PEPEUSDT", "btc"]


def make(symbol="BTCUSDT", order_id=1, created=10, updated=None, body=None):
    updated = created if updated is None else updated
    body = f"{symbol} {order_id} {updated}".encode() if body is None else body
    return Row((symbol, order_id), created, updated, body, symbol)


rows = st.builds(
    make,
    st.sampled_from(SYMBOLS),
    st.integers(0, 3) | st.integers(2**53, 2**53 + 3) | st.integers(2**64, 2**64 + 2),
    st.integers(0, 5),
)


@given(st.lists(st.lists(rows, max_size=6), max_size=6))
def test_each_row_is_kept_once_and_counted_once_when_it_is_first_seen(pages):
    known = {}
    with Spool() as spool:
        for page in pages:
            fresh = {row.key for row in page} - set(known)
            for row in page:
                known[row.key] = max(known.get(row.key, row), row, key=lambda row: row.updated_ms)
            assert spool.keep(page) == len(fresh)
            assert len(spool) == len(known)
        in_order = sorted(known.values(), key=lambda row: (row.created_ms, *row.key))
        assert list(spool.bodies()) == [row.body for row in in_order]


def test_rows_are_ordered_by_time_then_symbol_then_order_id_as_a_number():
    given_rows = [
        make("ETHUSDT", 5, 10),
        make("BTCUSDT", 100, 10),
        make("BTCUSDT", 99, 10),
        make("ETHUSDT", 1, 9),
        make("BTCUSDT", 18446744073709551617, 10),
    ]
    with Spool() as spool:
        spool.keep(given_rows)
        assert list(spool.bodies()) == [
            b"ETHUSDT 1 9",
            b"BTCUSDT 99 10",
            b"BTCUSDT 100 10",
            b"BTCUSDT 18446744073709551617 10",
            b"ETHUSDT 5 10",
        ]


def test_one_order_id_under_two_symbols_is_two_rows():
    with Spool() as spool:
        assert spool.keep([make("BTCUSDT", 7), make("ETHUSDT", 7)]) == 2


@pytest.mark.parametrize("later_first", [True, False])
def test_of_two_states_of_one_order_the_later_update_is_kept(later_first):
    early, late = make(updated=20, body=b"early"), make(updated=30, body=b"late")
    with Spool() as spool:
        for row in (late, early) if later_first else (early, late):
            spool.keep([row])
        assert list(spool.bodies()) == [b"late"]


@pytest.mark.parametrize("on_one_page", [True, False])
def test_two_orders_with_one_id_that_were_created_at_different_instants_are_refused_and_not_one_dropped(
    on_one_page,
):
    one, other = (replace(make(created=at, body=b"%d" % at), fingerprint=str(at)) for at in (10, 20))
    refused = pytest.raises(UnexpectedRow, match=r"BTCUSDT 1, so one would be lost: 10 and 20")
    with Spool() as spool:
        if not on_one_page:
            spool.keep([one])
        with refused:
            spool.keep([one, other] if on_one_page else [other])


def test_an_order_that_once_came_without_the_instant_of_its_creation_is_no_other_one():
    one = make(created=10, updated=30)
    with Spool() as spool:
        for fingerprint in ("", "10", ""):
            spool.keep([replace(one, fingerprint=fingerprint)])
        assert len(spool) == 1


def test_of_two_spellings_of_one_state_the_first_is_kept():
    with Spool() as spool:
        assert spool.keep([make(body=b"first"), make(body=b"second")]) == 1
        assert list(spool.bodies()) == [b"first"]


def test_only_the_symbols_that_are_wanted_are_handed_out():
    with Spool() as spool:
        spool.keep([make(symbol, body=symbol.encode()) for symbol in SYMBOLS])
        assert list(spool.bodies(("币安人生USDT", "BTCUSDT"))) == [b"BTCUSDT", "币安人生USDT".encode()]
        assert len(list(spool.bodies(()))) == len(SYMBOLS)


def test_any_bytes_of_a_row_come_back_as_they_were():
    bodies = [bytes(range(256)), b"", b"\x00\n\r", "强平".encode()]
    with Spool() as spool:
        spool.keep([make(order_id=number, body=body) for number, body in enumerate(bodies)])
        assert sorted(spool.bodies()) == sorted(bodies)


def test_an_empty_spool_hands_out_nothing():
    with Spool() as spool:
        assert spool.keep([]) == 0
        assert list(spool.bodies()) == []


def test_nothing_is_left_on_disk_when_it_is_closed_even_after_an_error():
    paths = []

    def fail_with_rows():
        with Spool() as spool:
            paths.append(spool.path)
            spool.keep([make()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_with_rows()
    assert [path.exists() for path in paths] == [False]


def not_certainly_new(number=0):
    """A row of which only an index can tell whether it is new: no id follows a text."""
    return Row((f"{number}",), 10, 10, b"x" * 1000)


def test_a_local_disk_that_is_too_full_for_the_index_is_a_storage_error():
    with Spool() as spool:
        spool.keep([not_certainly_new()])
        spool._rows._database.execute("PRAGMA max_page_count = 20")
        with pytest.raises(StorageError, match="full"):
            spool.keep(map(not_certainly_new, range(3000)))


@pytest.mark.parametrize("indexed", [True, False])
def test_a_local_disk_that_is_too_full_for_the_rows_is_a_storage_error(indexed, monkeypatch):
    with Spool() as spool, Path("/dev/full").open("r+b", buffering=0 if not indexed else -1) as full:
        spool.keep([not_certainly_new()] if indexed else [])
        monkeypatch.setattr(spool._rows, "_bodies" if indexed else "_file", full)
        with pytest.raises(StorageError, match="No space left"):
            spool.keep([make(order_id=number, body=b"x" * 1000) for number in range(2000)])
        monkeypatch.undo()
        with suppress(OSError):
            full.close()


def test_a_spool_whose_rows_could_not_be_written_leaves_nothing_either():
    spool = Spool()
    spool.keep([not_certainly_new()])
    with Path("/dev/full").open("r+b") as full:
        spool._rows._bodies.close()
        spool._rows._bodies = full
        full.write(b"a row that stays in memory")
        spool.close()
    assert not spool.path.exists()


def test_a_temporary_directory_that_cannot_be_written_is_a_storage_error(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(StorageError, match="local disk"):
        Spool()


def test_a_database_that_is_gone_is_a_storage_error():
    with Spool() as spool:
        spool.keep([not_certainly_new()])
        spool._rows._database.close()
        with pytest.raises(StorageError):
            spool.keep([make()])


# --- what killed processes leave ------------------------------------------------------------------------


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def leave(directory, name, age_s):
    """Make a directory as a process leaves it that is killed outright."""
    path = directory / name
    path.mkdir()
    (path / "rows.sqlite").write_bytes(b"rows")
    for one in (path / "rows.sqlite", path):
        os.utime(one, (NOW_S - age_s, NOW_S - age_s))
    return path


NOW_S = 1_800_000_000
DAY_S = 86_400


def test_the_rows_of_a_process_that_was_killed_long_ago_are_removed(temporary):
    old, young = leave(temporary, "binance-liq-rows-a", 2 * DAY_S), leave(temporary, "binance-liq-rows-b", 60)
    assert sweep_spools(NOW_S) == 1
    assert (old.exists(), young.exists()) == (False, True)


def test_what_is_still_written_to_is_somebodys_however_old_it_is(temporary):
    path = leave(temporary, "binance-liq-rows-a", 2 * DAY_S)
    os.utime(path / "rows.sqlite", (NOW_S - 60, NOW_S - 60))
    assert sweep_spools(NOW_S) == 0


@pytest.mark.parametrize("name", ["binance-liq-tests-a", "binance-liq-pg-a", "rows"])
def test_only_names_that_are_the_spools_are_touched(temporary, name):
    leave(temporary, name, 30 * DAY_S)
    assert sweep_spools(NOW_S) == 0


@pytest.mark.parametrize("name", ["binance-liq-load-a", "binance-liq-typed-a"])
def test_the_rows_of_a_load_that_was_killed_are_removed_too(temporary, name):
    leave(temporary, name, 30 * DAY_S)
    assert sweep_spools(NOW_S) == 1


def test_a_link_is_not_followed(temporary):
    target = leave(temporary, "elsewhere", 30 * DAY_S)
    (temporary / "binance-liq-rows-a").symlink_to(target)
    assert sweep_spools(NOW_S) == 0
    assert (target / "rows.sqlite").exists()


def test_a_running_spool_is_never_swept(temporary):
    with Spool() as spool:
        spool.keep([make()])
        assert sweep_spools() == 0
        assert list(spool.bodies())
