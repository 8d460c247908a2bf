"""Receipts of loads: what is loaded is known, nothing else is guessed, and nothing depends on them."""

from __future__ import annotations

import gzip
import json
import logging

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
    names, asked = receipts._names, []

    def stale(destination):
        found = names(destination)
        if not asked:
            asked.append(1)
            receipts.fold(destination, NOW)
        return found

    monkeypatch.setattr(receipts, "_names", stale)
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


def test_a_receipt_that_is_known_is_not_read_again(lake, monkeypatch):
    index.leave(lake.path, "w", {"a": ONE}, NOW)
    known = index.read_loads(lake.path)
    index.leave(lake.path, "w", {"b": ONE}, NOW + 1000)
    read, contents = [], receipts._contents
    monkeypatch.setattr(receipts, "_contents", lambda at, names: read.extend(names) or contents(at, names))
    assert index.read_loads(lake.path, known).is_loaded("b", ONE, AT)
    assert len(read) == 1
