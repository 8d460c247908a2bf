"""Killed at any moment, on a full disk or a failing store: no manifest ever lies, and a rerun repairs."""

from __future__ import annotations

import os
import threading

import pytest
from support import dying

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake import fetch_object, find_manifest

FIRST, SECOND = range(1, 6), range(1, 9)


@pytest.fixture(scope="module")
def server():
    dying.start_server()


@pytest.fixture
def land_and_die(tmp_path, server):
    """Land in a process of its own that dies, in temporary directories of its own."""
    directory = tmp_path / "worker"
    directory.mkdir()

    def run(destination, numbers, *how):
        given = {name: value for name, value in os.environ.items() if name.startswith(("AIRFLOW", "AWS_"))}
        return dying.run_until_death(destination, numbers, how, directory, given)

    return run


def read(destination, scratch):
    """What a careful reader finds: nothing, or rows that the manifest vouches for."""
    manifest = find_manifest(dying.at(destination))
    if manifest is None:
        return None
    path = fetch_object(manifest, scratch)
    rows = path.read_bytes().splitlines()
    path.unlink()
    return rows


def rows(numbers):
    return [dying.body(number) for number in numbers]


@pytest.mark.slow
@pytest.mark.parametrize("before", [(), FIRST, SECOND], ids=["nothing", "fewer rows", "the same rows"])
def test_killed_before_any_step_on_a_disk_nothing_lies_and_a_rerun_repairs(
    tmp_path, land_and_die, before, record_property
):
    kills, code = 0, -9
    while code:
        destination = f"file://{tmp_path}/lake-{kills}"
        if before:
            dying.land(destination, before)
        code, said = land_and_die(destination, SECOND, "step", kills + 1, f"lake-{kills}/")
        assert read(destination, tmp_path) in (None, rows(before), rows(SECOND))
        dying.land(destination, SECOND)
        assert read(destination, tmp_path) == rows(SECOND)
        assert code in (0, -9), said
        kills += code == -9
    assert said == "done"
    assert kills >= 4
    record_property("kills survived", kills)


@pytest.mark.slow
@pytest.mark.parametrize("before", [(), FIRST], ids=["nothing", "fewer rows"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_any_call_of_s3_nothing_lies_and_a_rerun_repairs(
    tmp_path, bucket, land_and_die, when, before, record_property
):
    kills, code = 0, -9
    while code:
        destination = f"s3://aws_default@{bucket}/{kills}"
        if before:
            dying.land(destination, before)
        code, said = land_and_die(destination, SECOND, when, kills + 1)
        assert read(destination, tmp_path) in (None, rows(before), rows(SECOND))
        dying.land(destination, SECOND)
        assert read(destination, tmp_path) == rows(SECOND)
        assert code in (0, -9), said
        kills += code == -9
    assert kills >= 4
    record_property("kills survived", kills)


@pytest.mark.slow
@pytest.mark.parametrize("before", [(), FIRST], ids=["nothing", "fewer rows"])
def test_a_call_of_s3_that_fails_is_a_storage_error_and_nothing_lies(tmp_path, bucket, land_and_die, before):
    said = []
    for call in range(1, 13):
        destination = f"s3://aws_default@{bucket}/{call}"
        if before:
            dying.land(destination, before)
        code, what = land_and_die(destination, SECOND, "fails", call)
        said.append(what.partition(":")[0])
        assert code == 0
        assert read(destination, tmp_path) in (None, rows(before), rows(SECOND))
        dying.land(destination, SECOND)
        assert read(destination, tmp_path) == rows(SECOND)
    # What only tells whether something is there may fail without harm.
    assert set(said) <= {"StorageError", "done"}
    assert said.count("StorageError") >= 3


@pytest.mark.parametrize("size", [0, 700, 12_000, 60_000])
def test_a_disk_that_is_full_is_a_storage_error_and_nothing_lies(tmp_path, land_and_die, size):
    destination = f"file://{tmp_path}/lake"
    dying.land(destination, FIRST)
    many = range(1, 2001)
    code, said = land_and_die(destination, many, "full", size)
    assert code == 0
    assert said.startswith("StorageError: "), said
    assert "then retry" in said
    assert read(destination, tmp_path) in (None, rows(FIRST))
    dying.land(destination, many)
    assert read(destination, tmp_path) == rows(many)


def test_two_runs_at_once_with_different_answers_never_show_a_manifest_that_lies(tmp_path):
    destination, lies, over = f"file://{tmp_path}/lake", [], threading.Event()

    def watch():
        scratch = tmp_path / "reader"
        scratch.mkdir()
        while not over.is_set():
            for _ in range(2):
                # Between reading a manifest and its object, another whole run may fit in; not twice.
                try:
                    read(destination, scratch)
                    break
                except (InconsistentManifest, StorageError) as error:
                    said = str(error)
            else:
                lies.append(said)

    def write(odd):
        for minute in range(25):
            dying.land(destination, [*range(10), *range(100 + odd, 140, 2)], minute)

    reader = threading.Thread(target=watch)
    writers = [threading.Thread(target=write, args=(odd,)) for odd in (0, 1)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    reader.join()
    assert lies == []
    # And no row of either was lost, although each knew only its own.
    assert read(destination, tmp_path) == rows([*range(10), *range(100, 140)])


def test_a_missing_aws_connection_never_becomes_an_anonymous_upload(bucket):
    with pytest.raises(Exception, match=r"aws_gone.*anonymous"):
        dying.land(f"s3://aws_gone@{bucket}/prefix", FIRST)
