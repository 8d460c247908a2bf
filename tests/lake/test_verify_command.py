"""The command that verifies: what it refuses, hides, shows and documents."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from verifying import DIRECTORY, START, STEM, day, everywhere, row

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake.verify import lake as lake_module
from airflow_provider_binance_liq.lake.verify.command import Progress
from airflow_provider_binance_liq.lake.verify.findings import NOTES, PROBLEMS, redact
from airflow_provider_binance_liq.lake.verify.lake import verify

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")


# --- what cannot be read --------------------------------------------------------------------------------


@everywhere
def test_a_destination_with_nothing_in_it_is_not_well(either):
    status, out, _ = either.command()
    assert status == 1
    assert "there is no manifest" in out
    assert either.wrong() == {("no-manifest", "")}


def test_a_destination_with_objects_only_is_not_well(lake):
    lake.extract()
    lake.manifest.unlink()
    assert lake.wrong() == {("no-manifest", "")}
    assert lake.notes("leftover") == [f"{DIRECTORY}/{STEM}.ndjson"]


def test_an_empty_bucket_is_empty_and_one_that_does_not_exist_cannot_be_read(bucket, capsys):
    assert main(["verify", f"s3://aws_default@{bucket}"]) == 1
    assert main(["verify", f"s3://aws_default@{bucket}/nothing/here"]) == 1
    capsys.readouterr()
    for destination in ("no-such-bucket-here", "no-such-bucket-here/prefix"):
        assert main(["verify", f"s3://aws_default@{destination}"]) == 2
        assert "bucket does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("/no/such/directory/here", "there is no directory /no/such/directory/here; give the destination"),
        (__file__, "it is a file; give the directory"),
        ("", "destination is empty"),
        ("file://two/slashes", "three slashes"),
        ("nosuch://lake", "cannot be used"),
        ("s3://missing_connection@bucket/prefix", "'missing_connection', which does not exist"),
    ],
)
def test_a_destination_that_cannot_be_read_is_another_status(destination, said, capsys):
    assert main(["verify", destination, "--json"]) == 2
    out, err = capsys.readouterr()
    assert said in err
    report = json.loads(out)
    assert report["status"] == 2
    assert said in report["error"]
    assert report["problems"] == []


def test_a_store_that_cannot_be_reached_cannot_be_read(set_connection, capsys):
    extra = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 1}}}
    set_connection("aws_gone", conn_type="aws", login="testing", password="testing", extra=extra)
    assert main(["verify", "s3://aws_gone@bucket/prefix"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["/lake", "--no-such-option"], ["/lake", "/another"]])
def test_wrong_arguments_are_status_2(words):
    with pytest.raises(SystemExit) as caught:
        main(["verify", *words])
    assert caught.value.code == 2


def refuse(monkeypatch, store, below):
    """Let a directory refuse to be listed, also to the superuser."""
    listing = type(store).ls

    def ls(self, path, *known, **more):
        if str(path).endswith(below):
            raise PermissionError(13, "Permission denied", path)
        return listing(self, path, *known, **more)

    monkeypatch.setattr(type(store), "ls", ls)


def test_a_directory_that_cannot_be_listed_is_named_and_the_others_are_verified(lake, monkeypatch):
    lake.extract("usdm_futures")
    lake.extract("margin")
    refuse(monkeypatch, lake.path.fs, "account=desk/date=2026-10-01")
    report = lake.report()
    assert report["status"] == 1
    kinds = {(each["kind"], each["path"]) for each in report["problems"]}
    assert kinds >= {("unreadable", DIRECTORY), ("unreadable", "margin/account=desk/date=2026-10-01")}
    refuse(monkeypatch, lake.path.fs, "/lake")
    assert lake.command()[0] == 2


@pytest.mark.parametrize("name", ["read_manifest", "fetch_object"])
def test_an_object_or_a_manifest_that_cannot_be_read_is_named_and_the_others_are_verified(
    lake, monkeypatch, name
):
    lake.extract("usdm_futures")
    lake.extract("margin")
    real = getattr(lake_module, name)

    def refuse(what, *known):
        if "usdm_futures" in str(what):
            message = "running again repairs it"
            raise StorageError(message) from PermissionError(13, "Permission denied")
        return real(what, *known)

    monkeypatch.setattr(lake_module, name, refuse)
    report = lake.report()
    assert (report["status"], report["sound"]) == (1, 1)
    assert lake.wrong() == {("unreadable", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert "PermissionError: [Errno 13] Permission denied" in lake.message("unreadable")
    assert "running again" not in lake.message("unreadable")


def test_a_local_disk_that_keeps_no_keys_is_no_verdict(lake, monkeypatch):
    lake.extract()

    class Full:
        def __init__(self):
            message = "the rows cannot be kept on the worker's local disk"
            raise StorageError(message)

    monkeypatch.setattr(lake_module, "Spool", Full)
    assert lake.command()[0] == 2


# --- secrets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["hunter2", "hun/ter2", "hun ter2", "hun@ter2", "hun:ter2"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_password_in_the_destination_is_refused_and_never_shown(password, options, capfd):
    assert main(["verify", f"s3://user:{password}@bucket/prefix", *options]) == 2
    said = "".join(capfd.readouterr())
    assert password not in said
    assert "ter2" not in said
    assert "holds a password" in said


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_password_in_a_manifest_is_never_shown(lake, options):
    lake.extract()
    lake.edit(lambda plain: plain["object"].update(uri="s3://user:hunter2@bucket/x"))
    status, out, err = lake.command(*options)
    assert status == 1
    assert "hunter2" not in out + err
    assert "s3://user:***@bucket/x" in out


def test_redacting_leaves_what_is_no_password():
    for text in ("s3://aws_default@bucket/a:b@c", "file:///lake/a:b@c", "a:b@c", "http://127.0.0.1:9/x"):
        assert redact(text) == text


def test_names_that_a_terminal_would_obey_are_shown_as_escapes(lake, tmp_path):
    lake.extract()
    (tmp_path / "lake" / "a\x1b[2J\nb").write_bytes(b"")
    out = lake.command()[1]
    assert "\x1b" not in out
    assert r"a\x1b[2J\nb" in out


# --- the command ----------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def __init__(self, *, tty):
        super().__init__()
        self.tty = tty

    def isatty(self):
        return self.tty


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("tty", [False, True])
def test_a_short_run_shows_no_progress(tty):
    clock, stream = Clock(), Terminal(tty=tty)
    progress = Progress(stream, clock=clock)
    for clock.now in (0.0, 0.5, 1.9):
        progress("manifest 1 of 9")
    progress.end()
    assert stream.getvalue() == ""


def test_a_long_run_shows_a_line_now_and_then_where_there_is_no_terminal():
    clock, stream = Clock(), Terminal(tty=False)
    progress = Progress(stream, clock=clock)
    for clock.now in range(30):
        progress(f"at {clock.now}")
    progress.end()
    assert stream.getvalue() == "at 2\nat 12\nat 22\n"


def test_a_long_run_moves_one_line_on_a_terminal_and_gives_it_back():
    clock, stream = Clock(), Terminal(tty=True)
    progress = Progress(stream, clock=clock)
    for clock.now in range(5):
        progress(f"at {clock.now}" * 100)
    progress.end()
    written = stream.getvalue()
    assert "\n" not in written
    assert [part[:4] for part in written.split("\r\x1b[K")] == ["", "at 2", "at 3", "at 4", ""]


def test_quiet_shows_no_progress():
    clock, stream = Clock(), Terminal(tty=False)
    progress = Progress(stream, quiet=True, clock=clock)
    clock.now = 100
    progress("at 100")
    assert stream.getvalue() == ""


def test_progress_says_where_it_is(lake):
    lake.extract()
    said = []
    verify(lake.path, said.append, now_ms=START)
    assert said[0].startswith("listing: 0 files so far")
    assert f"manifest 1 of 1: {DIRECTORY}/{STEM}.manifest.json" in said


def test_a_run_that_is_interrupted_says_so_and_is_no_verdict(lake, monkeypatch):
    from airflow_provider_binance_liq.lake.verify import command

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "verify", interrupt)
    status, out, err = lake.command()
    assert (status, out, err) == (130, "", "binance-liq verify: interrupted\n")


def alone(lake, tmp_path, *options):
    """Run the command as a process of its own, where Airflow is imported by nobody else."""
    return subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_binance_liq.cli", "verify", lake.url, *options],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_the_command_alone_prints_one_document_and_keeps_airflow_out_of_it(begin, bucket, tmp_path):
    lake = begin(f"s3://aws_default@{bucket}/p")
    lake.extract()
    process = alone(lake, tmp_path, "--json", "--quiet")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert json.loads(out)["sound"] == 1


@pytest.mark.slow  # airflow takes seconds to import in a process of its own
@pytest.mark.timeout(240)
def test_a_reader_that_leaves_early_gets_no_success(lake, tmp_path):
    lake.extract()
    process = alone(lake, tmp_path, "--quiet", "--json")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "BrokenPipe" not in err
    assert "Traceback" not in err


# --- documentation --------------------------------------------------------------------------------------


def test_every_kind_is_documented_with_its_meaning():
    for kind, meaning in {**PROBLEMS, **NOTES}.items():
        assert f"| `{kind}` | {meaning} |" in PAGE


def test_every_member_of_the_document_is_documented(lake):
    for number in (0, 2):
        lake.extract(window=day(number))
    report = lake.report()
    (timeline,) = report["timelines"]
    members = [*report, *(f"timelines[].{name}" for name in timeline)]
    members += [f"problems[].{name}" for name in report["problems"][0]]
    assert [name for name in members if f"`{name}`" not in PAGE] == []


# --- size -----------------------------------------------------------------------------------------------


@pytest.mark.slow  # 200,000 rows are read twice, under the eyes of tracemalloc
@pytest.mark.timeout(240)
def test_memory_stays_flat_however_many_rows_an_object_has(lake):
    def peak():
        tracemalloc.start()
        try:
            assert verify(lake.path, now_ms=START).status() == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    lake.land(row(number, START + number // 4) for number in range(2_000))
    few = peak()
    lake.land(row(number, START + number // 4) for number in range(200_000))
    many = peak()
    assert many < few + 4 * 2**20
