"""The index of a lake's manifests: never trusted more than the lake, and nothing is lost with it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from verifying import DIRECTORY, STEM, day, everywhere, row

from airflow_provider_binance_liq.core.calendar import CAVEAT
from airflow_provider_binance_liq.core.manifest import INDEX
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake import fetch_object, index, read_manifest
from airflow_provider_binance_liq.lake.storage import LARGEST_MANIFEST, read_if_there
from airflow_provider_binance_liq.lake.verify import holdings

NOW = 1_791_936_000_000
PATH = f"{DIRECTORY}/{STEM}.manifest.json"


def files(lake, below):
    directory = lake.at(f"{INDEX}/{below}".rstrip("/"))
    found = directory.fs.find(str(directory.path)) if directory.exists() else []
    return sorted(one.rpartition("/")[2] for one in found)


@pytest.fixture
def read_paths(monkeypatch):
    """Which manifests are read from the lake."""
    read, original = [], holdings._contents

    def contents(destination, paths):
        read.extend(paths)
        return original(destination, paths)

    monkeypatch.setattr(holdings, "_contents", contents)
    return read


def taken(read):
    found = list(read)
    read.clear()
    return found


@everywhere
def test_a_refresh_reads_each_manifest_once_and_then_only_what_was_replaced(either, read_paths):
    lake = either
    lake.land([row(1)])
    lake.land([], day(1))
    first = index.refresh(lake.path, NOW)
    assert set(taken(read_paths)) == set(first.entries)
    entry = first.entries[PATH]
    assert (entry.rows, entry.complete, entry.account, entry.flags) == (1, True, "desk", 0)

    index.refresh(lake.path, NOW + 1)
    assert taken(read_paths) == []

    lake.land([row(1), row(2)])
    lake.land([], day(2), complete=False)
    second = index.refresh(lake.path, NOW + 2)
    assert len(taken(read_paths)) == 2
    assert second.entries[PATH].rows == 2
    assert {entry.flags for entry in second.entries.values()} == {0, CAVEAT}

    lake.at(PATH).unlink()
    assert PATH not in index.refresh(lake.path, NOW + 3).entries
    assert taken(read_paths) == []


@everywhere
def test_it_opens_without_a_look_at_the_lake_and_says_as_of_when(either, read_paths):
    lake = either
    assert index.load(lake.path) is None
    lake.land([row(1)])
    index.refresh(lake.path, NOW)
    taken(read_paths)
    lake.land([], day(1))
    found = index.load(lake.path)
    assert (list(found.entries), found.listed_at_ms) == ([PATH], NOW)
    assert index.load(lake.path, found).base is found.base
    assert read_paths == []


@everywhere
def test_an_extraction_is_known_at_once_and_the_next_listing_takes_it_up(either, read_paths):
    lake = either
    index.refresh(lake.path, NOW)
    manifest = lake.extract()
    (name,) = files(lake, "added")
    found = index.load(lake.path)
    assert found.entries[PATH].rows == manifest.object.rows
    assert found.listed_at_ms == NOW

    refreshed = index.refresh(lake.path, NOW + 1)
    # What an extraction said of itself is read once more.
    assert taken(read_paths) == [PATH]
    assert files(lake, "added") == []
    assert name in refreshed.folded
    assert index.load(lake.path).entries == refreshed.entries
    index.refresh(lake.path, NOW + 2)
    assert index.load(lake.path).folded == ()


def test_an_added_file_that_could_not_be_removed_outranks_no_later_listing(lake):
    index.refresh(lake.path, NOW)
    lake.extract()
    (name,) = files(lake, "added")
    added = lake.at(f"{INDEX}/added/{name}")
    content = added.read_bytes()
    index.refresh(lake.path, NOW + 1)
    added.write_bytes(content)
    lake.at(PATH).unlink()
    assert index.refresh(lake.path, NOW + 2).entries == {}
    added.write_bytes(content)
    assert index.load(lake.path).entries == {}


@pytest.mark.parametrize(
    "damage", [b"", b"no gzip", b"\x1f\x8b\x08\x00", "cut", "version"], ids=lambda one: str(one)[:8]
)
def test_without_an_index_or_with_a_damaged_one_the_lake_is_read(lake, read_paths, damage):
    lake.land([row(1)])
    before = index.refresh(lake.path, NOW).entries
    base = lake.at(f"{INDEX}/manifests.json.gz")
    if damage == "version":
        import gzip

        damage = gzip.compress(
            json.dumps({**json.loads(gzip.decompress(base.read_bytes())), "version": 0}).encode()
        )
    base.write_bytes(base.read_bytes()[:-9] if damage == "cut" else damage)
    taken(read_paths)
    assert index.load(lake.path) is None
    assert index.refresh(lake.path, NOW + 1).entries.keys() == before.keys()
    assert taken(read_paths) == [PATH]


def test_an_added_file_that_is_damaged_is_left_to_the_next_listing(lake):
    lake.land([row(1)])
    index.refresh(lake.path, NOW)
    lake.extract(window=day(1))
    (name,) = files(lake, "added")
    lake.at(f"{INDEX}/added/{name}").write_bytes(b"[1")
    assert list(index.load(lake.path).entries) == [PATH]
    assert len(index.refresh(lake.path, NOW + 1).entries) == 2
    assert files(lake, "added") == []


def test_an_index_that_cannot_be_written_fails_no_extraction_and_no_refresh(lake, caplog):
    lake.at(INDEX).write_bytes(b"a file where the directory should be")
    with caplog.at_level(logging.WARNING):
        manifest = lake.extract()
        assert "could not be updated; nothing depends on it" in caplog.text
        caplog.clear()
        assert index.refresh(lake.path, NOW).entries[PATH].rows == manifest.object.rows
        assert "could not be written; nothing depends on it" in caplog.text


def test_a_manifest_that_cannot_be_used_says_why_until_it_can(lake, read_paths):
    lake.land([row(1)])
    content = lake.manifest.read_bytes()
    lake.manifest.write_bytes(b"{")
    entry = index.refresh(lake.path, NOW).entries[PATH]
    assert "not JSON" in entry.why
    assert (entry.place.endpoint, entry.place.account, entry.place.date, entry.place.mark) == (
        "usdm_futures",
        "desk",
        "2026-10-01",
        "",
    )
    taken(read_paths)
    index.refresh(lake.path, NOW)
    assert taken(read_paths) == []
    lake.manifest.write_bytes(content)
    assert index.refresh(lake.path, NOW).entries[PATH].why == ""


@everywhere
def test_an_object_that_is_gone_or_has_another_size_is_reported_and_so_is_its_return(either):
    lake = either
    lake.land([row(1)])
    index.refresh(lake.path, NOW)
    content, path = lake.object.read_bytes(), lake.object
    path.unlink()
    assert index.refresh(lake.path, NOW).entries[PATH].why == "its object is not there"
    path.write_bytes(content[:-1])
    assert "and the manifest says" in index.refresh(lake.path, NOW).entries[PATH].why
    path.write_bytes(content)
    assert index.refresh(lake.path, NOW).entries[PATH].why == ""


@everywhere
def test_an_object_that_is_there_only_in_another_form_is_not_the_one(either):
    lake = either
    lake.land([row(1)])
    lake.edit(lambda plain: plain["object"].update(compression="gzip"))
    entry = index.refresh(lake.path, NOW).entries[PATH]
    assert (entry.complete, entry.why) == (False, "its object is not there")


def test_a_manifest_of_another_window_than_its_path_says_proves_nothing(lake):
    lake.land([row(1)])
    lake.edit(lambda plain: plain["window"].update(start="2026-09-20T00:00:00Z"))
    assert "is at another path" in index.refresh(lake.path, NOW).entries[PATH].why


def test_a_copy_of_a_manifest_elsewhere_proves_nothing(lake):
    lake.land([row(1)])
    copies = f"usdm_futures/account=desk/copies/{STEM}"
    lake.at(copies).parent.mkdir()
    for path in (lake.manifest, lake.object):
        lake.at(copies).parent.joinpath(path.name).write_bytes(path.read_bytes())
    found = index.refresh(lake.path, NOW).entries
    assert found[PATH].complete
    assert "is at another path" in found[f"{copies}.manifest.json"].why


def test_a_name_that_is_no_text_is_not_that_of_a_manifest(lake):
    lake.land([row(1)])
    name = os.fsencode(lake.manifest.path).replace(b".manifest", b"\xff.manifest")
    try:
        Path(os.fsdecode(name)).write_bytes(b"{}")
    except OSError:
        pytest.skip("this file system takes only text for a name")
    assert list(index.refresh(lake.path, NOW).entries) == [PATH]
    assert index.load(lake.path).entries[PATH].rows == 1
    report = json.loads(lake.command("--json")[1])
    assert [one["kind"] for one in report["notes"]] == ["foreign"]


def test_a_lake_that_cannot_be_listed_is_an_error_and_no_empty_lake(lake):
    with pytest.raises(StorageError):
        index.refresh(lake.at("nowhere"), NOW)


@everywhere
def test_verification_takes_the_index_for_no_part_of_the_lake(either):
    lake = either
    lake.extract()
    index.refresh(lake.path, NOW)
    lake.extract(window=day(1))
    assert files(lake, "")
    status, out, _ = lake.command("--json")
    report = json.loads(out)
    assert status == 0
    assert [one["kind"] for one in report["notes"]] == []


def test_a_full_reading_can_be_saved_as_the_index(lake, read_paths):
    lake.extract()
    found, snapshot = index.read_lake(lake.path, NOW)
    assert len(found.claims) == 1
    index.save(lake.path, snapshot)
    taken(read_paths)
    assert index.refresh(lake.path, NOW + 1).entries == snapshot.entries
    assert (taken(read_paths), files(lake, "added")) == ([], [])


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["manifests.json.gz", "added/1791936000000-" + "a" * 32 + ".json"])
def test_a_named_pipe_in_the_place_of_the_index_is_not_read(lake, name):
    lake.land([row(1)])
    index.refresh(lake.path, NOW)
    place = Path(str(lake.at(f"{INDEX}/{name}").path))
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    index.load(lake.path)
    assert set(index.refresh(lake.path, NOW + 1).entries) == {PATH}
    assert set(index.load(lake.path).entries) == {PATH}


def test_a_file_that_is_larger_than_any_manifest_is_not_read(lake, read_paths):
    lake.land([row(1)])
    lake.at(PATH).write_bytes(b" " * (LARGEST_MANIFEST + 1))
    assert "1,048,577 bytes" in index.refresh(lake.path, NOW).entries[PATH].why
    assert read_paths == []
    with pytest.raises(StorageError, match="1,048,576 are the most"):
        read_manifest(lake.at(PATH))


@pytest.mark.timeout(30)
def test_a_named_pipe_in_the_place_of_a_manifest_or_an_object_is_an_error_at_once(lake, tmp_path):
    lake.land([row(1)])
    manifest = read_manifest(lake.at(PATH))
    for suffix in (".manifest.json", ".ndjson"):
        path = lake.at(f"{DIRECTORY}/{STEM}{suffix}")
        path.unlink()
        os.mkfifo(str(path.path))
    with pytest.raises(StorageError, match="not a regular file"):
        read_manifest(lake.at(PATH))
    with pytest.raises(StorageError, match="not a regular file"):
        read_if_there(lake.at(PATH))
    with pytest.raises(StorageError, match="not a regular file"):
        fetch_object(manifest, tmp_path)
