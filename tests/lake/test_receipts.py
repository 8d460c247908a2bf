"""Receipts of loads: what is loaded is known, nothing else is guessed, and nothing depends on them."""

from __future__ import annotations

import gzip
import json
import logging
import os
from pathlib import Path

import pytest
from verifying import everywhere

from airflow_provider_binance_liq.core.manifest import INDEX
from airflow_provider_binance_liq.lake import index
from airflow_provider_binance_liq.lake.index import receipts

NOW = 1_791_936_000_000
AT, LATER, BEFORE = "2026-10-14T00:00:00Z", "2026-10-14T00:00:01Z", "2026-10-13T23:59:59Z"
ONE, OTHER = "11" * 32, "22" * 32


def files(lake):
    directory = lake.at(f"{INDEX}/loaded")
    return sorted(directory.fs.ls(str(directory.path), detail=False)) if directory.exists() else []


@everywhere
def test_an_object_is_loaded_where_a_receipt_has_its_very_content(either):
    lake = either
    assert index.read_loads(lake.path).since == ""
    index.leave(lake.path, "warehouse.duckdb", {"a": ONE, "b": ONE}, NOW)
    found = index.read_loads(lake.path)
    assert found.since == AT
    assert found.is_loaded("a", ONE, AT) is True
    assert found.is_loaded("a", OTHER, AT) is False
    assert found.is_loaded("c", ONE, LATER) is False
    assert found.of("b", ONE) == [("warehouse.duckdb", AT)]


def test_what_was_extracted_before_the_first_receipt_is_not_known_to_be_loaded_or_not(lake):
    index.leave(lake.path, "w", {"a": ONE}, NOW)
    assert index.read_loads(lake.path).is_loaded("old", ONE, BEFORE) is None


def test_without_a_receipt_nothing_is_known(lake):
    assert index.read_loads(lake.path).is_loaded("a", ONE, AT) is None


def path(history, number=1):
    return f"{history}/date=2026-10-0{number}/x.ndjson"


def test_of_a_history_without_a_receipt_nothing_is_known_as_where_a_cloud_alone_has_it(lake):
    desk, other = "usdm_futures/account=desk", "usdm_futures/account=other"
    index.leave(lake.path, "w", {path(desk): ONE}, NOW)
    found = index.read_loads(lake.path)
    assert found.is_loaded(path(desk, 2), ONE, LATER) is False
    assert found.is_loaded(path(other), ONE, LATER) is None
    filtered = path(desk, 2).replace("x.", "x.filter-0123456789ab.")
    assert found.is_loaded(filtered, ONE, LATER) is None
    index.leave(lake.path, "w", {path(other): ONE}, NOW + 1000)
    found = index.read_loads(lake.path, found)
    assert (found.is_loaded(path(other, 2), ONE, AT), found.is_loaded(path(other, 2), ONE, LATER)) == (
        None,
        False,
    )


def test_since_when_loads_of_a_history_are_known_outlasts_folding_and_later_loads(lake):
    for number in range(receipts._MANY):
        index.leave(lake.path, "w", {path("e/account=a"): ONE}, NOW + number * 1000)
    before = index.read_loads(lake.path)
    receipts.fold(lake.path, NOW)
    after = index.read_loads(lake.path)
    assert after.firsts == before.firsts == {"e/account=a": AT}
    assert after.is_loaded(path("e/account=a", 2), ONE, AT) is False


def test_one_warehouse_of_several_is_enough_and_each_is_named(lake):
    index.leave(lake.path, "w", {"a": ONE}, NOW)
    index.leave(lake.path, "v", {"a": ONE, "b": OTHER}, NOW + 1000)
    found = index.read_loads(lake.path)
    assert found.is_loaded("b", OTHER, LATER) is True
    assert found.of("a", ONE) == [("v", LATER), ("w", AT)]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_last_load_of_an_object_counts_in_whatever_order_receipts_are_written(lake, reverse):
    loads = [({"a": ONE}, NOW), ({"a": OTHER}, NOW + 1000)]
    for objects, now_ms in reversed(loads) if reverse else loads:
        index.leave(lake.path, "w", objects, now_ms)
    found = index.read_loads(lake.path)
    assert (found.is_loaded("a", OTHER, AT), found.is_loaded("a", ONE, AT)) == (True, False)


@everywhere
def test_many_receipts_become_one_that_says_the_same(either):
    lake = either
    for number in range(receipts._MANY):
        index.leave(lake.path, f"w{number % 2}", {f"a{number}": ONE}, NOW + number * 1000)
    before = index.read_loads(lake.path)
    index.refresh(lake.path, NOW)
    after = index.read_loads(lake.path, before)
    assert len(files(lake)) == 1
    assert (after.since, after.by_warehouse) == (before.since, before.by_warehouse)


def test_two_that_fold_at_once_lose_no_receipt(lake, monkeypatch):
    for number in range(receipts._MANY):
        index.leave(lake.path, "w", {f"a{number}": ONE}, NOW)
    store, nested = receipts._store, []

    def overtaken(*arguments):
        if not nested:
            nested.append(1)
            index.leave(lake.path, "w", {"late": ONE}, NOW)
            receipts.fold(lake.path, NOW)
        store(*arguments)

    monkeypatch.setattr(receipts, "_store", overtaken)
    receipts.fold(lake.path, NOW)
    found = index.read_loads(lake.path)
    assert all(found.is_loaded(f"a{number}", ONE, AT) for number in range(receipts._MANY))
    assert found.is_loaded("late", ONE, AT)


