"""`binance-liq demo` on the command line, as far as it comes without an Airflow."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.demo import command
from airflow_provider_binance_liq.demo.directory import Directory

DEMO = [sys.executable, "-m", "airflow_provider_binance_liq.cli", "demo"]


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A place of its own for temporary directories."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    monkeypatch.setenv("TMPDIR", str(path))
    return path


def test_without_options_it_stays_in_a_temporary_directory_with_five_days(parser):
    assert vars(parser.parse_args([])) == {
        "exit": False,
        "directory": None,
        "port": None,
        "days": 5,
        "seed": 7,
        "cascade_rows": 1000,
    }


def test_options_are_read(parser):
    words = ["--exit", "--port", "18080", "--days", "3", "--seed", "8", "--cascade-rows", "20"]
    wishes = parser.parse_args([*words, "--directory", "a path with späces"])
    assert (wishes.exit, wishes.port, wishes.days, wishes.seed, wishes.cascade_rows) == (
        True,
        18080,
        3,
        8,
        20,
    )
    assert wishes.directory == Path("a path with späces")


def test_every_option_has_a_help_text(parser):
    assert all(action.help for action in parser._actions)


def test_help_reports_what_it_does_and_ends_well(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "Ctrl-C stops it all" in printed
    assert "--cascade-rows" in printed


@pytest.mark.parametrize(
    ("words", "explanation"),
    [
        (["--port", "0"], "--port: '0' is not a whole number from 1 to 65535"),
        (["--port", "65536"], "--port: '65536' is not a whole number from 1 to 65535"),
        (["--port", "-1"], "--port"),
        (["--port", "http"], "--port: 'http' is not a whole number from 1 to 65535"),
        (["--days", "0"], "--days: '0' is not a whole number from 1 to 30"),
        (["--days", "31"], "--days: '31' is not a whole number from 1 to 30"),
        (["--days", "1.5"], "--days: '1.5' is not a whole number from 1 to 30"),
        (["--days", "²"], "--days: '²' is not a whole number from 1 to 30"),
        (["--days", "9" * 5000], "--days"),
        (["--cascade-rows", "0"], "--cascade-rows: '0' is not a whole number from 1 to 100000"),
        (["--cascade-rows", ""], "--cascade-rows: '' is not a whole number from 1 to 100000"),
        (["--seed", "seven"], "--seed: invalid int value: 'seven'"),
        (["--directory"], "--directory: expected one argument"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["more"], "unrecognized arguments: more"),
    ],
)
def test_a_mistake_ends_with_status_2_and_a_sentence(words, explanation, capsys, temporary):
    with pytest.raises(SystemExit) as ended:
        main(["demo", *words])
    assert ended.value.code == 2
    assert explanation in capsys.readouterr().err
    assert list(temporary.iterdir()) == []


def test_a_port_in_use_is_said_so_at_once_and_nothing_is_written(capsys, temporary):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--exit", "--port", str(port)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"The demo failed: port {port} of 127.0.0.1 is in use")
    assert printed.count("\n") == 1
    assert list(temporary.iterdir()) == []


def test_a_directory_in_use_is_said_so_at_once(capsys, tmp_path):
    with Directory.take(tmp_path):
        assert main(["demo", "--exit", "--directory", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"The demo failed: another demo runs in {tmp_path} (process {os.getpid()})")
    assert printed.count("\n") == 1


def test_a_directory_of_somebody_else_is_refused_at_once_and_untouched(capsys, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["demo", "--exit", "--directory", str(tmp_path)]) == 1
    assert "no demo made it" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(capsys, monkeypatch):
    monkeypatch.setattr(command, "_EXTRA", {"duckdb": "duckdb", "no-such-package": None, "psutil": "no_such"})
    assert main(["demo", "--exit"]) == 1
    printed = capsys.readouterr().out
    assert "The demo failed: no-such-package, psutil not installed, or not usable here" in printed
    assert "pip install 'airflow-provider-binance-liq[demo]'" in printed


def test_everything_the_demo_needs_is_installed_here():
    command.require_extra()


def test_a_reader_that_leaves_ends_it_quietly_and_nothing_is_left(temporary):
    demo = subprocess.Popen([*DEMO, "--exit"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    demo.stdout.close()
    try:
        assert demo.wait(30) == 1
    finally:
        demo.kill()
    assert demo.stderr.read() == ""
    demo.stderr.close()
    assert list(temporary.iterdir()) == []
