"""The demo's directory: one demo at a time, and nothing of anybody else's is touched."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from airflow_provider_binance_liq.demo.directory import MARKER, Directory
from airflow_provider_binance_liq.demo.failure import DemoFailed


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A place of its own for temporary directories."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def test_a_directory_that_is_not_there_is_made_with_all_above_it(tmp_path):
    wanted = tmp_path / "one" / "two"
    with Directory.take(wanted) as directory:
        assert directory.path == wanted
        assert not directory.temporary
        for path in (directory.airflow_home, directory.logs, directory.lake, directory.warehouse.parent):
            assert path.is_dir()
            assert path.parent == wanted


def test_a_path_may_hold_blanks_and_letters_of_any_script(tmp_path):
    wanted = tmp_path / "a path with späces, 币安 & 100%"
    with Directory.take(wanted) as directory:
        assert directory.path == wanted
        directory.note(ui="http://127.0.0.1:1")
    assert json.loads((wanted / MARKER).read_text()) == {"pid": os.getpid(), "ui": "http://127.0.0.1:1"}


def test_a_relative_path_becomes_absolute_for_processes_that_run_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Directory.take(Path("here")) as directory:
        assert directory.path == tmp_path / "here"


def test_a_path_may_begin_with_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Directory.take(Path("~/demo")) as directory:
        assert directory.path == tmp_path / "demo"


def test_without_a_wish_a_temporary_directory_is_made_that_only_its_user_can_open(temporary):
    with Directory.take(None) as directory:
        assert directory.temporary
        assert directory.path.parent == temporary
        assert directory.path.stat().st_mode & 0o077 == 0


def test_it_is_removed_with_all_that_is_in_it(temporary):
    with Directory.take(None) as directory:
        (directory.logs / "scheduler.log").write_text("words")
        directory.remove()
    assert list(temporary.iterdir()) == []


def test_what_a_demo_wrote_stays_when_it_lets_go(tmp_path):
    with Directory.take(tmp_path / "demo") as directory:
        (directory.lake / "object").write_text("rows")
    assert (tmp_path / "demo" / "lake" / "object").read_text() == "rows"


def test_the_leftovers_of_an_earlier_demo_are_removed_and_nothing_else(tmp_path):
    with Directory.take(tmp_path / "demo") as earlier:
        (earlier.lake / "object").write_text("rows")
        (earlier.path / "notes of mine.txt").write_text("keep me")
    with Directory.take(tmp_path / "demo") as directory:
        assert list(directory.lake.iterdir()) == []
        assert (directory.path / "notes of mine.txt").read_text() == "keep me"


def test_a_directory_that_holds_anything_else_is_refused_and_untouched(tmp_path):
    photos = tmp_path / "logs"
    photos.mkdir()
    (photos / "photo").write_text("irreplaceable")
    with pytest.raises(DemoFailed, match="is not empty and no demo made it"):
        Directory.take(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["logs", "photo"]


def test_a_directory_that_another_demo_runs_in_is_refused_with_where_that_one_is(tmp_path):
    with Directory.take(tmp_path) as first:
        first.note(ui="http://127.0.0.1:8080")
        (first.lake / "object").write_text("rows")
        with pytest.raises(DemoFailed) as refused:
            Directory.take(tmp_path)
        assert (first.lake / "object").exists()
    message = str(refused.value)
    assert f"another demo runs in {tmp_path} (process {os.getpid()}," in message
    assert "its interface is at http://127.0.0.1:8080" in message
    assert "--directory" in message


def test_a_directory_is_free_again_once_its_demo_has_let_go(tmp_path):
    for _ in range(2):
        with Directory.take(tmp_path):
            pass


def test_a_demo_that_has_not_noted_itself_yet_is_respected_too(tmp_path):
    with Directory.take(tmp_path):
        (tmp_path / MARKER).write_text("")
        with pytest.raises(DemoFailed, match="another demo runs in"):
            Directory.take(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("a file", "File exists"),
        ("a file/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("~nobody-of-that-name/demo", "home directory"),
    ],
)
def test_a_directory_that_cannot_be_is_explained(wanted, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    with pytest.raises(DemoFailed, match=reason) as refused:
        Directory.take(Path(wanted))
    assert wanted in str(refused.value)


@pytest.fixture
def victim(tmp_path):
    """A file that is nobody's business."""
    path = tmp_path / "victim"
    path.write_text("irreplaceable")
    yield path
    assert path.read_text() == "irreplaceable"


@pytest.mark.parametrize("lead", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_place_of_the_demos_own_file_is_not_followed(lead, tmp_path, victim):
    wanted = tmp_path / "demo"
    wanted.mkdir(0o755)
    getattr(wanted / MARKER, lead)(victim)
    with pytest.raises(DemoFailed, match=MARKER):
        Directory.take(wanted)


def test_a_link_to_a_file_that_is_not_there_makes_none(tmp_path):
    wanted = tmp_path / "demo"
    wanted.mkdir(0o755)
    (wanted / MARKER).symlink_to(tmp_path / "made")
    with pytest.raises(DemoFailed, match="cannot be written"):
        Directory.take(wanted)
    assert not (tmp_path / "made").exists()


def test_what_is_no_file_in_the_place_of_the_demos_own_is_refused(tmp_path):
    wanted = tmp_path / "demo"
    wanted.mkdir(0o755)
    os.mkfifo(wanted / MARKER)
    with pytest.raises(DemoFailed, match="is no file that a demo made"):
        Directory.take(wanted)


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o775, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused_and_untouched(mode, tmp_path):
    wanted = tmp_path / "demo"
    wanted.mkdir()
    wanted.chmod(mode)
    with pytest.raises(DemoFailed, match=r"others may write to .*chmod go-w"):
        Directory.take(wanted)
    assert list(wanted.iterdir()) == []


def test_a_directory_of_another_user_is_refused_and_untouched(tmp_path, monkeypatch):
    wanted = tmp_path / "demo"
    wanted.mkdir(0o755)
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    with pytest.raises(DemoFailed, match=r"belongs to another user|somebody else"):
        Directory.take(wanted)
    assert list(wanted.iterdir()) == []


def test_a_directory_that_somebody_else_could_replace_is_refused(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(DemoFailed, match=f"is in {shared}, where another user"):
        Directory.take(shared / "demo")
    # As /tmp is: there, everybody may only replace what is their own.
    shared.chmod(0o1777)
    with Directory.take(shared / "demo"):
        pass


def test_a_directory_that_is_made_can_be_opened_by_its_user_only(tmp_path):
    with Directory.take(tmp_path / "demo") as directory:
        assert directory.path.stat().st_mode & 0o777 == 0o700
        assert (directory.path / MARKER).stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_cleared_away_is_named_and_the_directory_let_go(tmp_path):
    with Directory.take(tmp_path):
        pass
    (tmp_path / "lake").rmdir()
    (tmp_path / "lake").symlink_to(tmp_path / "warehouse")
    with pytest.raises(DemoFailed, match="lake is in the way"):
        Directory.take(tmp_path)
    (tmp_path / "lake").unlink()
    with Directory.take(tmp_path):
        pass
