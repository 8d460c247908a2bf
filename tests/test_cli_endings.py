"""How every command ends that is interrupted, or cannot write its output: never with a traceback."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import types

import pytest

from airflow_provider_binance_liq import cli

PLAN = ("plan", "--start", "2026-01-01", "--end", "2026-02-01", "--now", "2026-02-02")


class Unwritable(io.TextIOBase):
    """An output that fails as soon as it is written to, or only when what was written is flushed."""

    def __init__(self, error, *, late):
        self.error = error
        self.late = late

    def write(self, text):
        if not self.late:
            raise self.error
        return len(text)

    def flush(self):
        if self.late:
            raise self.error


def ending(monkeypatch, command, run):
    """Run a command whose module does as `run` does."""
    module = types.SimpleNamespace(__doc__="", configure=lambda _: None, run=run)
    monkeypatch.setattr(cli, "import_module", lambda _: module)
    return cli.main([command])


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_that_is_interrupted_says_so_with_status_130(command, monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    assert ending(monkeypatch, command, interrupt) == 130
    assert capsys.readouterr() == ("", f"binance-liq {command}: interrupted\n")


@pytest.mark.parametrize("late", [False, True], ids=["at once", "when flushed"])
@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_reader_that_leaves_early_gets_no_success_from_any_command(command, late, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Unwritable(BrokenPipeError(errno.EPIPE, "Broken pipe"), late=late))
    assert ending(monkeypatch, command, lambda _: sys.stdout.write("all\n") and 0) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("late", [False, True], ids=["at once", "when flushed"])
@pytest.mark.parametrize("command", cli.COMMANDS)
def test_an_output_on_a_full_disk_is_no_verdict(command, late, monkeypatch, capsys):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(sys, "stdout", Unwritable(full, late=late))
    assert ending(monkeypatch, command, lambda _: sys.stdout.write("all\n") and 0) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"binance-liq {command}: ")
    assert "No space left on device" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_command_of_its_own_ends_quietly_once_its_reader_is_gone(unbuffered):
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_binance_liq.cli", *PLAN],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


FAILS_ELSEWHERE = """
import sys, types
from airflow_provider_binance_liq import cli

def run(_):
    print("said before")
    raise OSError("a disk that is not the output's")

cli.import_module = lambda _: types.SimpleNamespace(__doc__="", configure=lambda _: None, run=run)
sys.exit(cli.main(["plan"]))
"""


def test_what_was_said_before_an_error_of_something_else_is_not_lost():
    command = [sys.executable, "-c", FAILS_ELSEWHERE]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, env=buffered, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "said before\n")
    assert done.stderr == "binance-liq plan: a disk that is not the output's\n"
