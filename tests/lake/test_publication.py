"""Replacing an earlier extraction: committed by a note, completed by the next run; old remains go."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import contextmanager, nullcontext

import pytest
from support import dying
from support.manifests import describe

from airflow_provider_binance_liq.exceptions import DestinationLocked, InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake import (
    commit,
    draft,
    fetch_object,
    find_manifest,
    finish,
    lock,
    publication,
    publish,
    sweep,
)
from airflow_provider_binance_liq.lake.locks import MAX_WAIT_S

FIRST, SECOND, THIRD = range(1, 6), range(1, 9), range(1, 12)


@pytest.fixture(params=["file", "s3"])
def destination(request, tmp_path):
    if request.param == "file":
        return f"file://{tmp_path}/lake"
    return f"s3://aws_default@{request.getfixturevalue('bucket')}/lake"


def read(destination, scratch):
    manifest = find_manifest(dying.at(destination))
    return manifest and fetch_object(manifest, scratch).read_bytes().splitlines()


def rows(numbers):
    return [dying.body(number) for number in numbers]


def hidden(destination):
    directory = dying.at(destination).directory
    directory.fs.invalidate_cache()
    found = (path.rpartition("/")[2] for path in directory.fs.find(str(directory.path)))
    return [name for name in found if name.startswith(".")]


@contextmanager
def interrupted(monkeypatch, step):
    """Let a publication fail where the object is to be replaced, or where its manifest is to be written."""

    def end(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(publication, step, end)
        with pytest.raises(StorageError):
            yield


@pytest.mark.parametrize("step", ["_replace_object", "_write_manifest"])
def test_a_publication_that_was_committed_is_completed_by_the_next_run(
    destination, monkeypatch, tmp_path, step
):
    dying.land(destination, FIRST)
    with interrupted(monkeypatch, step):
        dying.land(destination, SECOND, 1)
    assert hidden(destination)
    finish(dying.at(destination))
    assert read(destination, tmp_path) == rows(SECOND)
    assert hidden(destination) == []
    finish(dying.at(destination))
    assert read(destination, tmp_path) == rows(SECOND)


def test_until_it_is_committed_the_earlier_extraction_is_unchanged(destination, monkeypatch, tmp_path):
    dying.land(destination, FIRST)
    with interrupted(monkeypatch, "_write_note"):
        dying.land(destination, SECOND, 1)
    assert read(destination, tmp_path) == rows(FIRST)
    assert hidden(destination) == []


def test_a_note_that_a_later_landing_has_overtaken_does_not_undo_it(destination, monkeypatch, tmp_path):
    dying.land(destination, FIRST)
    with interrupted(monkeypatch, "_replace_object"):
        dying.land(destination, SECOND, 1)
    at = dying.at(destination)
    note, staged = at.pending.read_bytes(), next(n for n in hidden(destination) if "staged" in n)
    content = (at.directory / staged).read_bytes()
    dying.land(destination, THIRD, 2)
    at.pending.write_bytes(note)
    (at.directory / staged).write_bytes(content)
    finish(at)
    assert read(destination, tmp_path) == rows(THIRD)
    assert hidden(destination) == []


def test_a_note_whose_object_is_gone_does_not_count(destination, monkeypatch, tmp_path):
    dying.land(destination, FIRST)
    with interrupted(monkeypatch, "_replace_object"):
        dying.land(destination, SECOND, 1)
    at = dying.at(destination)
    for name in hidden(destination):
        if "staged" in name:
            (at.directory / name).unlink()
    finish(at)
    assert read(destination, tmp_path) == rows(FIRST)
    assert hidden(destination) == []


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"[" * 100_000, b'{"manifest": 1, "replaces": ""}'])
def test_a_note_that_cannot_be_read_is_refused_and_nothing_is_changed(destination, tmp_path, text):
    dying.land(destination, FIRST)
    dying.at(destination).pending.write_bytes(text)
    with pytest.raises(InconsistentManifest, match="but cannot be read"):
        dying.land(destination, SECOND)
    assert read(destination, tmp_path) == rows(FIRST)


def test_a_note_of_another_extraction_is_refused(destination, monkeypatch):
    dying.land(destination, FIRST)
    with interrupted(monkeypatch, "_replace_object"):
        dying.land(destination, SECOND, 1)
    at = dying.at(destination)
    plain = json.loads(at.pending.read_bytes())
    plain["manifest"]["account"] = "other"
    at.pending.write_bytes(json.dumps(plain).encode())
    with pytest.raises(InconsistentManifest, match="belongs to"):
        finish(at)


def test_who_was_overtaken_since_the_comparison_writes_nothing(destination, tmp_path):
    seen = dying.land(destination, FIRST)
    at, space = dying.at(destination), tmp_path / "space"
    space.mkdir()
    other = dying.land(destination, SECOND, 1)
    stored = publish(draft(rows(THIRD), space), at)
    with pytest.raises(StorageError, match="since this one was compared"):
        commit(describe(stored, extracted_at=dying.extracted(2)), at, space, seen=seen)
    assert find_manifest(at) == other
    assert hidden(destination) == []


def test_who_meets_the_note_of_a_run_at_work_changes_nothing_and_leaves_it_to_that_run(
    destination, monkeypatch, tmp_path
):
    seen = dying.land(destination, FIRST)
    at, space = dying.at(destination), tmp_path / "space"
    space.mkdir()
    stored = publish(draft(rows(THIRD), space), at)
    with interrupted(monkeypatch, "_replace_object"):
        dying.land(destination, SECOND, 1)
    note = at.pending.read_bytes()
    with pytest.raises(StorageError, match=r"is publishing .* just now"):
        commit(describe(stored, extracted_at=dying.extracted(2)), at, space, seen=seen)
    assert at.pending.read_bytes() == note
    assert find_manifest(at) == seen
    finish(at)
    assert read(destination, tmp_path) == rows(SECOND)
    assert hidden(destination) == []


# --- what was cut off long ago --------------------------------------------------------------------------

STEM = dying.at("file:///lake").stem
UUID = "0" * 32
OURS = [
    f".{STEM}.0123456789abcdef.journal.tmp",
    f".{STEM}.0123456789abcdef.ndjson.staged.tmp",
    f".{STEM}.0123456789abcdef.ndjson.gz.staged.tmp",
    f".{STEM}.ndjson.{UUID}.tmp",
    f".{STEM}.manifest.json.{UUID}.tmp",
    f".{STEM}.filter-0123456789ab.ndjson.gz.{UUID}.tmp",
    f"..{STEM}.pending.tmp.{UUID}.tmp",
    f"..{STEM}.0123456789abcdef.journal.tmp.{UUID}.tmp",
]
OTHERS = [
    f".{STEM}.pending.tmp",
    f"{STEM}.ndjson",
    f"{STEM}.manifest.json",
    ".hidden",
    ".hidden.tmp",
    f".{STEM}.notes.tmp",
    f"{STEM}.ndjson.{UUID}.tmp",
]
DAY_S = 86_400.0
LATER_S = 4_000_000_000.0


@pytest.mark.parametrize("name", [*OURS, *OTHERS])
def test_only_names_that_are_ours_are_swept(destination, name):
    at = dying.at(destination)
    if destination.startswith("file"):
        at.directory.mkdir(parents=True)
    (at.directory / name).write_bytes(b"x")
    assert sweep(at, LATER_S) == (name in OURS)
    at.directory.fs.invalidate_cache()
    assert (at.directory / name).exists() == (name in OTHERS)


@pytest.mark.parametrize(("age_s", "removed"), [(60, 0), (3 * DAY_S, 0), (5 * DAY_S, 1)])
def test_what_somebody_may_still_go_on_from_is_not_swept(tmp_path, age_s, removed):
    at = dying.at(f"file://{tmp_path}/lake")
    at.directory.mkdir(parents=True)
    path = at.directory / OURS[0]
    path.write_bytes(b"x")
    os.utime(str(path.path), (LATER_S - age_s,) * 2)
    assert sweep(at, LATER_S) == removed


def test_what_a_committed_landing_needs_is_never_swept(destination, monkeypatch, tmp_path):
    dying.land(destination, FIRST)
    with interrupted(monkeypatch, "_replace_object"):
        dying.land(destination, SECOND, 1)
    assert sweep(dying.at(destination), LATER_S) == 0
    finish(dying.at(destination))
    assert read(destination, tmp_path) == rows(SECOND)


def test_a_sweep_that_fails_fails_nothing(tmp_path, monkeypatch, caplog):
    at = dying.at(f"file://{tmp_path}/none")
    monkeypatch.setattr(type(at.directory.fs), "find", lambda *_, **__: 1 / 0)
    assert sweep(at, LATER_S) == 0
    assert "cannot be removed now" in caplog.text


# --- who holds the directory ----------------------------------------------------------------------------


@contextmanager
def held(at):
    at.directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(str(at.directory.path), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)


class Clock:
    def __init__(self):
        self.now_s, self.naps = 0.0, []

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now_s += seconds


def test_a_reader_that_holds_the_directory_for_ever_is_waited_for_within_a_bound(tmp_path, caplog):
    at, clock = dying.at(f"file://{tmp_path}/lake"), Clock()
    with (
        caplog.at_level(logging.INFO),
        held(at),
        pytest.raises(DestinationLocked, match="has held a lock on") as caught,
        lock(at, monotonic=clock.monotonic, sleep=clock.sleep),
    ):
        pass
    assert MAX_WAIT_S <= clock.now_s < MAX_WAIT_S + 1
    assert caplog.text.count("another process holds") == 1
    assert "A retry waits again" in str(caught.value)


def test_a_reader_that_lets_go_is_waited_for(tmp_path):
    at, clock = dying.at(f"file://{tmp_path}/lake"), Clock()
    with held(at) as descriptor:

        def sleep(seconds):
            clock.sleep(seconds)
            if len(clock.naps) == 3:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

        with lock(at, monotonic=clock.monotonic, sleep=sleep):
            assert len(clock.naps) == 3


def test_where_there_are_no_locks_it_goes_on_and_says_so(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.INFO), lock(dying.at(f"file://{tmp_path}/lake")):
        pass
    assert "has no locks (No locks available)" in caplog.text


@pytest.mark.parametrize("other", [None, "gzip"])
def test_a_run_that_ends_late_keeps_the_object_that_another_one_published_meanwhile(
    destination, monkeypatch, tmp_path, other
):
    clean_up, mine = publication._clean_up, None if other else "gzip"

    def late(*given):
        # An object store has no lock, so a run with the other compression comes in between.
        monkeypatch.setattr(publication, "_clean_up", clean_up)
        monkeypatch.setattr(dying, "lock", lambda _: nullcontext())
        dying.land(destination, SECOND, 1, other)
        clean_up(*given)

    monkeypatch.setattr(publication, "_clean_up", late)
    dying.land(destination, FIRST, 0, mine)
    assert find_manifest(dying.at(destination)).object.compression == other
    assert read(destination, tmp_path) == rows({*FIRST, *SECOND})