def test_a_receipt_that_is_folded_while_it_is_read_is_found_in_the_other_file(lake, monkeypatch):
    for number in range(receipts._MANY):
        index.leave(lake.path, "w", {f"a{number}": ONE}, NOW)
    names, asked = receipts._files, []

    def stale(destination):
        found = names(destination)
        if not asked:
            asked.append(1)
            receipts.fold(destination, NOW)
        return found

    monkeypatch.setattr(receipts, "_files", stale)
    assert index.read_loads(lake.path).is_loaded("a0", ONE, AT)


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"{", mtime=0), "version"], ids=str)
def test_with_a_receipt_that_cannot_be_read_nothing_is_claimed(lake, caplog, content):
    index.leave(lake.path, "w", {"a": ONE}, NOW)
    index.leave(lake.path, "w", {"b": ONE}, NOW)
    (path, _) = files(lake)
    if content == "version":
        content = gzip.compress(json.dumps({"version": 9, "since": AT, "loads": []}).encode())
    lake.at(f"{INDEX}/loaded/{path.rpartition('/')[2]}").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert index.read_loads(lake.path).is_loaded("c", ONE, LATER) is None
    assert "What was loaded cannot be read" in caplog.text


def test_a_receipt_that_cannot_be_written_is_no_error(lake, caplog):
    lake.at(INDEX).write_bytes(b"a file where the directory should be")
    with caplog.at_level(logging.INFO):
        index.leave(lake.path, "w", {"a": ONE}, NOW)
    assert "nothing depends on it" in caplog.text


@pytest.fixture
def read_names(monkeypatch):
    """Which receipts are read."""
    read, contents = [], receipts._contents
    monkeypatch.setattr(receipts, "_contents", lambda at, names: read.extend(names) or contents(at, names))
    return read


def test_a_receipt_that_is_known_is_not_read_again(lake, read_names):
    index.leave(lake.path, "w", {"a": ONE}, NOW)
    known = index.read_loads(lake.path)
    read_names.clear()
    index.leave(lake.path, "w", {"b": ONE}, NOW + 1000)
    assert index.read_loads(lake.path, known).is_loaded("b", ONE, AT)
    assert len(read_names) == 1


def test_beside_a_damaged_receipt_none_is_read_again_until_it_is_another_file(lake, read_names, caplog):
    for name in "abc":
        index.leave(lake.path, "w", {name: ONE}, NOW)
    damaged = lake.at(f"{INDEX}/loaded/{files(lake)[0].rpartition('/')[2]}")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9])
    known = index.read_loads(lake.path)
    assert (known.since, len(read_names), caplog.text.count("is damaged")) == ("", 3, 1)
    read_names.clear()
    known = index.read_loads(lake.path, known)
    assert (known.since, read_names, caplog.text.count("is damaged")) == ("", [], 1)
    damaged.write_bytes(whole)
    assert index.read_loads(lake.path, known).is_loaded("a", ONE, AT) is True
    assert len(read_names) == 1


def test_folding_reads_only_what_is_not_known_yet(lake, read_names):
    for number in range(receipts._MANY):
        index.leave(lake.path, "w", {f"a{number}": ONE}, NOW)
    known = index.read_loads(lake.path)
    index.leave(lake.path, "w", {"late": ONE}, NOW)
    read_names.clear()
    index.refresh(lake.path, NOW, None, known)
    assert (len(read_names), len(files(lake))) == (1, 1)
    found = index.read_loads(lake.path, known)
    assert found.is_loaded("late", ONE, AT) is found.is_loaded("a0", ONE, AT) is True


def test_beside_a_damaged_receipt_nothing_is_folded(lake):
    for number in range(receipts._MANY):
        index.leave(lake.path, "w", {f"a{number}": ONE}, NOW)
    lake.at(f"{INDEX}/loaded/{files(lake)[0].rpartition('/')[2]}").write_bytes(b"damaged")
    receipts.fold(lake.path, NOW)
    assert len(files(lake)) == receipts._MANY


@pytest.mark.timeout(30)
def test_what_is_named_like_a_receipt_and_is_no_regular_file_is_not_read(lake):
    index.leave(lake.path, "w", {"a": ONE}, NOW)
    directory = Path(files(lake)[0]).parent
    pipe, inner, link = (directory / f"{NOW}-{one * 32}.json.gz" for one in "abc")
    os.mkfifo(pipe)
    inner.mkdir()
    link.symlink_to("/dev/zero")
    assert index.read_loads(lake.path).is_loaded("a", ONE, AT) is True


def test_a_receipt_that_unpacks_to_more_than_any_index_is_damaged(lake, monkeypatch, caplog):
    monkeypatch.setattr("airflow_provider_binance_liq.lake.index.store._LARGEST", 1000)
    index.leave(lake.path, "w", {f"{number}": ONE for number in range(100)}, NOW)
    assert index.read_loads(lake.path).since == ""
    assert "it has more than 1,000 bytes" in caplog.text
